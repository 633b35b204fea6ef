"""Rules for operations that move channels.

These are flattening, reshaping, transposing, concatenating and reducing.
"""

import math
from collections.abc import Callable

import keras
import numpy as np

from tfslim.graph.traversal import LayerCall, channel_axis, tensors_of
from tfslim.pruning.dependency.tracing import Channels, Tracer

GLOBAL_POOLING = tuple(
    getattr(keras.layers, f"Global{kind}Pooling{rank}D") for kind in ("Average", "Max") for rank in (1, 2, 3)
)
REDUCTIONS = frozenset({"Max", "Mean", "Min", "Sum"})
MOVES = frozenset({"ExpandDims", "Moveaxis", "Squeeze", "Swapaxes", "Transpose"})


def flatten(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `Flatten`: a channel becomes one feature per pixel."""
    layer = call.operation
    first = getattr(layer, "data_format", None) == "channels_first"
    shape = call.outputs[0].shape[1:]
    return _moved(call, tracer, lambda x: (np.moveaxis(x, 0, -1) if first else x).reshape(shape))


def reshape(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `keras.layers.Reshape` and `keras.ops.reshape`, whose target counts channels."""
    operation, tensor, output = call.operation, tensors_of(call)[0], call.outputs[0]
    channels, shape = tracer.channels(tensor), output.shape[1:]
    if channels is not None and channels.axis == len(tensor.shape) - 1 and output.shape[-1] == tensor.shape[-1]:
        channels = Channels(len(shape), channels.units)  # however the other axes change
    elif output.shape[0] != tensor.shape[0] or _size(shape) != _size(tensor.shape[1:]):
        return _lost(call, tracer, "it joins the batch with other axes")
    else:
        (channels,) = _moved(call, tracer, lambda x: x.reshape(shape))
    if channels is not None:
        layer = isinstance(operation, keras.layers.Layer)
        key, place = ("target_shape", channels.axis - 1) if layer else ("newshape", channels.axis)
        tracer.edit(operation, key, channels.units, _set_target(key, place), place)
    return [channels]


def _size(shape: tuple[int | None, ...]) -> int | None:
    sizes = [size for size in shape if size is not None]
    return math.prod(sizes) if len(sizes) == len(shape) else None


def _set_target(key: str, place: int) -> Callable[[dict, np.ndarray], None]:
    def change(config: dict, kept: np.ndarray) -> None:
        target = list(config[key])
        if target[place] != -1:
            target[place] = int(kept.sum())
        config[key] = tuple(target)

    return change


def permute(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `keras.layers.Permute`."""
    axes = [axis - 1 for axis in call.operation.dims]
    return _moved(call, tracer, lambda x: x.transpose(axes), any_size=True)


def move(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow operations of `keras.ops` that move axes but the batch."""
    operation = call.operation
    function = {
        "ExpandDims": lambda x: np.expand_dims(x, operation.axis),
        "Moveaxis": lambda x: np.moveaxis(x, operation.source, operation.destination),
        "Squeeze": lambda x: np.squeeze(x, operation.axis if operation.axis is None else _tuple(operation.axis)),
        "Swapaxes": lambda x: np.swapaxes(x, operation.axis1, operation.axis2),
        "Transpose": lambda x: np.transpose(x, operation.axes),
    }[type(operation).__name__]
    tensor = tensors_of(call)[0]
    # A batch of 2, which squeeze can't remove, shows whether the batch stays in front.
    places = np.empty((2, *(extent or 2 for extent in tensor.shape[1:])), np.int8)
    if function(places).shape[0] != 2 or function(places).strides[0] != places.strides[0]:
        return _lost(call, tracer, "its axes can't be followed")
    return _moved(call, tracer, lambda x: function(np.broadcast_to(x, (2, *x.shape)))[0], any_size=True)


def take(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `tensor[...]` that takes all channels."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    (key,) = (*call.args[1:], *call.kwargs.values())
    index = key if isinstance(key, tuple) else (key,)
    place = next((place for place, part in enumerate(index) if part is Ellipsis), None)
    if place is not None:
        index = index[:place] + (slice(None),) * (len(tensor.shape) - len(index) + 1) + index[place + 1 :]
    index = index + (slice(None),) * (len(tensor.shape) - len(index))
    plain = all(isinstance(part, (int, slice)) for part in index) and len(index) == len(tensor.shape)
    if channels is None or not plain or index[0] != slice(None) or index[channels.axis] != slice(None):
        return _lost(call, tracer, "it takes a part of the channels")
    return [Channels(channels.axis - sum(isinstance(i, int) for i in index[: channels.axis]), channels.units)]


def global_pooling(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow pooling to one value per channel."""
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    rank = len(tensor.shape)
    if channels is None or channels.axis != channel_axis(layer, rank):
        return _lost(call, tracer, "it pools over the channels")
    return [Channels(channels.axis if layer.keepdims else 1, channels.units)]


def reduction(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a mean, maximum, minimum or sum over other axes."""
    operation, tensor = call.operation, tensors_of(call)[0]
    channels, rank = tracer.channels(tensor), len(tensor.shape)
    axes = set(range(rank)) if operation.axis is None else {axis % rank for axis in _tuple(operation.axis)}
    if channels is None or channels.axis in axes or 0 in axes:
        return _lost(call, tracer, "it reduces over the channels")
    dropped_axes = 0 if operation.keepdims else sum(axis < channels.axis for axis in axes)
    return [Channels(channels.axis - dropped_axes, channels.units)]


def concatenate(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a concatenation of channels or along another axis.

    Along another axis the channels of all inputs are removed together.
    """
    tensors = tensors_of(call)
    axis = call.operation.axis % len(tensors[0].shape)
    known = [tracer.channels(tensor) for tensor in tensors if tracer.staying_reason(tensor) is None]
    free = [channels.axis for channels in known if channels is not None]
    along = [tracer.along(tensor, free[0] if free else axis) for tensor in tensors]
    each = [channels for channels in along if channels is not None]
    if len(each) < len(along):
        return _lost(call, tracer, "it joins channels of different axes")
    if each[0].axis == axis:
        return [Channels(axis, np.concatenate([channels.units for channels in each]))]
    for other in each[1:]:
        tracer.units.unite(each[0].units, other.units)
    return [each[0]]


def _moved(
    call: LayerCall, tracer: Tracer, function: Callable[[np.ndarray], np.ndarray], any_size: bool = False
) -> list[Channels | None]:
    """Move every element's units, and find their new axis.

    The batch is left out. With `any_size` the function only moves axes, so that unknown sizes may have any value but 1.
    """
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    shape = tuple(2 if any_size and extent is None else extent for extent in tensor.shape[1:])
    if channels is None or None in shape:
        return _lost(call, tracer, "a size that is not known can't be followed")
    along = [1] * len(shape)
    along[channels.axis - 1] = -1
    # Channels that are united already count as one, so that a shuffle of grouped channels is followed.
    units = tracer.units.find(channels.units)
    elements = function(np.broadcast_to(units.reshape(along), shape))
    found = []
    for axis in range(elements.ndim):
        rows = np.moveaxis(elements, axis, -1).reshape(-1, elements.shape[axis])
        if (rows == rows[:1]).all():
            found.append(Channels(axis + 1, rows[0].copy()))
    if not found:
        return _lost(call, tracer, "it spreads channels over several axes")
    return [max(found, key=lambda each: len(each.units))]


def _lost(call: LayerCall, tracer: Tracer, why: str) -> list[Channels | None]:
    tracer.freeze(tensors_of(call), f"goes into {call.operation.name}: {why}")
    return [tracer.staying(output, f"comes out of {call.operation.name}") for output in call.outputs]


def _tuple(axis) -> tuple[int, ...]:
    return (axis,) if isinstance(axis, int) else tuple(axis)
