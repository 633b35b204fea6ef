"""Image decoding, cropping and resizing with Pillow.

Reads JPEG, PNG, WebP and BMP files in color, gray, CMYK or palette mode, and returns RGB.
"""

import concurrent.futures
import io
import os
import struct
import typing
import zlib
from collections.abc import Callable, Generator, Sequence

import numpy as np
from PIL import Image, ImageOps

from tfslim.data.sources import ImageArchive, ImageFolder

__all__ = ["ImageError"]


def center_crop(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Crop the largest center part of a given aspect ratio.

    The part is not resized.

    Args:
        image: a Pillow image.
        size: (height, width) that defines the ratio, to the nearest pixel.

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
    """Crop the center part of a given size.

    Args:
        image: a Pillow image.
        size: (height, width) in pixels; a shorter side of the image is kept whole, and None keeps the whole image.

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
# Exceptions that Pillow raises for damaged files.
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
    """Error for an undecodable image; names the image first."""


def decode(
    data: bytes, name: str, size: tuple[int, int] | None = None, crop: tuple[int, int] | None = None
) -> np.ndarray:
    """Decode an image file to RGB pixels.

    Args:
        data: the bytes of a JPEG, PNG, WebP or BMP file.
        name: name of the image, for error messages.
        size: (height, width) in pixels to resize to, bilinear with antialiasing; None keeps the size.
        crop: (height, width) in pixels of the center part to crop before that; None keeps the whole image.

    Returns:
        (height, width, 3) uint8.

    Raises:
        ImageError: if the bytes are not an image in one of these formats, or are truncated.

    Example:
        >>> file = io.BytesIO()
        >>> Image.new("RGB", (356, 436)).save(file, "JPEG")
        >>> decode(file.getvalue(), "face.jpg", size=(218, 178)).shape
        (218, 178, 3)
    """
    return fit_image(open_rgb(data, name), size, crop)


def open_rgb(data: bytes, name: str) -> Image.Image:
    """Decode an image file to an RGB Pillow image.

    The EXIF orientation is applied.

    Args:
        data: the bytes of a JPEG, PNG, WebP or BMP file.
        name: name of the image, for error messages.

    Raises:
        ImageError: if the bytes are not an image in one of these formats, or are truncated.
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
    """Crop the center part of an image and resize it.

    Args:
        image: a Pillow image of mode RGB.
        size: (height, width) in pixels; None keeps the size of the part.
        crop: (height, width) in pixels of the center part; None keeps the whole image.

    Returns:
        (height, width, 3) uint8.

    Example:
        >>> fit_image(Image.new("RGB", (178, 218)), size=(64, 64), crop=(120, 120)).shape
        (64, 64, 3)
    """
    return resize(middle(image, crop), size)


def resize(image: Image.Image, size: tuple[int, int] | None) -> np.ndarray:
    """Resize an RGB image, bilinear with antialiasing.

    Args:
        image: a Pillow image of mode RGB.
        size: (height, width) in pixels; None keeps the size.

    Returns:
        (height, width, 3) uint8.
    """
    if size is not None and (image.height, image.width) != tuple(size):
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    return np.asarray(image)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        # 16-bit gray, which Pillow would clip at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image).astype(np.uint32) >> 8).clip(0, 255).astype(np.uint8))
    return image if image.mode == "RGB" else image.convert("RGB")


_BATCH = 512  # images in flight; futures for all 202,599 images would take more memory than the labels

Result = typing.TypeVar("Result")


def each_image(
    source: ImageFolder | ImageArchive,
    files: Sequence[str],
    work: Callable[[int, Image.Image], Result],
    threads: int | None = None,
) -> Generator[tuple[int, Result | ImageError]]:
    """Decode images in threads and apply a function to each.

    Args:
        source: the source of the bytes.
        files: names of images.
        work: called in a thread with a row number and a Pillow image of mode RGB.
        threads: number of threads; None for one per processor.

    Yields:
        In order, the row and the result of `work`, or the row and the ImageError of an image that can't be read or
        decoded.
    """

    def decode_and_work(row: int) -> Result | ImageError:
        try:
            image = open_image(source, files[row])
        except ImageError as error:
            return error
        return work(row, image)

    with concurrent.futures.ThreadPoolExecutor(threads or os.cpu_count()) as pool:
        for start in range(0, len(files), _BATCH):
            rows = range(start, min(start + _BATCH, len(files)))
            yield from zip(rows, pool.map(decode_and_work, rows), strict=True)


def open_image(source: ImageFolder | ImageArchive, file: str) -> Image.Image:
    """Read and decode one image to an RGB Pillow image.

    Raises:
        ImageError: if it can't be read or decoded; names the image and its source.
    """
    try:
        data = source.read(file)
    except (OSError, ValueError) as error:
        raise ImageError(f"{file}: can't be read: {error}") from error
    return open_rgb(data, f"{file} (in {source.path})")
