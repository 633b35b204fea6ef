"""The representative images from which full int8 quantisation reads the range of every tensor."""

from collections.abc import Iterable

import numpy as np

MINIMUM = 20
MAXIMUM = 500


def gather(representative: np.ndarray | Iterable, shape: tuple[int, ...]) -> np.ndarray:
    """Collects and checks representative images.

    Args:
        representative: (N, H, W, C) array, or an iterable (a tf.data.Dataset too) of images (H, W, C), of batches
            (N, H, W, C), or of tuples that begin with one of these; on the scale that the model takes (pixels in 0..255
            for the models of tfslim). No more than the first 500 images are taken.
        shape: (H, W, C) that the model takes.

    Returns:
        (N, H, W, C) uint8 array where all images were uint8, else float32; 20 <= N <= 500.

    Raises:
        ValueError: If images are of another shape or not finite, or fewer than 20 are different and not constant.

    Example:
        >>> images = np.random.default_rng(0).integers(0, 256, (32, 8, 8, 3), dtype="uint8")
        >>> gather(images, (8, 8, 3)).shape
        (32, 8, 8, 3)
    """
    if representative is None:
        raise ValueError(
            'quantization="int8" needs representative images, from which the range of every tensor is read: '
            f"pass representative=images, {MINIMUM} or more (100 to 500 are usual) from the training part"
        )
    batches, count = [], 0
    for batch in [representative] if isinstance(representative, np.ndarray) else representative:
        batch = _as_batch(batch, shape)[: MAXIMUM - count]
        batches.append(batch)
        count += len(batch)
        if count >= MAXIMUM:
            break
    images = np.concatenate(batches) if batches else np.empty((0, *shape), "uint8")
    if images.dtype != np.uint8:
        images = images.astype("float32")
    _check_variety(images)
    return images


def _as_batch(batch, shape: tuple[int, ...]) -> np.ndarray:
    images = np.asarray(batch[0] if isinstance(batch, tuple | list) else batch)
    if images.ndim == len(shape):
        images = images[None]
    if images.shape[1:] != tuple(shape):
        raise ValueError(
            f"representative images have shape {images.shape}, the model takes (N, {', '.join(map(str, shape))})"
        )
    if not (np.issubdtype(images.dtype, np.floating) or np.issubdtype(images.dtype, np.integer)):
        raise ValueError(f"representative images are of dtype {images.dtype}; expected numbers (uint8 or float32)")
    return images


def _check_variety(images: np.ndarray) -> None:
    bad = [number for number, image in enumerate(images) if not np.isfinite(image).all()]
    if bad:
        raise ValueError(f"representative image {bad[0]} holds NaN or infinity ({len(bad)} of {len(images)} images do)")
    # A model that takes a single number is given nothing but such images.
    varied = [image for image in images if image.size == 1 or image.min() != image.max()]
    constant, different = len(images) - len(varied), len({image.tobytes() for image in varied})
    if different < MINIMUM:
        raise ValueError(
            f"{len(images)} representative images, of which {constant} are of one colour and {different} of the others "
            f"are different; expected at least {MINIMUM} different pictures, else the ranges read from them clip others"
        )
