"""Which operators the Edge TPU has, and which of their operands must be constants."""

# coral.ai/docs/edgetpu/models-intro, for runtime 14, which compiler 16.0 writes for. What the page's stored copies do
# not show after RESIZE_BILINEAR is from its older table and from reports of mapped models.
_SUPPORTED = """
ADD AVERAGE_POOL_2D CONCATENATION CONV_2D DEPTHWISE_CONV_2D EXPAND_DIMS FULLY_CONNECTED L2_NORMALIZATION LOGISTIC
LSTM MAXIMUM MAX_POOL_2D MEAN MINIMUM MUL PACK PAD PRELU QUANTIZE REDUCE_MAX REDUCE_MIN RELU RELU6 RELU_N1_TO_1
RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR RSQRT SLICE SOFTMAX SPACE_TO_DEPTH SPLIT SQUARED_DIFFERENCE SQUEEZE
STRIDED_SLICE SUB SUM TANH TRANSPOSE TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM
"""
SUPPORTED = frozenset(_SUPPORTED.split())
CONTROL_FLOW = frozenset({"IF", "WHILE", "CALL", "CALL_ONCE", "STABLEHLO_CASE", "STABLEHLO_WHILE"})
VARIABLES = frozenset({"VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE"})
# Operators of which a rule of its own speaks.
SPOKEN_FOR = CONTROL_FLOW | VARIABLES | {"CUSTOM", "DELEGATE", "SHAPE", "DEQUANTIZE"}

# Operand -> what it is, by operator.
WEIGHTS = {
    "CONV_2D": {1: "weights", 2: "bias"},
    "DEPTHWISE_CONV_2D": {1: "weights", 2: "bias"},
    "FULLY_CONNECTED": {1: "weights", 2: "bias"},
    "TRANSPOSE_CONV": {1: "weights", 3: "bias"},
    "PRELU": {1: "slopes"},
}
SIZES = {
    "RESHAPE": {1: "shape"},
    "TRANSPOSE_CONV": {0: "output shape"},
    "RESIZE_BILINEAR": {1: "size"},
    "RESIZE_NEAREST_NEIGHBOR": {1: "size"},
    "STRIDED_SLICE": {1: "begin", 2: "end", 3: "strides"},
    "SLICE": {1: "begin", 2: "size"},
    "PAD": {1: "paddings"},
    "TRANSPOSE": {1: "permutation"},
    "EXPAND_DIMS": {1: "axis"},
    "SPLIT": {0: "axis"},
    "MEAN": {1: "axes"},
    "SUM": {1: "axes"},
    "REDUCE_MAX": {1: "axes"},
    "REDUCE_MIN": {1: "axes"},
}
BIAS = {name: place for name, places in WEIGHTS.items() for place, what in places.items() if what == "bias"}
