"""Antialiased bilinear resizing that is equal on every backend."""

import keras
import numpy as np

__all__ = ["resize", "resizing_matrix"]


def resize(images: keras.KerasTensor, size: tuple[int | None, int | None]) -> keras.KerasTensor:
    """Resize images to a height and width.

    Implemented as two products with small matrices, since XLA can't compile TensorFlow's antialiased resizing.

    Args:
        images: (N, H, W, C) of any number type; tensors of other ranks are returned unchanged.
        size: (height, width) in pixels; None keeps that side.

    Returns:
        (N, height, width, C) float32, or `images` itself if it has that size already.

    Raises:
        ValueError: if the height or width of the images is unknown when the graph is built.

    Example:
        >>> resize(np.zeros((1, 120, 100, 3), "uint8"), (64, 64)).shape
        TensorShape([1, 64, 64, 3])
    """
    if len(images.shape) != 4:
        return images
    for axis, wanted in ((1, size[0]), (2, size[1])):
        found = images.shape[axis]
        if wanted is None or wanted == found:
            continue
        if found is None:
            raise ValueError(
                f"images of unknown height or width, {tuple(images.shape)}, can't be resized to {size[0]}x{size[1]}; "
                "set their shape in the input pipeline (tf.ensure_shape)"
            )
        matrix = keras.ops.convert_to_tensor(resizing_matrix(found, wanted))
        equation = "oh,nhwc->nowc" if axis == 1 else "ow,nhwc->nhoc"
        images = keras.ops.einsum(equation, matrix, keras.ops.cast(images, "float32"))
    return images


def resizing_matrix(found: int, wanted: int) -> np.ndarray:
    """Return the matrix that resizes a row of pixels.

    Each output pixel is a triangle filter as wide as a pixel of the coarser row.

    Args:
        found: number of pixels of the row.
        wanted: number of pixels after resizing.

    Returns:
        (wanted, found) float32.

    Example:
        >>> resizing_matrix(4, 2).round(3)
        array([[0.429, 0.429, 0.143, 0.   ],
               [0.   , 0.143, 0.429, 0.429]], dtype=float32)
    """
    step = found / wanted
    centers = (np.arange(wanted) + 0.5) * step - 0.5
    reach = max(step, 1.0)
    weights = np.maximum(0, 1 - np.abs(centers[:, None] - np.arange(found)) / reach)
    return (weights / weights.sum(axis=1, keepdims=True)).astype("float32")
