"""The rules that advise: what makes a file slower on the Edge TPU, may keep operators off it, or is worth knowing."""

from tfslim.litert.edgetpu_rule import Rule

_REQUIREMENTS = "coral.ai/docs/edgetpu/models-intro, model requirements"
_LOADERS = "measured: one-operator files loaded by TensorFlow 2.5.3 and 2.6.5, the compiler's age"

WARNINGS = (
    Rule(
        "W1",
        "operators stranded on the CPU",
        "slower",
        "the chip runs one part of the graph: from the first operator that does not map, all that follow stay behind",
        "cure the first operator that does not map; put what cannot map at the very end",
        "google-coral/edgetpu#461, #30",
    ),
    Rule(
        "W2",
        "float at the file's ends",
        "slower",
        "QUANTIZE and DEQUANTIZE of float inputs and outputs run on the CPU",
        'convert with io="int8" or io="uint8"',
        _REQUIREMENTS,
    ),
    Rule(
        "W3",
        "parameters do not fit the chip's memory",
        "slower",
        "what does not fit 8 MiB, less the activations' share, is sent over USB at every inference (an estimate)",
        "fewer filters (tfslim.prune_filters), or a smaller model",
        "coral.ai/docs/edgetpu/compiler, parameter data caching",
    ),
    Rule(
        "W4",
        "large activation",
        "on CPU",
        "the compiler leaves out MEAN, RESHAPE, RESIZE_* and pooling of large tensors, without a stated limit",
        "a smaller input image, or an earlier stride; split a MEAN over a large map into two",
        "google-coral/edgetpu#461, #183, #439, #512, #608",
    ),
    Rule(
        "W5",
        "resizing",
        "on CPU",
        "RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR may stay on the CPU, by size and by half-pixel centres",
        "small sizes; Conv2DTranspose maps",
        "google-coral/edgetpu#187, #206, #283, #396, #420",
    ),
    Rule(
        "W6",
        "few channels",
        "none",
        "the compiler pads channels to 64: fewer cost the same time",
        "nothing has to be done; pruning below 64 channels saves bytes and no time",
        "int8-pruning-pipeline, docs/PRUNING_HAZARDS.md",
    ),
    Rule(
        "W7",
        "large outputs",
        "slower",
        "outputs come back over USB at about 87 MiB/s",
        "reduce on the chip what the app reduces",
        "int8-pruning-pipeline, docs/PRUNING_HAZARDS.md",
    ),
    Rule(
        "W8",
        "sparse tensors",
        "on CPU",
        "the chip's array is dense: sparse storage needs DENSIFY on the CPU and buys nothing",
        "convert without EXPERIMENTAL_SPARSITY",
        "measured: DENSIFY in the converted files; TensorFlow's sparsity format",
    ),
    Rule(
        "W9",
        "open batch of inputs and outputs",
        "none",
        "the batch is written as open (-1) while all tensors have a fixed size; the compiler takes the size",
        "build the model with keras.Input(shape, batch_size=1)",
        _REQUIREMENTS,
    ),
    Rule(
        "W10",
        "operator version at the edge",
        "refused",
        "TensorFlow 2.6 knows it and 2.5 does not; the compiler's loader is between these two or is one of them",
        "use a layer that converts to the older version of the operator",
        _LOADERS,
    ),
    Rule(
        "I1",
        "producer",
        "none",
        "files of ai-edge-quantizer have all operators at version 1, so that their versions prove nothing",
        "nothing has to be done",
        "the file's metadata and description",
    ),
)
