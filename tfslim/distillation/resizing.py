"""Antialiased bilinear resizing that is the same on every backend and compiles everywhere."""

import keras
import numpy as np


def resize(images: keras.KerasTensor, size: tuple[int | None, int | None]) -> keras.KerasTensor:
    """Resizes images to a height and width; those that have them already are given back as they are.

    Written as two products with small matrices: TensorFlow's own antialiased resizing can't be compiled by XLA.

    Args:
        images: (N, H, W, C) of any number type; values without height and width are given back as they are.
        size: (height, width) in pixels; None where any will do.

    Returns:
        (N, height, width, C), float32 where something was resized.

    Raises:
        ValueError: if the height or width of the images is not known while the graph is built.

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
                f"the images' height and width are not known, found {tuple(images.shape)}, so they can't be resized to "
                f"{size[0]}x{size[1]}; fix them where the images are made (tf.ensure_shape)"
            )
        matrix = keras.ops.convert_to_tensor(resizing_matrix(found, wanted))
        equation = "oh,nhwc->nowc" if axis == 1 else "ow,nhwc->nhoc"
        images = keras.ops.einsum(equation, matrix, keras.ops.cast(images, "float32"))
    return images


def resizing_matrix(found: int, wanted: int) -> np.ndarray:
    """The (wanted, found) float32 matrix that resizes a row of pixels: triangles as wide as a pixel of the coarser row.

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
