"""What a rescaling multiplies by and adds, and how a convolution holds it."""

import keras
import numpy as np

RESCALING = (keras.layers.Rescaling, keras.layers.Normalization)


def unlike(values: np.ndarray, number: int) -> np.ndarray:
    """The values with one of them moved by the last bits, another one or farther for each number.

    TensorFlow 2.21's converter keeps equal kernels once and folds a batch normalisation into all that share it, and
    where all of a bias are alike it divides each by the first channel's scale.
    """
    moved = np.array(values, "float32")
    for _ in range(number // len(moved) + 1):
        moved[number % len(moved)] = np.nextafter(moved[number % len(moved)], np.float32(np.inf))
    return moved


def scale_and_offset(layer: keras.layers.Layer) -> tuple[np.ndarray, np.ndarray]:
    """What the layer multiplies by and then adds, each in the shape in which it is broadcast."""
    if isinstance(layer, keras.layers.Rescaling):
        return np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(v), "float64") for v in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    return (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)


def is_by_channel(values: np.ndarray, channels: int | None) -> bool:
    """Whether there is one value, or one a channel along the last axis."""
    return channels is not None and values.size in (1, channels) and values.shape[-1:] in ((), (values.size,))
