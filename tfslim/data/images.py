"""Image bytes to RGB pixels with Pillow, whatever the file holds: colour, grey, CMYK, palette; JPEG, PNG, WebP, BMP."""

import concurrent.futures
import io
import os
import struct
import typing
import zlib
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image, ImageOps

from tfslim.data.sources import ImageArchive, ImageFolder


def center_crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Cuts the largest middle part that has the height-to-width ratio of `size`; it is not resized.

    Args:
        image: a Pillow image.
        size: (height, width) whose ratio the part gets, to the nearest pixel.

    Example:
        >>> center_crop(Image.new("RGB", (400, 218)), (109, 89)).size
        (178, 218)
    """
    height, width = size
    cut_width = max(1, min(image.width, round(image.height * width / height)))
    cut_height = max(1, min(image.height, round(image.width * height / width)))
    left, top = (image.width - cut_width) // 2, (image.height - cut_height) // 2
    return image.crop((left, top, left + cut_width, top + cut_height))


def middle(image: Image.Image, size: tuple[int, int] | None) -> Image.Image:
    """Cuts the middle part of a given size; a side that is shorter than asked for stays whole.

    Args:
        image: a Pillow image.
        size: (height, width) in pixels; None leaves the image whole.

    Example:
        >>> middle(Image.new("RGB", (178, 218)), (120, 120)).size
        (120, 120)
    """
    if size is None:
        return image
    height, width = min(size[0], image.height), min(size[1], image.width)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


_FORMATS = ("JPEG", "PNG", "WEBP", "BMP")
# What Pillow raises for damaged files, by the part that notices.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


class ImageError(ValueError):
    """An image can't be decoded; the message begins with its name."""


def decode(
    data: bytes, name: str, size: tuple[int, int] | None = None, crop: tuple[int, int] | None = None
) -> np.ndarray:
    """Decodes one image to RGB pixels.

    Args:
        data: the bytes of a JPEG, PNG, WebP or BMP file.
        name: what to call the image in an error.
        size: (height, width) in pixels to resize to, bilinear with antialiasing; None keeps the image's own.
        crop: (height, width) in pixels of the middle part to take before that; None takes all.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: the bytes are no such image, or are cut short.

    Example:
        pixels = decode(open("face.jpg", "rb").read(), "face.jpg", size=(218, 178))
    """
    return fit_image(open_rgb(data, name), size, crop)


def open_rgb(data: bytes, name: str) -> Image.Image:
    """Decodes one image to a Pillow image of mode RGB, turned upright if its camera said how.

    Args:
        data: the bytes of a JPEG, PNG, WebP or BMP file.
        name: what to call the image in an error.

    Raises:
        ImageError: the bytes are no such image, or are cut short.
    """
    if not data:
        raise ImageError(f"{name}: the file is empty (0 bytes)")
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            image.load()
            return _rgb(ImageOps.exif_transpose(image))
    except Image.UnidentifiedImageError:
        raise ImageError(f"{name}: not a JPEG, PNG, WebP or BMP image ({len(data)} bytes)") from None
    except _DAMAGE as error:
        raise ImageError(f"{name}: can't be decoded: {error} ({len(data)} bytes)") from error


def fit_image(image: Image.Image, size: tuple[int, int] | None, crop: tuple[int, int] | None = None) -> np.ndarray:
    """Gives the pixels of an image's middle part at a size.

    Args:
        image: a Pillow image of mode RGB.
        size: (height, width) in pixels; None keeps the part's own.
        crop: (height, width) in pixels of the middle part to take; None takes all.

    Returns:
        (height, width, 3) uint8.

    Example:
        >>> fit_image(Image.new("RGB", (178, 218)), size=(64, 64), crop=(120, 120)).shape
        (64, 64, 3)
    """
    return resize(middle(image, crop), size)


def resize(image: Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    """Gives an RGB image's pixels at a size, bilinear with antialiasing.

    Args:
        image: a Pillow image of mode RGB.
        size: (height, width) in pixels; None keeps the image's own.

    Returns:
        (height, width, 3) uint8.
    """
    if size is not None and (image.height, image.width) != tuple(size):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit grey, which Pillow would clip at 255 in place of scaling.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


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
