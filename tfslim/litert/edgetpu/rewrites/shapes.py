"""Layers that move pixels, as others that the Edge TPU compiler takes."""

import keras

from tfslim.graph.traversal import LayerCall
from tfslim.litert.edgetpu.rewrites.rewrite import Names, Rewrite, called

_POOLS = (keras.layers.MaxPooling2D, keras.layers.AveragePooling2D)


def is_nearest_upsampling(operation: keras.Operation) -> bool:
    """Whether this repeats the pixels of a map."""
    return isinstance(operation, keras.layers.UpSampling2D) and operation.interpolation == "nearest"


def upsample_by_resizing(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """A nearest UpSampling2D, which becomes TILE, as a nearest Resizing, which becomes RESIZE_NEAREST_NEIGHBOR."""
    layer = call.operation
    if not is_nearest_upsampling(layer) or layer.data_format != "channels_last":
        return None
    height, width = (size * factor for size, factor in zip(args[0].shape[1:3], layer.size, strict=True))
    resizing = keras.layers.Resizing(height, width, interpolation="nearest", name=names.free(layer.name))
    return Rewrite(resizing(args[0]), f"{called(call)}: repeated pixels as Resizing to {height}x{width}")


def picked_steps(call: LayerCall) -> tuple[int, int] | None:
    """The steps in height and width of a slice x[:, ::a, ::b]; None for any other slice."""
    if type(call.operation).__name__ != "GetItem" or len(call.args) != 2 or len(call.args[0].shape) != 4:
        return None
    key = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if not 2 <= len(key) <= 4 or not all(isinstance(item, slice) for item in key):
        return None
    whole = [item for place, item in enumerate(key) if place in (0, 3)]
    steps = [item.step or 1 for place, item in enumerate(key) if place in (1, 2)] + [1]
    if any(item != slice(None) for item in whole) or min(steps) < 1 or max(steps) == 1:
        return None
    if any((item.start or 0) != 0 or item.stop is not None for item in key[1:3]):
        return None
    return steps[0], steps[1]


def pick_by_pooling(call: LayerCall, args: tuple, names: Names) -> Rewrite | None:
    """A slice with steps in height and width as a pooling of single pixels."""
    steps = picked_steps(call)
    if steps is None:
        return None
    pooling = keras.layers.MaxPooling2D(1, strides=steps, name=names.free("picked"))
    return Rewrite(pooling(args[0]), f"slice with steps {steps[0]} and {steps[1]}: as a pooling of single pixels")


def is_pooling(operation: keras.Operation | None) -> bool:
    """Whether this is a max or average pooling in two dimensions."""
    return isinstance(operation, _POOLS)


def pool_before(tensor: keras.KerasTensor) -> keras.layers.Layer | None:
    """The max or average pooling that gives a tensor of a graph; None where another layer does."""
    operation = tensor._keras_history.operation
    return operation if is_pooling(operation) else None
