"""Many images decoded at once, in threads; Pillow lets go of Python's lock while it decodes and resizes."""

import concurrent.futures
import os
import typing
from collections.abc import Callable, Iterator, Sequence

from PIL import Image

from tfslim.data.images import ImageError, open_rgb
from tfslim.data.sources import ImageArchive, ImageFolder

_BATCH = 512  # images in flight; a future for each of 202,599 images would take more memory than the labels

Result = typing.TypeVar("Result")


def each_image(
    source: ImageFolder | ImageArchive,
    files: Sequence[str],
    work: Callable[[int, Image.Image], Result],
    threads: int | None = None,
) -> Iterator[tuple[int, Result | ImageError]]:
    """Reads and decodes images in threads and yields, in order, what the work made of each.

    Args:
        source: where the bytes come from.
        files: names of images.
        work: called in a thread with a row number and a Pillow image of mode RGB.
        threads: how many; None for one a processor.

    Yields:
        The row and the work's result, or the row and the ImageError of an image that can't be read or decoded.
    """

    def one(row: int) -> Result | ImageError:
        try:
            image = open_image(source, files[row])
        except ImageError as error:
            return error
        return work(row, image)

    with concurrent.futures.ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for start in range(0, len(files), _BATCH):
            rows = range(start, min(start + _BATCH, len(files)))
            yield from zip(rows, pool.map(one, rows), strict=True)


def open_image(source: ImageFolder | ImageArchive, file: str) -> Image.Image:
    """Reads and decodes one image to a Pillow image of mode RGB.

    Raises:
        ImageError: it can't be read or decoded; names the image and where it lies.
    """
    try:
        data = source.read(file)
    except (OSError, ValueError) as error:
        raise ImageError(f"{file}: can't be read: {error}") from error
    return open_rgb(data, f"{file} (in {source.path})")
