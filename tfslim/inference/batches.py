"""Outputs of a model for many image files.

The model is run once on each image, in batches.
"""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from tfslim.data.images import ImageError, each_image, resize
from tfslim.data.sources import ImageArchive, ImageFolder

__all__ = ["ImageOutputs"]


@dataclasses.dataclass(frozen=True)
class ImageOutputs:
    """A model's output for each image.

    Attributes:
        files: (N,) str, the images that could be decoded, in the order asked for.
        values: (N, D) float32.
        skipped: an image left out -> why.
    """

    files: np.ndarray
    values: np.ndarray
    skipped: dict[str, str]


def image_outputs(
    outputs: Callable[[np.ndarray], np.ndarray],
    size: tuple[int, int],
    source: ImageFolder | ImageArchive,
    files: Iterable[str],
    fit: Callable[[Image.Image, tuple[int, int]], np.ndarray] = resize,
    batch_size: int = 64,
    on_error: str = "raise",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImageOutputs:
    """Run a model on image files, block by block.

    Some hundred images are in memory at once.

    Args:
        outputs: (N, height, width, 3) uint8 pixels -> (N, D) float32.
        size: (height, width) of the images that `outputs` takes, in pixels.
        source: where the bytes come from, such as `CelebA.source` or a `PeopleFolder`.
        files: names of the images.
        fit: (Pillow image, size) -> its pixels at that size, such as `CelebA.fit`; by default the whole image is
            resized.
        batch_size: images passed to the model at once.
        on_error: "raise" stops at an image that can't be decoded, "skip" leaves it out and notes it.
        progress: called with the images done and their total, after each batch.

    Raises:
        ImageError: an image can't be decoded and on_error is "raise", or none can.
        ValueError: an argument is out of range.

    Example:
        >>> done = image_outputs(predictor.logits, predictor.size, celeba.source, celeba.part("test").files)
        >>> done.values.shape
        (1000, 40)
    """
    if on_error not in ("raise", "skip"):
        raise ValueError(f"on_error must be 'raise' or 'skip', found {on_error!r}")
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, found {batch_size}")
    files = [str(file) for file in files]
    rows, images, values, skipped = [], [], [], {}

    def run_batch(done: int) -> None:
        values.append(outputs(np.stack(images)))
        images.clear()
        progress(done, len(files))

    with contextlib.closing(each_image(source, files, lambda row, image: fit(image, size))) as decoded:
        for row, pixels in decoded:
            if isinstance(pixels, ImageError):
                if on_error == "raise":
                    raise pixels
                skipped[files[row]] = str(pixels)
            else:
                rows.append(row)
                images.append(pixels)
            if len(images) == batch_size:
                run_batch(row + 1)
    if images:
        run_batch(len(files))
    if not values:
        raise ImageError(f"none of {len(files)} images of {source.path} can be decoded")
    return ImageOutputs(np.array(files)[rows], np.concatenate(values), skipped)
