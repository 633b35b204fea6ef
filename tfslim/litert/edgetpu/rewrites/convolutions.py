"""Rewrites of convolutions and dense layers for the Edge TPU."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfslim.graph.layer_copier import copy_operation
from tfslim.graph.traversal import LayerCall
from tfslim.litert.edgetpu.rewrites.rewrite import Names, Rewrite, apply, call_text, name_output

__all__ = [
    "dense_on_map",
    "has_unequal_dilation",
    "is_dense_on_map",
    "is_grouped",
    "pointwise",
    "undilate",
    "ungroup",
]

_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D)
# Elementwise, so each part of a convolution may apply them.
_ELEMENTWISE = [
    getattr(keras.activations, name)
    for name in ("linear", "relu", "relu6", "sigmoid", "tanh", "silu", "hard_sigmoid", "hard_tanh")
]


def is_grouped(operation: keras.Operation) -> bool:
    """Return whether this is a 1D or 2D grouped convolution."""
    return isinstance(operation, _CONVOLUTIONS) and type(operation) in _CONVOLUTIONS and operation.groups > 1


def ungroup(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """Rewrite a grouped convolution as several convolutions and a concatenation.

    If each group has one channel, it becomes a depthwise convolution.
    """
    layer = call.operation
    if not is_grouped(layer) or layer.data_format != "channels_last":
        return None
    channels = call.args[0].shape[-1]
    if layer.groups == channels and isinstance(layer, keras.layers.Conv2D) and layer.strides[0] == layer.strides[1]:
        return _depthwise(call, args[0], channels, names)
    parts = keras.ops.split(args[0], layer.groups, axis=-1)
    name_output(parts[0], names.free(f"{layer.name}_split"))
    kernels = np.split(np.asarray(layer.kernel), layer.groups, axis=-1)
    biases = np.split(np.asarray(layer.bias), layer.groups) if layer.use_bias else [None] * layer.groups
    inside = layer.activation if layer.activation in _ELEMENTWISE else keras.activations.linear
    change = _for_inference(filters=layer.filters // layer.groups, groups=1, activation=inside)
    outputs = []
    for number, (part, kernel, bias) in enumerate(zip(parts, kernels, biases, strict=True)):
        convolution = copy_operation(layer, names.free(f"{layer.name}_group{number}"), change)
        outputs.append(apply(convolution, part, [kernel] if bias is None else [kernel, bias]))
    output = keras.layers.Concatenate(name=names.free(layer.name))(outputs)
    if inside is not layer.activation:
        output = keras.layers.Activation(layer.activation, name=names.free(f"{layer.name}_activation"))(output)
    return Rewrite(output, f"{call_text(call)}: {layer.groups} groups as {layer.groups} convolutions, concatenated")


def _depthwise(call: LayerCall, x: keras.KerasTensor, channels: int, names: Names) -> Rewrite:
    layer = call.operation
    multiplier = layer.filters // channels
    change = _for_inference("filters", "groups", depth_multiplier=multiplier)
    depthwise = copy_operation(layer, names.free(layer.name), change, kind=keras.layers.DepthwiseConv2D)
    kernel = np.asarray(layer.kernel).reshape(*layer.kernel_size, channels, multiplier)
    output = apply(depthwise, x, [kernel, np.asarray(layer.bias)] if layer.use_bias else [kernel])
    return Rewrite(output, f"{call_text(call)}: one group for each channel as DepthwiseConv2D")


def has_unequal_dilation(operation: keras.Operation) -> bool:
    """Return whether a convolution's dilation differs in height and width."""
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    return type(operation) in kinds and operation.dilation_rate[0] != operation.dilation_rate[1]


def undilate(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """Rewrite unequal dilations as a kernel stretched by zeros."""
    layer = call.operation
    if not has_unequal_dilation(layer):
        return None
    kernel = np.asarray(layer.kernel)
    stretched = [(size - 1) * rate + 1 for size, rate in zip(kernel.shape[:2], layer.dilation_rate, strict=True)]
    zeros = np.zeros((*stretched, *kernel.shape[2:]), kernel.dtype)
    zeros[:: layer.dilation_rate[0], :: layer.dilation_rate[1]] = kernel
    convolution = copy_operation(layer, names.free(layer.name), _for_inference(kernel_size=stretched, dilation_rate=1))
    output = apply(convolution, args[0], [zeros, np.asarray(layer.bias)] if layer.use_bias else [zeros])
    size = "x".join(map(str, stretched))
    return Rewrite(output, f"{call_text(call)}: dilation {layer.dilation_rate} as a kernel of {size} with zeros")


def is_dense_on_map(call: LayerCall) -> bool:
    """Return whether this is a dense layer on a map.

    The map has one spatial axis, as a sequence, or two.
    """
    return type(call.operation) is keras.layers.Dense and len(call.args[0].shape) in (3, 4)


def dense_on_map(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """Rewrite a dense layer on a map as a convolution."""
    if not is_dense_on_map(call):
        return None
    return Rewrite(pointwise(call.operation, args[0], names), f"{call_text(call)}: as a convolution of size 1")


def pointwise(dense: keras.layers.Dense, x: keras.KerasTensor, names: Names) -> keras.KerasTensor:
    """Apply a dense layer as a convolution of size 1.

    The convolution has the dense layer's name.

    Args:
        dense: the dense layer.
        x: its input, (1, L, C) or (1, H, W, C).
        names: free names.
    """
    kind = keras.layers.Conv1D if len(x.shape) == 3 else keras.layers.Conv2D
    layer = kind(dense.units, 1, use_bias=dense.use_bias, activation=dense.activation, name=names.free(dense.name))
    kernel = np.asarray(dense.kernel)[(None,) * (len(x.shape) - 2)]
    return apply(layer, x, [kernel, np.asarray(dense.bias)] if dense.use_bias else [kernel])


def _for_inference(*left_out: str, **changes: Any) -> Callable[[dict], None]:
    """Return a function that drops training's settings from a config.

    Args:
        left_out: other settings to drop.
        changes: settings to set.
    """

    def change(config: dict) -> None:
        for key in list(config):
            if key in left_out or key.endswith(("_initializer", "_regularizer", "_constraint")):
                del config[key]
        config.update(changes)

    return change
