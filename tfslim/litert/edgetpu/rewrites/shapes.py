"""Rewrites of upsampling and slicing for the Edge TPU."""

import keras

from tfslim.graph.traversal import LayerCall
from tfslim.litert.edgetpu.rewrites.rewrite import Names, Rewrite, call_text

__all__ = [
    "is_nearest_upsampling",
    "is_pooling",
    "pool_before",
    "subsample_by_pooling",
    "subsampling_steps",
    "upsample_by_resizing",
]

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


def is_nearest_upsampling(operation: keras.Operation) -> bool:
    """Return whether an operation repeats the pixels of a map."""
    return isinstance(operation, keras.layers.UpSampling2D) and operation.interpolation == "nearest"


def upsample_by_resizing(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """Rewrite a nearest UpSampling2D as a nearest Resizing.

    They convert to TILE and to RESIZE_NEAREST_NEIGHBOR.
    """
    layer = call.operation
    if not is_nearest_upsampling(layer) or layer.data_format != "channels_last":
        return None
    height, width = (size * factor for size, factor in zip(args[0].shape[1:3], layer.size, strict=True))
    resizing = keras.layers.Resizing(height, width, interpolation="nearest", name=names.free(layer.name))
    return Rewrite(resizing(args[0]), f"{call_text(call)}: repeated pixels as Resizing to {height}x{width}")


def subsampling_steps(call: LayerCall) -> tuple[int, int] | None:
    """Return a slice's steps, or None.

    The slice is x[:, ::a, ::b].
    """
    if type(call.operation).__name__ != "GetItem" or len(call.args) != 2 or len(call.args[0].shape) != 4:
        return None
    key = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if not 2 <= len(key) <= 4 or not all(isinstance(item, slice) for item in key):
        return None
    whole = [item for axis, item in enumerate(key) if axis in (0, 3)]
    steps = [item.step or 1 for axis, item in enumerate(key) if axis in (1, 2)] + [1]
    if any(item != slice(None) for item in whole) or min(steps) < 1 or max(steps) == 1:
        return None
    if any((item.start or 0) != 0 or item.stop is not None for item in key[1:3]):
        return None
    return steps[0], steps[1]


def subsample_by_pooling(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """Rewrite a slice with steps as a pooling of pixels."""
    steps = subsampling_steps(call)
    if steps is None:
        return None
    pooling = keras.layers.MaxPooling2D(1, strides=steps, name=names.free("picked"))
    return Rewrite(pooling(args[0]), f"slice with steps {steps[0]} and {steps[1]}: as a pooling of single pixels")


def is_pooling(operation: keras.Operation | None) -> bool:
    """Return whether this is a 2D max or average pooling."""
    return isinstance(operation, _POOLS)


def pool_before(tensor: keras.KerasTensor) -> keras.layers.Layer | None:
    """Return the pooling that computes a tensor, else None."""
    operation = tensor._keras_history.operation
    return operation if is_pooling(operation) else None
