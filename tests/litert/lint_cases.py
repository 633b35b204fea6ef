"""For each rule of the linter: converted files that break it, edited ones that break it too, and one that keeps it."""

import numpy as np

from tests.litert import flat_edit
from tfslim.litert.flatbuffer.reader import Table

# rule, converted file, operator ("" where it is about the whole file), part of what is said
CONVERTED = [
    ("E1", "flex", "CUSTOM", "'FlexMatrixDeterminant'"),
    ("E2", "loop", "WHILE", "another subgraph"),
    ("E2", "lstm", "WHILE", "another subgraph"),
    ("E2", "two_signatures", "", "2 subgraphs"),
    ("E3", "variables", "READ_VARIABLE", "resource variable"),
    ("E4", "gelu", "GELU", "not in TensorFlow 2.6"),
    ("E5", "grouped", "CONV_2D", "version 6; TensorFlow 2.6 supports it up to 5"),
    ("E5", "softplus", "EXP", "version 2; TensorFlow 2.6 supports it up to 1"),
    ("E5", "upsampling", "TILE", "version 3; TensorFlow 2.6 supports it up to 2"),
    ("E5", "dynamic", "FULLY_CONNECTED", "version 12; TensorFlow 2.6 supports it up to 9"),
    ("E6", "open_size", "", "1x-1x-1x3"),
    ("E7", "open_flat", "SHAPE", "computes a shape"),
    ("E7", "open_flat", "RESHAPE", "shape computed at run time"),
    ("E8", "batch", "CONV_2D", "a batch of 2 (2x16x16x3)"),
    ("E9", "outside", "CONV_2D", "outside the flatbuffer"),
    ("E9", "scalar", "RESHAPE", "no values for its shape"),
    ("E10", "computed_filter", "CONV_2D", "weights computed at run time"),
    ("E11", "int16x8", "CONV_2D", "INT64"),
    ("E12", "float32", "CONV_2D", "FLOAT32"),
    ("E12", "float16", "DEQUANTIZE", "FLOAT16"),
    ("E12", "dynamic", "CONV_2D", "FLOAT32"),
    ("E12", "int16x8", "CONV_2D", "INT16"),
    ("E12", "elu", "ELU", "FLOAT32"),
    ("E12", "layer_norm", "NEG", "FLOAT32"),
    ("E12", "volume", "CONV_3D", "FLOAT32"),
    ("E13", "cast", "CAST", "0 scales and 0 zero points"),
    ("E14", "one_bias_of_two", "CONV_2D", "expected"),
    ("E15", "dense", "FULLY_CONNECTED", "8 scales"),
    ("E16", "dense_rows", "FULLY_CONNECTED", "1x16x8, not one row"),
    ("E17", "grouped", "CONV_2D", "filters of 2 channels on an input of 4"),
    ("E18", "dilation", "CONV_2D", "dilation 1 in height and 2 in width"),
    ("E19", "leaky_relu", "LEAKY_RELU", "not an operator of the Edge TPU"),
    ("E19", "hard_swish", "HARD_SWISH", "not an operator of the Edge TPU"),
    ("E19", "argmax", "ARG_MAX", "not an operator of the Edge TPU"),
    ("E19", "gather", "GATHER", "not an operator of the Edge TPU"),
    ("E19", "attention", "BATCH_MATMUL", "not an operator of the Edge TPU"),
    ("E19", "division", "DIV", "not an operator of the Edge TPU"),
    ("E20", "max_pool_relu", "MAX_POOL_2D", "fused RELU"),
    ("E20", "average_pool_relu6", "AVERAGE_POOL_2D", "fused RELU6"),
    ("E21", "mean_channels", "MEAN", "over 3 channels, not a multiple of 4"),
    ("E21", "mean_batch", "MEAN", "over the batch"),
    ("E22", "softmax_map", "SOFTMAX", "1x14x14x4, not one vector"),
    ("E22", "softmax_long", "SOFTMAX", "17,408 elements"),
    ("E23", "steps", "STRIDED_SLICE", "steps of [1, 2, 2, 1]"),
    ("E24", "prelu", "PRELU", "14x14x4"),
    ("E25", "stacked", "PACK", "along axis 0"),
    ("E25", "split_batch", "SPLIT", "along axis 0"),
    ("E25", "padded_batch", "PAD", "of the batch by [0, 1]"),
    ("E26", "concat_ones", "CONCATENATION", "not all zeros"),
    ("E27", "shuffle", "RESHAPE", "1x16x16x2x4"),
    ("E28", "trained_for_int8", "TRANSPOSE_CONV", "scales along axis 3; expected axis 0"),
    ("W1", "layer_norm", "SQUARED_DIFFERENCE", "8 of 13 operators that could map, behind DEQUANTIZE (operator 2)"),
    ("W2", "float_ends", "", "an input of FLOAT32"),
    ("W2", "uint8_ends", "QUANTIZE", "from UINT8 to INT8"),
    ("W3", "parameters", "", "7.8 MiB of parameters"),
    ("W4", "large_map", "MAX_POOL_2D", "4,194,304 bytes"),
    ("W5", "resizing", "RESIZE_BILINEAR", "1x14x14x4 to 1x32x32x4 with half-pixel centers"),
    ("W6", "leaky_relu", "", "1 of 1"),
    ("W7", "large_output", "", "131,072 bytes"),
    ("W8", "sparse", "FULLY_CONNECTED", "sparse"),
    ("W9", "open_batch", "", "-1x16x16x3"),
    ("W10", "long_numbers", "MUL", "version 5; TensorFlow 2.5 supports it up to 4, 2.6 up to 5"),
    ("I1", "clean", "", "TensorFlow 2."),
]


def _compiled(model: Table) -> None:
    flat_edit.code(model, "CONV_2D").update({"builtin_code": 32, "deprecated_builtin_code": 32})
    model["operator_codes"][0]["custom_code"] = b"edgetpu-custom-op"


def _number(name: str, number: int):
    def change(model: Table) -> None:
        flat_edit.code(model, name).update({"builtin_code": number, "deprecated_builtin_code": min(number, 127)})

    return change


def _two_scales(model: Table) -> None:
    result = model["subgraphs"][0]["tensors"][flat_edit.operator(model, "ADD")["outputs"][0]]
    result["quantization"].update({"scale": np.array([1, 2], "f4"), "zero_point": np.zeros(2, "i8")})


def _long_bias(model: Table) -> None:
    flat_edit.int64(model, "CONV_2D", 2)


def _zero_size(model: Table) -> None:
    flat_edit.tensor(model, "MEAN", 0)["shape"] = np.array([1, 0, 5, 64], "i4")


def _first_versions(model: Table) -> None:
    for code in model["operator_codes"]:
        code["version"] = 1


def _options(name: str, **values):
    return lambda model: flat_edit.operator(model, name)["builtin_options"].update(values)


# What else breaks a rule, and no converter at hand writes: name -> rule, converted file, what is changed in it,
# operator, part of what is said
EDITED = {
    "compiled": ("E1", "clean", _compiled, "CUSTOM", "already compiled"),
    "call": ("E2", "clean", _number("ADD", 31), "CALL", "another subgraph"),
    "relu_0_to_1": ("E4", "clean", _number("LOGISTIC", 152), "RELU_0_TO_1", "not in TensorFlow 2.6"),
    "no_such_operator": ("E4", "clean", _number("MEAN", 9999), "OPERATOR_9999", "not in TensorFlow 2.6"),
    "zero_size": ("E6", "clean", _zero_size, "", "1x0x5x64"),
    "no_values": (
        "E9",
        "clean",
        lambda model: flat_edit.buffer(model, "CONV_2D", 1).update(data=None),
        "CONV_2D",
        "no values for its weights",
    ),
    "long_axes": ("E11", "clean", lambda model: flat_edit.int64(model, "MEAN", 1), "MEAN", "INT64"),
    "two_scales": ("E13", "clean", _two_scales, "ADD", "2 scales and 2 zero points"),
    "long_bias": ("E14", "clean", _long_bias, "CONV_2D", "a bias of INT64"),
    "shuffled_weights": (
        "E16",
        "dense_edgetpu",
        _options("FULLY_CONNECTED", weights_format=1),
        "FULLY_CONNECTED",
        "SHUFFLED4x16INT8",
    ),
    "fused_concat": (
        "E20",
        "clean",
        _options("CONCATENATION", fused_activation_function=3),
        "CONCATENATION",
        "fused RELU6",
    ),
    "ellipsis": ("E23", "clean", _options("STRIDED_SLICE", ellipsis_mask=1), "STRIDED_SLICE", "ellipsis_mask 1"),
    "scales_too_few": (
        "E28",
        "clean",
        lambda model: flat_edit.tensor(model, "CONV_2D", 1)["quantization"].update(scale=np.ones(7, "f4")),
        "CONV_2D",
        "7 scales along axis 0 of 64x3x3x3",
    ),
    "first_versions": ("I1", "clean", _first_versions, "", "prove nothing"),
}
# A file that keeps the rule, where "clean" does not hold what the rule is about. "nobody" is edited: TensorFlow's
# converter names itself in every file, with the older quantizer and with experimental_new_converter=False as well.
KEEPING = {
    "E15": "dense_edgetpu",
    "E16": "dense_edgetpu",
    "E22": "softmax_vector",
    "E26": "concat_zeros",
    "I1": "nobody",
    "W5": "large_map",
    "W6": "parameters",
    "W7": "resizing",
}
