"""Rules of the Edge TPU compiler 16.0 for .tflite files.

This module holds their texts; the checks are in `file_checks`, `operator_checks`, `tensor_checks` and `keras_checks`.
"""

import dataclasses

__all__ = ["ERRORS", "REPLACEMENTS", "RULES", "WARNINGS", "LintRule"]


@dataclasses.dataclass(frozen=True)
class LintRule:
    """One rule of the linter.

    Attributes:
        id: its first letter is the severity: E (error), W (warning), I (information).
        title: the rule in a few words.
        effect: what happens to a file that breaks it: "refused" (the compiler writes no file), "on CPU" (the operator
            and all that follow it stay on the CPU), "wrong" (it runs and returns wrong numbers), "slower", "none".
        why: why the rule holds.
        cure: what to do.
        source: documentation, report or measurement.
    """

    id: str
    title: str
    effect: str
    why: str
    cure: str
    source: str

    @property
    def severity(self) -> str:
        """Return "error", "warning" or "information", by the id."""
        return {"E": "error", "W": "warning", "I": "information"}[self.id[0]]


_TABLE = "coral.ai/docs/edgetpu/models-intro, supported operations"
_REQUIREMENTS = "coral.ai/docs/edgetpu/models-intro, model requirements"
_LOADERS = "measured: one-operator files loaded by TensorFlow 2.5.3 and 2.6.5, which are of the compiler's age"

ERRORS = (
    LintRule(
        "E1",
        "custom operator",
        "on CPU",
        "the compiler supports built-in TFLite operators only; CUSTOM and Flex ones need code that the chip lacks",
        "write the layer with stock Keras layers, and convert without SELECT_TF_OPS",
        _TABLE,
    ),
    LintRule(
        "E2",
        "several subgraphs or control flow",
        "refused",
        "the compiler accepts one graph that always runs from end to end; IF, WHILE and CALL_ONCE add others",
        "remove branches and loops from the model, or unroll them; convert one signature per file",
        "google-coral/edgetpu#461",
    ),
    LintRule(
        "E3",
        "resource variables left in",
        "refused",
        "weights read from a variable are not constants, and TensorFlow 2.5 does not have these operators",
        "convert from a SavedModel written by model.export, as tfslim.litert.convert does",
        "measured: from_concrete_functions of a Keras 3 model leaves VAR_HANDLE and READ_VARIABLE",
    ),
    LintRule(
        "E4",
        "operator newer than the compiler",
        "refused",
        "the compiler's loader does not have the operator "
        '("Op builtin_code out of range", "Didn\'t find op for builtin opcode")',
        "use a layer that converts to older operators",
        f"google-coral/edgetpu#667, #818, #862; {_LOADERS}",
    ),
    LintRule(
        "E5",
        "operator version newer than the compiler",
        "refused",
        "the compiler's loader has older versions of the operator only "
        '("Didn\'t find op for builtin opcode ... version")',
        "use a layer that converts to the older version of the operator",
        f"google-coral/edgetpu#631, #879; {_LOADERS}",
    ),
    LintRule(
        "E6",
        "open size",
        "refused",
        "the sizes of all tensors must be known when the file is compiled",
        "build the model with keras.Input(shape, batch_size=1), or convert with tfslim.litert.convert, which does it",
        f"{_REQUIREMENTS}; tensorflow/tensorflow#73946",
    ),
    LintRule(
        "E7",
        "shape computed at run time",
        "refused",
        "a shape computed by SHAPE, PACK or similar operators is not a constant of the file",
        "fix the batch at 1 before conversion; Flatten and Reshape then need no computed shape",
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
        "the compiler's loader reads buffers inside the flatbuffer only and treats others as not constant",
        "move the buffers into the flatbuffer with tfslim.litert.slim_file(path, out)",
        'measured: TensorFlow 2.6.5 reports "Input tensor lacks data"; ml-nskolesnikov/edge-bench',
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
        "int64 paddings, axes or sizes are read as int32, so every other number is 0",
        "convert with TensorFlow's converter, which writes int32, or cast the constant",
        "int8-pruning-pipeline, convert/flatbuffer.py",
    ),
    LintRule(
        "E12",
        "not quantized to 8 bits",
        "on CPU",
        "the chip computes in 8-bit integers; operators on float, int16 and int4 tensors stay on the CPU",
        'quantize fully with tfslim.litert.convert(..., "int8", representative=images, target="edgetpu"), without '
        "layers that TensorFlow keeps in float (LayerNormalization, GroupNormalization, ELU)",
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
        "a bias is added to int32 sums, whose scale is the input's times the weights'; any other scale is wrong",
        "convert the model again; do not edit scales in the file",
        "tensorflow.org/lite/performance/quantization_spec",
    ),
    LintRule(
        "E15",
        "dense layer with a scale for each unit",
        "wrong",
        "loaders of the compiler's age use one scale for all units: the file loads, and its output is constant",
        'convert with target="edgetpu", or replace the Dense at the end by a 1x1 convolution',
        "measured in TensorFlow 2.6.5 and 2.8: top-1 agreement 0.00; LiteRT#3596",
    ),
    LintRule(
        "E16",
        "dense layer of an unsupported form",
        "on CPU",
        "FULLY_CONNECTED supports the default weight format and one vector at a time",
        "flatten to one row before Dense, or use a 1x1 convolution on a map",
        _TABLE,
    ),
    LintRule(
        "E17",
        "grouped convolution",
        "refused",
        "CONV_2D has no groups in the compiler; with a lower operator version in the file, the shapes are refused",
        "split the channels, convolve each part and concatenate; with one group per channel, use DepthwiseConv2D",
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
        "the chip does not have the operator, so it and all operators that run after it stay on the CPU",
        "write it with operators of that table, or compute it in the app from the file's outputs",
        _TABLE,
    ),
    LintRule(
        "E20",
        "fused activation on pooling or concatenation",
        "on CPU",
        "AVERAGE_POOL_2D, MAX_POOL_2D and CONCATENATION must have no fused activation",
        "move the ReLU before max pooling or concatenation; after average pooling, write it as a PReLU of slope 0",
        _TABLE,
    ),
    LintRule(
        "E21",
        "reduction over an unsupported axis",
        "on CPU",
        "MEAN, SUM and REDUCE_* can't reduce the batch, and MEAN over channels needs a multiple of 4 of them",
        "reduce over height and width, or pad the channels to a multiple of 4",
        _TABLE,
    ),
    LintRule(
        "E22",
        "softmax of an unsupported size",
        "on CPU",
        "SOFTMAX supports one vector of at most 16,000 elements",
        "output the logits, and apply the softmax in the app",
        _TABLE,
    ),
    LintRule(
        "E23",
        "strided slice with steps or masks",
        "on CPU",
        "STRIDED_SLICE supports steps of 1 only, without ellipsis and new axes",
        "slice with steps of 1 (Cropping2D), or use a strided convolution or pooling",
        _TABLE,
    ),
    LintRule(
        "E24",
        "PReLU with a slope for each position",
        "on CPU",
        "PRELU supports one slope per channel",
        "use keras.layers.PReLU(shared_axes=[1, 2])",
        _TABLE,
    ),
    LintRule(
        "E25",
        "split, pack or padding along the batch",
        "on CPU",
        "SPLIT, PACK and PAD support height, width and channels only",
        "use another axis",
        _TABLE,
    ),
    LintRule(
        "E26",
        "concatenation with a constant",
        "on CPU",
        "with a constant, CONCATENATION supports exactly two inputs and a constant of zeros",
        "pad with ZeroPadding2D, or remove the constant",
        _TABLE,
    ),
    LintRule(
        "E27",
        "too many axes",
        "on CPU",
        "only the 3 innermost axes may be longer than 1",
        "use shapes (1, height, width, channels); a channel shuffle or a nearest UpSampling2D passes through 5 axes",
        _REQUIREMENTS,
    ),
    LintRule(
        "E28",
        "scales along the wrong axis",
        "wrong",
        "weights must have their scales along the filters: axis 0, for DEPTHWISE_CONV_2D axis 3",
        "convert with TensorFlow's converter",
        "tensorflow.org/lite/performance/quantization_spec",
    ),
)

WARNINGS = (
    LintRule(
        "W1",
        "operators stranded on the CPU",
        "slower",
        "the chip runs one part of the graph: after the first operator that does not map, all stay on the CPU",
        "cure the first operator that does not map; move operators that can't map to the very end",
        "google-coral/edgetpu#461, #30",
    ),
    LintRule(
        "W2",
        "float inputs or outputs",
        "slower",
        "QUANTIZE and DEQUANTIZE of float inputs and outputs run on the CPU",
        'convert with io="int8" or io="uint8"',
        _REQUIREMENTS,
    ),
    LintRule(
        "W3",
        "parameters do not fit the chip's memory",
        "slower",
        "parameters beyond 8 MiB, less the activations' share, are sent over USB at every inference (an estimate)",
        "prune filters (tfslim.prune_filters), or use a smaller model",
        "coral.ai/docs/edgetpu/compiler, parameter data caching",
    ),
    LintRule(
        "W4",
        "large activation",
        "on CPU",
        "the compiler leaves MEAN, RESHAPE, RESIZE_* and pooling of large tensors on the CPU; no limit is published",
        "use a smaller input image or an earlier stride; split a MEAN over a large map into two",
        "google-coral/edgetpu#461, #183, #439, #512, #608",
    ),
    LintRule(
        "W5",
        "resizing",
        "on CPU",
        "RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR may stay on the CPU, depending on size and half-pixel centers",
        "use small sizes, or Conv2DTranspose, which maps",
        "google-coral/edgetpu#187, #206, #283, #396, #420",
    ),
    LintRule(
        "W6",
        "few channels",
        "none",
        "the compiler pads channels to 64, so fewer take the same time",
        "nothing needs to be done; pruning below 64 channels saves bytes but no time",
        "int8-pruning-pipeline, docs/PRUNING_HAZARDS.md",
    ),
    LintRule(
        "W7",
        "large outputs",
        "slower",
        "outputs are returned over USB at about 87 MiB/s",
        "move reductions of the outputs from the app into the model",
        "int8-pruning-pipeline, docs/PRUNING_HAZARDS.md",
    ),
    LintRule(
        "W8",
        "sparse tensors",
        "on CPU",
        "the chip computes on dense arrays: sparse storage needs DENSIFY on the CPU and saves no time",
        "convert without EXPERIMENTAL_SPARSITY",
        "measured: DENSIFY in the converted files; TensorFlow's sparsity format",
    ),
    LintRule(
        "W9",
        "open batch of inputs and outputs",
        "none",
        "the batch is written as open (-1) while all tensors have a fixed size; the compiler uses the fixed size",
        "build the model with keras.Input(shape, batch_size=1)",
        _REQUIREMENTS,
    ),
    LintRule(
        "W10",
        "operator version at the edge",
        "refused",
        "TensorFlow 2.6 has this version and 2.5 does not; the compiler's loader is one of the two or between them",
        "use a layer that converts to the older version of the operator",
        _LOADERS,
    ),
    LintRule(
        "I1",
        "producer",
        "none",
        "files of ai-edge-quantizer have all operators at version 1, so their versions prove nothing",
        "nothing needs to be done",
        "the file's metadata and description",
    ),
)

RULES: dict[str, LintRule] = {rule.id: rule for rule in ERRORS + WARNINGS}

# More specific cures for operators that E4, E5, E19 or W10 reports.
REPLACEMENTS = {
    "LEAKY_RELU": "keras.layers.PReLU(shared_axes=[1, 2]) with the slope as its weights, or maximum(x, slope * x)",
    "HARD_SWISH": "the converter turns x * relu6(x + 3) / 6 back into HARD_SWISH: write "
    "x * (relu(y) - relu(y - 3)) / 3 with y = 0.5 * x + 1.5, or use ReLU",
    "GELU": "ReLU, or x * sigmoid(1.702 * x), which is LOGISTIC and MUL",
    "ELU": "ReLU or PReLU",
    "EXP": "softplus and mish need EXP and LOG: use ReLU, or silu, which is LOGISTIC and MUL",
    "LOG": "softplus and mish need EXP and LOG: use ReLU, or silu, which is LOGISTIC and MUL",
    "TILE": 'a nearest UpSampling2D becomes TILE: use keras.layers.Resizing(h, w, interpolation="nearest")',
    "PADV2": "pad with zeros (ZeroPadding2D), which is PAD",
    "DEPTH_TO_SPACE": "Conv2DTranspose, or Resizing and a convolution",
    "GATHER": "slices (SLICE, SPLIT) or a 1x1 convolution that selects",
    "GATHER_ND": "slices (SLICE, SPLIT) or a 1x1 convolution that selects",
    "BATCH_MATMUL": "convolutions or FULLY_CONNECTED with constant weights; attention does not map",
    "DIV": "multiply by the inverse",
    "ARG_MAX": "output the scores, and take the largest in the app",
    "CAST": 'convert with io="int8" or io="uint8"',
    "RELU_0_TO_1": "hard_sigmoid as relu6(x + 3) / 6, or sigmoid",
    "QUANTIZE": 'convert with io="int8", which adds no QUANTIZE at inputs and outputs',
    "CONV_2D": "a grouped convolution (version 6): split the channels, convolve each part and concatenate",
}
