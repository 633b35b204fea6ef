"""Keras operations that never map to the Edge TPU.

The keys are class names of layers and of operations of `keras.ops`, and names of activation functions. Measured with
TensorFlow 2.21: int8 files of one convolution and the operation, read by `tfslim.litert.lint`.
"""

from typing import NamedTuple

__all__ = ["ACTIVATIONS", "OPERATIONS", "Unsupported"]

_BATCH_NORM = "BatchNormalization, which folds into the convolution before it"
_SCALE_IN_APP = "output the vector, and scale it to unit length in the app"
_LARGEST_IN_APP = "output the scores, and take the largest in the app"
_LOGITS = "output the logits, and apply it in the app"
_OVER_TIME = "convolutions over time"
_RELU = "ReLU or PReLU(shared_axes=[1, 2]), and train further"


class Unsupported(NamedTuple):
    """An operation that breaks a rule.

    Attributes:
        rule: id of the rule.
        becomes: the operators of the .tflite file that it converts to.
        cure: a replacement, "" if the rule's own cure applies.
    """

    rule: str
    becomes: str
    cure: str = ""


OPERATIONS: dict[str, Unsupported] = {
    # elementwise functions
    "Absolute": Unsupported("E19", "ABS", "relu(x) + relu(0 - x)"),
    "Abs": Unsupported("E19", "ABS"),
    "Sign": Unsupported("E12", "SIGN, in float and too new"),
    "Ceil": Unsupported("E12", "CEIL, in float"),
    "Floor": Unsupported("E12", "FLOOR, in float"),
    "Round": Unsupported("E12", "ROUND, in float"),
    "Sin": Unsupported("E12", "SIN, in float"),
    "Cos": Unsupported("E12", "COS, in float"),
    "Negative": Unsupported("E12", "NEG, in float", "0 - x, or x * -1, which are SUB and MUL"),
    "Square": Unsupported("E12", "SQUARE, in float", "x * x, which is MUL"),
    "Sqrt": Unsupported("E5", "SQRT version 2"),
    "Exp": Unsupported("E5", "EXP version 2"),
    "Expm1": Unsupported("E5", "EXP version 2"),
    "Log": Unsupported("E5", "LOG version 2"),
    "Log1p": Unsupported("E5", "LOG version 2"),
    "Logsumexp": Unsupported("E5", "EXP and LOG version 2"),
    "Norm": Unsupported("E5", "SQRT version 2"),
    "Normalize": Unsupported("E12", "SQUARE, in float", _SCALE_IN_APP),
    "Std": Unsupported("E5", "SQRT version 2"),
    "Prod": Unsupported("E5", "REDUCE_PROD version 2"),
    "Reciprocal": Unsupported("E19", "DIV"),
    # products of tensors
    "Matmul": Unsupported("E19", "BATCH_MATMUL"),
    "Einsum": Unsupported("E19", "BATCH_MATMUL"),
    "Tensordot": Unsupported("E19", "BATCH_MATMUL"),
    "Dot": Unsupported("E19", "BATCH_MATMUL"),
    # comparisons and selection
    "Where": Unsupported("E19", "SELECT"),
    "Greater": Unsupported("E19", "GREATER"),
    "GreaterEqual": Unsupported("E19", "GREATER_EQUAL"),
    "Less": Unsupported("E19", "LESS"),
    "LessEqual": Unsupported("E19", "LESS_EQUAL"),
    "Equal": Unsupported("E19", "EQUAL"),
    "NotEqual": Unsupported("E19", "NOT_EQUAL"),
    "Cast": Unsupported("E12", "CAST, to a type of more than 8 bits"),
    # rearranging and indexing
    "Flip": Unsupported("E19", "REVERSE_V2"),
    "Cumsum": Unsupported("E12", "CUMSUM, in float"),
    "Sort": Unsupported("E12", "TOPK_V2 between NEG in float"),
    "TopK": Unsupported("E19", "TOPK_V2", _LARGEST_IN_APP),
    "Argmax": Unsupported("E19", "ARG_MAX", _LARGEST_IN_APP),
    "Argmin": Unsupported("E19", "ARG_MIN"),
    "Take": Unsupported("E19", "GATHER"),
    "TakeAlongAxis": Unsupported("E19", "GATHER_ND"),
    "Tile": Unsupported("E5", "TILE version 3"),
    "Repeat": Unsupported("E5", "TILE version 3"),
    "RepeatVector": Unsupported("E5", "TILE version 3"),
    "UpSampling1D": Unsupported("E5", "TILE version 3", "Conv1DTranspose"),
    # normalization layers
    "LayerNormalization": Unsupported("E12", "means and squares, some in float", _BATCH_NORM),
    "RMSNormalization": Unsupported("E12", "means and squares, some in float", _BATCH_NORM),
    "GroupNormalization": Unsupported("E12", "means and squares, some in float, over five axes", _BATCH_NORM),
    "UnitNormalization": Unsupported("E12", "SQUARE in float, and RSQRT", _SCALE_IN_APP),
    # three-dimensional layers
    "Conv3D": Unsupported("E12", "CONV_3D, in float", "two-dimensional convolutions"),
    "Conv3DTranspose": Unsupported("E12", "CONV_3D_TRANSPOSE, in float"),
    "MaxPooling3D": Unsupported("E12", "an operator of TensorFlow itself, on five axes"),
    "AveragePooling3D": Unsupported("E12", "an operator of TensorFlow itself, on five axes"),
    # recurrent layers
    "LSTM": Unsupported("E2", "a loop; int8 conversion of it crashes", _OVER_TIME),
    "GRU": Unsupported("E2", "a loop", _OVER_TIME),
    "SimpleRNN": Unsupported("E2", "a loop", _OVER_TIME),
    "ConvLSTM2D": Unsupported("E2", "a loop"),
    "Bidirectional": Unsupported("E2", "two loops"),
    "RNN": Unsupported("E2", "a loop"),
    # attention
    "MultiHeadAttention": Unsupported(
        "E19", "BATCH_MATMUL and a softmax over maps", "convolutions; attention does not map"
    ),
    "GroupQueryAttention": Unsupported("E19", "BATCH_MATMUL and a softmax over maps"),
    "Attention": Unsupported("E19", "BATCH_MATMUL and a softmax over maps"),
    "AdditiveAttention": Unsupported("E19", "BATCH_MATMUL and a softmax over maps"),
    # other layers
    "Embedding": Unsupported("E19", "GATHER", "look the rows up in the app"),
    "AdaptiveAveragePooling2D": Unsupported("E19", "GATHER", "AveragePooling2D of a fixed size"),
    "AdaptiveMaxPooling2D": Unsupported("E19", "GATHER"),
    "Discretization": Unsupported("E19", "comparisons"),
    "TimeDistributed": Unsupported("E25", "PACK along the batch"),
}

ACTIVATIONS: dict[str, Unsupported] = {
    "gelu": Unsupported("E4", "GELU, operator code 150", "ReLU, or x * sigmoid(1.702 * x), and train further"),
    "hard_silu": Unsupported("E19", "HARD_SWISH"),
    "leaky_relu": Unsupported("E19", "LEAKY_RELU"),
    "elu": Unsupported("E12", "ELU, which stays in float", _RELU),
    "celu": Unsupported("E5", "EXP version 2", _RELU),
    "selu": Unsupported("E5", "EXP version 2, and SELECT", _RELU),
    "exponential": Unsupported("E5", "EXP version 2"),
    "softplus": Unsupported("E5", "EXP and LOG version 2", "ReLU or silu, and train further"),
    "mish": Unsupported("E5", "EXP and LOG version 2", "silu or ReLU, and train further"),
    "log_sigmoid": Unsupported("E5", "EXP and LOG version 2", _LOGITS),
    "log_softmax": Unsupported("E19", "LOG_SOFTMAX", _LOGITS),
    "softsign": Unsupported("E19", "ABS and DIV"),
    "squareplus": Unsupported("E5", "SQRT version 2, and SQUARE in float"),
    "hard_shrink": Unsupported("E19", "ABS, GREATER and SELECT_V2"),
    "soft_shrink": Unsupported("E19", "GREATER, LESS and SELECT"),
    "threshold": Unsupported("E19", "GREATER and SELECT"),
    "sparse_plus": Unsupported("E19", "LESS and SELECT"),
    "sparse_sigmoid": Unsupported("E19", "GREATER_EQUAL and SELECT"),
    "sparsemax": Unsupported("E19", "sorting and comparisons"),
}
