"""What the Edge TPU compiler (16.0) asks of a .tflite file: a row for each rule, without the code that checks it."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class LintRule:
    """One rule; the letter of its `id` is its severity: E (error), W (warning), I (information).

    `effect` says what the compiler does with a file that breaks it: "refused" (no file comes out), "on CPU" (the
    operator, and what is run after it, stays on the CPU), "wrong" (it runs and gives wrong numbers), "slower", "none".
    """

    id: str
    title: str
    effect: str
    why: str
    cure: str
    source: str

    @property
    def severity(self) -> str:
        """ "error", "warning" or "information"."""
        return {"E": "error", "W": "warning", "I": "information"}[self.id[0]]


_TABLE = "coral.ai/docs/edgetpu/models-intro, supported operations"
_REQUIREMENTS = "coral.ai/docs/edgetpu/models-intro, model requirements"
_LOADERS = "measured: one-operator files loaded by TensorFlow 2.5.3 and 2.6.5, the compiler's age"

ERRORS = (
    LintRule(
        "E1",
        "custom operator",
        "on CPU",
        "the compiler knows TFLite's own operators only; CUSTOM and Flex ones need code that the chip does not have",
        "write the layer with stock Keras layers, and convert without SELECT_TF_OPS",
        _TABLE,
    ),
    LintRule(
        "E2",
        "several subgraphs or control flow",
        "refused",
        "the compiler takes one graph that always runs from end to end; IF, WHILE and CALL_ONCE bring others along",
        "take branches and loops out of the model, or unroll them; convert one signature a file",
        "google-coral/edgetpu#461",
    ),
    LintRule(
        "E3",
        "resource variables left in",
        "refused",
        "weights that are read from a variable are no constants, and TensorFlow 2.5 does not know these operators",
        "convert from a SavedModel written by model.export, as tfslim.litert.convert does",
        "measured: from_concrete_functions of a Keras 3 model leaves VAR_HANDLE and READ_VARIABLE",
    ),
    LintRule(
        "E4",
        "operator newer than the compiler",
        "refused",
        'its loader has no such operator ("Op builtin_code out of range", "Didn\'t find op for builtin opcode")',
        "use a layer that converts to older operators",
        f"google-coral/edgetpu#667, #818, #862; {_LOADERS}",
    ),
    LintRule(
        "E5",
        "operator version newer than the compiler",
        "refused",
        'its loader knows this operator in older versions only ("Didn\'t find op for builtin opcode ... version")',
        "use a layer that converts to the older version of the operator",
        f"google-coral/edgetpu#631, #879; {_LOADERS}",
    ),
    LintRule(
        "E6",
        "open size",
        "refused",
        "the sizes of all tensors must be known when the file is compiled",
        "build the model with keras.Input(shape, batch_size=1), or convert with tfslim.litert.convert, which does",
        f"{_REQUIREMENTS}; tensorflow/tensorflow#73946",
    ),
    LintRule(
        "E7",
        "shape computed at run time",
        "refused",
        "a shape that SHAPE, PACK or the like compute is no constant of the file",
        "fix the batch at 1 before conversion: Flatten and Reshape then need no computed shape",
        f"{_REQUIREMENTS}; google-coral/edgetpu#586, #829",
    ),
    LintRule(
        "E8",
        "batch other than 1",
        "on CPU",
        "the chip runs one example at a time: only the 3 innermost axes of a tensor may be longer than 1",
        "convert with a batch of 1",
        _REQUIREMENTS,
    ),
    LintRule(
        "E9",
        "parameter stored outside the flatbuffer or missing",
        "refused",
        "the compiler's loader reads buffers in the flatbuffer only; what lies behind it is taken for not constant",
        "tfslim.litert.slim_file(path, out) writes the buffers into the flatbuffer",
        'measured: TensorFlow 2.6.5 says "Input tensor lacks data"; ml-nskolesnikov/edge-bench',
    ),
    LintRule(
        "E10",
        "parameter not constant",
        "on CPU",
        "weights, biases, paddings, axes and sizes must be constants of the file",
        "compute them before conversion and store them as weights",
        _REQUIREMENTS,
    ),
    LintRule(
        "E11",
        "64-bit operand",
        "on CPU",
        "int64 paddings, axes or sizes are read as int32, so that every other number is a 0",
        "convert with TensorFlow's converter, which writes int32, or cast the constant",
        "int8-pruning-pipeline, convert/flatbuffer.py",
    ),
    LintRule(
        "E12",
        "not quantised to 8 bits",
        "on CPU",
        "the chip computes in 8-bit integers; float, int16 and int4 tensors stay on the CPU",
        'quantise fully: tfslim.litert.convert(..., "int8", representative=images, target="edgetpu"), without layers '
        "that TensorFlow keeps in float (LayerNormalization, GroupNormalization, ELU)",
        _REQUIREMENTS,
    ),
    LintRule(
        "E13",
        "activation without one scale",
        "on CPU",
        "an activation must have exactly one scale and one zero point",
        "convert with representative images, so that every tensor gets its range",
        _REQUIREMENTS,
    ),
    LintRule(
        "E14",
        "bias of another scale",
        "wrong",
        "a bias is added to int32 sums, whose scale is the input's times the weights'; any other gives wrong numbers",
        "convert again; do not edit scales in the file",
        "tensorflow.org/lite/performance/quantization_spec",
    ),
    LintRule(
        "E15",
        "dense layer with a scale for each unit",
        "wrong",
        "loaders of the compiler's age take one scale for all units: the file loads, and answers a constant",
        'convert with target="edgetpu", or end in a 1x1 convolution in place of Dense',
        "measured in TensorFlow 2.6.5 and 2.8: top-1 agreement 0.00; LiteRT#3596",
    ),
    LintRule(
        "E16",
        "dense layer of an unsupported form",
        "on CPU",
        "FULLY_CONNECTED takes default weights and one vector at a time",
        "flatten to one row before Dense, or use a 1x1 convolution on a map",
        _TABLE,
    ),
    LintRule(
        "E17",
        "grouped convolution",
        "refused",
        "CONV_2D has no groups in the compiler; lowering the operator's version only moves the error to the shapes",
        "split the channels, convolve each part and concatenate; groups equal to channels is DepthwiseConv2D",
        "google-coral/edgetpu#631; measured",
    ),
    LintRule(
        "E18",
        "dilation differs in height and width",
        "on CPU",
        "convolutions need the same dilation in both directions",
        "use one dilation rate for both axes",
        _TABLE,
    ),
    LintRule(
        "E19",
        "operator not supported",
        "on CPU",
        "the chip has no such operator, so it and all that is run after it stay on the CPU",
        "write it with operators of that table, or do it in the app, behind the file's outputs",
        _TABLE,
    ),
    LintRule(
        "E20",
        "fused activation on pooling or concatenation",
        "on CPU",
        "AVERAGE_POOL_2D, MAX_POOL_2D and CONCATENATION must have no fused activation",
        "ReLU before max pooling or concatenation gives the same; after average pooling write it as a PReLU of slope 0",
        _TABLE,
    ),
    LintRule(
        "E21",
        "reduction over an unsupported axis",
        "on CPU",
        "MEAN, SUM and REDUCE_* do not run over the batch, and over channels MEAN needs a multiple of 4",
        "reduce over height and width, or pad the channels to a multiple of 4",
        _TABLE,
    ),
    LintRule(
        "E22",
        "softmax of an unsupported size",
        "on CPU",
        "SOFTMAX takes one vector of at most 16,000 elements",
        "let the file give logits, and take the softmax in the app",
        _TABLE,
    ),
    LintRule(
        "E23",
        "strided slice with steps or masks",
        "on CPU",
        "STRIDED_SLICE needs steps of 1, and neither ellipsis nor new axes",
        "slice with steps of 1 (Cropping2D), or use a strided convolution or pooling",
        _TABLE,
    ),
    LintRule(
        "E24",
        "PReLU with a slope for each position",
        "on CPU",
        "PRELU takes one slope a channel",
        "keras.layers.PReLU(shared_axes=[1, 2])",
        _TABLE,
    ),
    LintRule(
        "E25",
        "split, pack or padding along the batch",
        "on CPU",
        "SPLIT, PACK and PAD work on height, width and channels only",
        "do it along another axis",
        _TABLE,
    ),
    LintRule(
        "E26",
        "concatenation with a constant",
        "on CPU",
        "with a constant, CONCATENATION takes exactly two inputs and a constant of zeros",
        "pad with ZeroPadding2D, or take the constant out",
        _TABLE,
    ),
    LintRule(
        "E27",
        "too many axes",
        "on CPU",
        "only the 3 innermost axes may be longer than 1",
        "keep to (1, height, width, channels); a channel shuffle or a nearest UpSampling2D passes through 5 axes",
        _REQUIREMENTS,
    ),
    LintRule(
        "E28",
        "scales along the wrong axis",
        "wrong",
        "weights with several scales have them along the filters: axis 0, for DEPTHWISE_CONV_2D axis 3",
        "convert with TensorFlow's converter",
        "tensorflow.org/lite/performance/quantization_spec",
    ),
)


WARNINGS = (
    LintRule(
        "W1",
        "operators stranded on the CPU",
        "slower",
        "the chip runs one part of the graph: from the first operator that does not map, all that follow stay behind",
        "cure the first operator that does not map; put what cannot map at the very end",
        "google-coral/edgetpu#461, #30",
    ),
    LintRule(
        "W2",
        "float at the file's ends",
        "slower",
        "QUANTIZE and DEQUANTIZE of float inputs and outputs run on the CPU",
        'convert with io="int8" or io="uint8"',
        _REQUIREMENTS,
    ),
    LintRule(
        "W3",
        "parameters do not fit the chip's memory",
        "slower",
        "what does not fit 8 MiB, less the activations' share, is sent over USB at every inference (an estimate)",
        "fewer filters (tfslim.prune_filters), or a smaller model",
        "coral.ai/docs/edgetpu/compiler, parameter data caching",
    ),
    LintRule(
        "W4",
        "large activation",
        "on CPU",
        "the compiler leaves out MEAN, RESHAPE, RESIZE_* and pooling of large tensors, without a stated limit",
        "a smaller input image, or an earlier stride; split a MEAN over a large map into two",
        "google-coral/edgetpu#461, #183, #439, #512, #608",
    ),
    LintRule(
        "W5",
        "resizing",
        "on CPU",
        "RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR may stay on the CPU, by size and by half-pixel centres",
        "small sizes; Conv2DTranspose maps",
        "google-coral/edgetpu#187, #206, #283, #396, #420",
    ),
    LintRule(
        "W6",
        "few channels",
        "none",
        "the compiler pads channels to 64: fewer cost the same time",
        "nothing has to be done; pruning below 64 channels saves bytes and no time",
        "int8-pruning-pipeline, docs/PRUNING_HAZARDS.md",
    ),
    LintRule(
        "W7",
        "large outputs",
        "slower",
        "outputs come back over USB at about 87 MiB/s",
        "reduce on the chip what the app reduces",
        "int8-pruning-pipeline, docs/PRUNING_HAZARDS.md",
    ),
    LintRule(
        "W8",
        "sparse tensors",
        "on CPU",
        "the chip's array is dense: sparse storage needs DENSIFY on the CPU and buys nothing",
        "convert without EXPERIMENTAL_SPARSITY",
        "measured: DENSIFY in the converted files; TensorFlow's sparsity format",
    ),
    LintRule(
        "W9",
        "open batch of inputs and outputs",
        "none",
        "the batch is written as open (-1) while all tensors have a fixed size; the compiler takes the size",
        "build the model with keras.Input(shape, batch_size=1)",
        _REQUIREMENTS,
    ),
    LintRule(
        "W10",
        "operator version at the edge",
        "refused",
        "TensorFlow 2.6 knows it and 2.5 does not; the compiler's loader is between these two or is one of them",
        "use a layer that converts to the older version of the operator",
        _LOADERS,
    ),
    LintRule(
        "I1",
        "producer",
        "none",
        "files of ai-edge-quantizer have all operators at version 1, so that their versions prove nothing",
        "nothing has to be done",
        "the file's metadata and description",
    ),
)


RULES: dict[str, LintRule] = {rule.id: rule for rule in ERRORS + WARNINGS}

# What to write in place of an operator that E4, E5 or E19 names.
REPLACEMENTS = {
    "LEAKY_RELU": "keras.layers.PReLU(shared_axes=[1, 2]) with the slope as its weights, or maximum(x, slope * x)",
    "HARD_SWISH": "x * relu6(x + 3) / 6 is folded back into HARD_SWISH: write x * (relu(y) - relu(y - 3)) / 3 with "
    "y = 0.5 * x + 1.5, or use ReLU",
    "GELU": "ReLU, or x * sigmoid(1.702 * x), which is LOGISTIC and MUL",
    "ELU": "ReLU or PReLU",
    "EXP": "softplus and mish need EXP and LOG: use ReLU, or silu, which is LOGISTIC and MUL",
    "LOG": "softplus and mish need EXP and LOG: use ReLU, or silu, which is LOGISTIC and MUL",
    "TILE": 'a nearest UpSampling2D becomes TILE: use keras.layers.Resizing(h, w, interpolation="nearest")',
    "PADV2": "pad with the zero point (ZeroPadding2D), which is PAD",
    "DEPTH_TO_SPACE": "Conv2DTranspose, or Resizing and a convolution",
    "GATHER": "slices (SLICE, SPLIT) or a 1x1 convolution that selects",
    "GATHER_ND": "slices (SLICE, SPLIT) or a 1x1 convolution that selects",
    "BATCH_MATMUL": "convolutions or FULLY_CONNECTED with constant weights; attention does not map",
    "DIV": "multiply by the inverse",
    "ARG_MAX": "let the file give scores, and take the largest in the app",
    "CAST": "let the file take and give int8 or uint8",
    "RELU_0_TO_1": "hard_sigmoid as relu6(x + 3) / 6, or sigmoid",
    "QUANTIZE": 'one scale at the file\'s ends: io="int8" adds no QUANTIZE',
    "CONV_2D": "a grouped convolution (version 6): split the channels, convolve each part and concatenate",
}
