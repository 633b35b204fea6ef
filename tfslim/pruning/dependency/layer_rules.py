"""Rules for layers with weights.

They state which axis of which variable makes, reads or scales channels.
"""

from typing import Any

import numpy as np

from tfslim.graph.traversal import LayerCall, channel_axis, tensors_of
from tfslim.pruning.dependency.elementwise_rules import freeze_mixing_activation
from tfslim.pruning.dependency.tracing import Channels, Role, Tracer


def convolution(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow plain and grouped convolutions of one to three dimensions.

    In a grouped convolution the n-th channels of all groups are removed together, so that the groups keep one size; if
    a group reads a single channel, the channel is removed with its group.
    """
    layer, tensor = call.operation, tensors_of(call)[0]
    axis = channel_axis(layer, len(tensor.shape))
    inputs = _read(call, tracer, axis)
    groups, per_group = layer.groups, len(inputs) // layer.groups
    if groups > 1 and per_group == 1:
        outputs = np.repeat(inputs, layer.filters // groups)
        tracer.bind(layer, layer.kernel, -1, "filters", outputs)
        tracer.edit(layer, "groups", inputs, _set_count("groups"))
    else:
        tracer.bind(layer, layer.kernel, -2, "inputs", _unite_rows(inputs, groups, tracer))
        outputs = tracer.made(layer, layer.kernel, -1)
        _unite_rows(outputs, groups, tracer)
    return _made(call, tracer, axis, outputs, "filters")


def transposed_convolution(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow transposed convolutions, whose kernel has outputs before inputs."""
    layer, tensor = call.operation, tensors_of(call)[0]
    axis = channel_axis(layer, len(tensor.shape))
    tracer.bind(layer, layer.kernel, -1, "inputs", _read(call, tracer, axis))
    return _made(call, tracer, axis, tracer.made(layer, layer.kernel, -2), "filters")


def depthwise_convolution(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow depthwise convolutions: `depth_multiplier` filters per input channel."""
    layer, tensor = call.operation, tensors_of(call)[0]
    axis = channel_axis(layer, len(tensor.shape))
    inputs = _read(call, tracer, axis)
    tracer.bind(layer, layer.kernel, -2, "filters", inputs)
    return _made(call, tracer, axis, np.repeat(inputs, layer.depth_multiplier), None)


def separable_convolution(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a depthwise and a pointwise convolution in one layer."""
    layer, tensor = call.operation, tensors_of(call)[0]
    axis = channel_axis(layer, len(tensor.shape))
    inputs = _read(call, tracer, axis)
    tracer.bind(layer, layer.depthwise_kernel, -2, "inputs", inputs)
    tracer.bind(layer, layer.pointwise_kernel, -2, "inputs", np.repeat(inputs, layer.depth_multiplier))
    return _made(call, tracer, axis, tracer.made(layer, layer.pointwise_kernel, -1), "filters")


def dense(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a dense layer, which works on the last axis."""
    layer, axis = call.operation, len(tensors_of(call)[0].shape) - 1
    tracer.bind(layer, layer.kernel, -2, "inputs", _read(call, tracer, axis))
    return _made(call, tracer, axis, tracer.made(layer, layer.kernel, -1), "units")


def batch_normalization(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow batch normalization, which treats channels separately."""
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    if channels is None or layer.axis % len(tensor.shape) != channels.axis:
        return _other_axis(call, tracer)
    roles: list[tuple[Any, Role]] = [
        (layer.gamma, "scale"),
        (layer.beta, "scale"),
        (layer.moving_mean, "mean"),
        (layer.moving_variance, "variance"),
    ]
    for variable, role in roles:
        tracer.bind(layer, variable, 0, role, channels.units)
    return [channels]


def group_normalization(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow group normalization; a group is removed as a whole.

    The channels of a group share their mean.
    """
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    if channels is None or layer.axis % len(tensor.shape) != channels.axis:
        return _other_axis(call, tracer)
    members = channels.units.reshape(layer.groups, -1)
    for column in members.T[1:]:
        tracer.units.unite(members[:, 0], column)
    for variable in (layer.gamma, layer.beta):
        tracer.bind(layer, variable, 0, "scale", channels.units)
    tracer.edit(layer, "groups", members[:, 0], _set_count("groups"))
    return [channels]


def layer_normalization(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Freeze channels that layer normalization takes its statistics over.

    Mean and variance over the channels change with every channel removed.
    """
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    axes = np.atleast_1d(layer.axis) % len(tensor.shape)
    if channels is not None and channels.axis in axes:
        tracer.units.freeze(channels.units, f"{layer.name} takes its statistics over these channels")
    return [channels]


def prelu(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow PReLU with one slope per channel, or shared slopes."""
    layer = call.operation
    channels = tracer.channels(tensors_of(call)[0])
    if channels is not None and layer.alpha.shape[channels.axis - 1] > 1:
        tracer.bind(layer, layer.alpha, channels.axis - 1, "scale", channels.units)
    return [channels]


def normalization(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `keras.layers.Normalization`.

    Its means and variances are weights if it was adapted, and settings if they were passed in.
    """
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    axes = () if layer.axis is None else np.atleast_1d(layer.axis) % len(tensor.shape)
    if channels is None or channels.axis not in axes:
        return [channels]
    place = sorted(axes).index(channels.axis)  # the order in which Keras stores its axes
    if layer.input_mean is None:
        tracer.bind(layer, layer.adapt_mean, place, "mean", channels.units)
        tracer.bind(layer, layer.adapt_variance, place, "variance", channels.units)
        return [channels]
    for key in ("mean", "variance"):
        value = np.asarray(getattr(layer, f"input_{key}"))
        if value.ndim and value.shape[-1] > 1:
            if channels.axis != len(tensor.shape) - 1 or value.shape[-1] != len(channels.units):
                return _other_axis(call, tracer)
            tracer.edit(layer, key, channels.units, _cut_last_axis(key))
    return [channels]


def _read(call: LayerCall, tracer: Tracer, axis: int) -> np.ndarray:
    """Return the units a kernel reads along an input axis."""
    tensor = tensors_of(call)[0]
    channels = tracer.along(tensor, axis)
    if channels is not None:
        return channels.units
    tracer.freeze([tensor], f"{call.operation.name} reads along another axis")
    units = tracer.units.new(tensor.shape[axis])
    tracer.units.freeze(units, f"{call.operation.name} reads channels that can't be told apart")
    return units


def _made(call: LayerCall, tracer: Tracer, axis: int, units: np.ndarray, setting: str | None) -> list[Channels | None]:
    layer = call.operation
    if layer.use_bias:
        tracer.bind(layer, layer.bias, 0, "filters", units)
    if setting:
        tracer.edit(layer, setting, units, _set_count(setting))
    made = Channels(axis, units)
    freeze_mixing_activation(layer, made, tracer)
    return [made]


def _unite_rows(units: np.ndarray, groups: int, tracer: Tracer) -> np.ndarray:
    """Unite groups' n-th units; return those of the first group."""
    rows = units.reshape(groups, -1)
    for row in rows[1:]:
        tracer.units.unite(rows[0], row)
    return rows[0]


def _set_count(key: str):
    def change(config: dict, kept: np.ndarray) -> None:
        config[key] = int(kept.sum())

    return change


def _cut_last_axis(key: str):
    def change(config: dict, kept: np.ndarray) -> None:
        config[key] = np.asarray(config[key])[..., kept].tolist()

    return change


def _other_axis(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    tensor = tensors_of(call)[0]
    tracer.freeze([tensor], f"{call.operation.name} works along another axis")
    return [tracer.channels(tensor)]
