"""Int8 scheme: weights and outputs to quantize.

The scheme also states the parts of a model that stay in float.
"""

import dataclasses
from collections import defaultdict
from typing import Literal

import keras

from tfslim.graph.stock_layers import is_as_stock
from tfslim.graph.traversal import LayerCall, channel_axis, iter_layer_calls, tensors_of
from tfslim.quantization.int8.layout import FOLDING, INPUT_SUFFIX, activation_label, normalizes_last_axis

# Which part of a kernel has its own scale: each index of its last axis, each pair of its last two axes, or all of it.
# A scale per filter is not possible for transposed and 1D convolutions (converter) and dense layers (old interpreters).
Scaling = Literal["filters", "depthwise", "tensor"]

# fmt: off
_KERNELS: dict[str, tuple[str, Scaling]] = {
    "Conv2D": ("kernel", "filters"), "DepthwiseConv2D": ("kernel", "depthwise"),
    "Conv2DTranspose": ("kernel", "tensor"), "Dense": ("kernel", "tensor"), "Conv1D": ("kernel", "tensor"),
}
# Layers whose outputs have a range of their own.
_COMPUTING = frozenset({
    "Add", "Subtract", "Multiply", "Maximum", "Minimum", "ReLU", "LeakyReLU", "PReLU", "Concatenate", "Rescaling",
    "BatchNormalization", "GlobalAveragePooling1D", "GlobalAveragePooling2D", "Dot",
})
# Layers that pass on the values of their inputs.
_PASSING = frozenset({
    "MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "Flatten", "Reshape", "Permute", "Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D", "UpSampling1D",
    "UpSampling2D", "Dropout", "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise",
    "AlphaDropout", "ActivityRegularization", "Identity", "Resizing",
})
# Layers whose output range TFLite knows.
_FIXED = frozenset({"Softmax", "UnitNormalization"})
_ACTIVATIONS = {
    "relu": "computing", "silu": "computing", "swish": "computing", "gelu": "computing", "leaky_relu": "computing",
    "linear": "passing", "sigmoid": "fixed", "tanh": "fixed", "softmax": "fixed",
}
_REASONS = {
    "LayerNormalization": "TFLite computes it in several steps, some of them in float",
    "GroupNormalization": "TFLite computes it in several steps, some of them in float",
    "ELU": "the converter leaves it in float",
    "Conv3D": "TFLite has no int8 kernel for it",
    "Embedding": "its inputs are whole numbers", "MultiHeadAttention": "TFLite computes it in many steps",
}
# fmt: on


@dataclasses.dataclass(frozen=True)
class QuantizedStep:
    """Quantized parts of one layer.

    Args:
        weight: attribute of the kernel, or None if it has none.
        scaling: which of the kernel's values share a scale.
        output: whether the output has a range of its own.
        rescaling: whether the kernel is that of a rescaling that `rewrite_for_int8` wrote as a convolution.
    """

    weight: str | None = None
    scaling: Scaling | None = None
    output: bool = False
    rescaling: bool = False


def int8_scheme(model: keras.Model) -> tuple[dict[str, QuantizedStep], dict[str, str]]:
    """Decide what is quantized in each layer.

    An output has no range if the converter fuses the next layer into this one, or if only a concatenation reads it,
    whose range it then shares. A permutation has one if a PReLU reads it: otherwise the converter would move it in
    between the PReLU's steps and leave these in float.

    Args:
        model: result of `rewrite_for_int8`.

    Returns:
        Layer name -> its quantized parts, and layer name -> why it stays in float.

    Example:
        >>> plan, skipped = int8_scheme(rewrite_for_int8(model))
        >>> plan["stem_conv"]
        QuantizedStep(weight='kernel', scaling='filters', output=False, rescaling=False)
    """
    listed = list(iter_layer_calls(model, model.inputs, opened=False))
    readers = defaultdict(list)
    for call in listed:
        for tensor in tensors_of(call):
            readers[id(tensor)].append(call)
    outputs = {id(tensor) for tensor in model.outputs}
    plan: dict[str, QuantizedStep] = {}
    skipped: dict[str, str] = {}
    for call in listed:
        layer = call.operation
        reason = _reason_to_skip(call)
        if reason:
            skipped[layer.name] = reason
        next_calls = [] if id(call.outputs[0]) in outputs else readers[id(call.outputs[0])]
        output = any("float" in tensor.dtype for tensor in call.outputs) and (
            bool(reason)
            or (_role(layer) == "computing" and not _ranged_later(call, next_calls))
            or (_kind(layer) == "Permute" and any(_kind(each.operation) == "PReLU" for each in next_calls))
        )
        weight, scaling = (None, None) if reason else _KERNELS.get(_kind(layer), (None, None))
        known = plan.get(layer.name, QuantizedStep())
        rescaling = getattr(layer, "is_rescaling", False)
        plan[layer.name] = QuantizedStep(weight, scaling, output or known.output, rescaling)
    return plan, skipped


def _kind(layer: keras.layers.Layer) -> str:
    return next(base.__name__ for base in type(layer).__mro__ if getattr(keras.layers, base.__name__, None) is base)


def _role(layer: keras.layers.Layer) -> str:
    if layer.name.endswith(INPUT_SUFFIX) or _kind(layer) in _COMPUTING or _kind(layer) in _KERNELS:
        return "computing"
    if isinstance(layer, keras.layers.Activation):
        name = activation_label(layer)
        own = layer.activation is not getattr(keras.activations, name, None)  # user code, maybe of a known name
        return "unknown" if own else _ACTIVATIONS.get(name, "unknown")
    return "passing" if _kind(layer) in _PASSING else "fixed" if _kind(layer) in _FIXED else "unknown"


def _reason_to_skip(call: LayerCall) -> str | None:
    layer, kind = call.operation, _kind(call.operation)
    if not is_as_stock(layer):
        return f"no int8 rule is known for the class {type(layer).__name__}"
    if len(call.outputs) != 1:
        return "it returns several tensors"
    rank = len(call.outputs[0].shape)
    if kind in (*_KERNELS, "BatchNormalization") and hasattr(layer, "data_format") and channel_axis(layer, rank) == 1:
        return "TFLite has the channels last"
    if kind == "BatchNormalization" and rank not in (2, 4):
        return f"it normalizes a tensor of {rank} axes"
    if kind == "BatchNormalization" and not normalizes_last_axis(layer, rank):
        return "TFLite normalizes along the last axis only"
    if kind == "ReLU" and not _is_int8_relu(layer):
        return "the converter leaves a ReLU with a threshold, a maximum other than 6, or a maximum and a slope in float"
    if kind == "Dot" and (layer.normalize or any(len(tensor.shape) != 2 for tensor in tensors_of(call))):
        return "int8 rules are known for products of plain vectors only"
    if kind == "UnitNormalization" and layer.axis not in (-1, (-1,), [-1], rank - 1):
        return "TFLite normalizes along the last axis only"
    if _role(layer) != "unknown":
        return None
    if isinstance(layer, keras.layers.Activation):
        return f"the converter leaves {activation_label(layer)} in float"
    return _REASONS.get(kind, f"no int8 rule is known for {kind}")


def _ranged_later(call: LayerCall, readers: list[LayerCall]) -> bool:
    """Check whether the only reader determines this output's range."""
    if len(readers) != 1:
        return False
    layer, reader = call.operation, readers[0].operation
    if _kind(reader) == "Concatenate":
        return True
    if isinstance(layer, FOLDING) and isinstance(reader, keras.layers.BatchNormalization):
        return normalizes_last_axis(reader, len(call.outputs[0].shape))
    return _is_relu(reader) and isinstance(
        layer, (*FOLDING, keras.layers.Dense, keras.layers.Add, keras.layers.BatchNormalization)
    )


def _is_int8_relu(layer: keras.layers.ReLU) -> bool:
    """Check whether TFLite has one int8 operator for a ReLU.

    A threshold takes a comparison and more; those of tf_keras stay in float.
    """
    return not layer.threshold and (layer.max_value is None or (layer.max_value == 6.0 and not layer.negative_slope))


def _is_relu(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.ReLU):
        return layer.max_value in (None, 6.0) and not layer.negative_slope and not layer.threshold
    return isinstance(layer, keras.layers.Activation) and layer.activation is keras.activations.relu
