"""Image bytes to RGB pixels with Pillow, whatever the file holds: colour, grey, CMYK, palette; JPEG, PNG, WebP, BMP."""

import io
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

from tfslim.data.crop import middle

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
    return fit(open_rgb(data, name), size, crop)


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


def fit(image: Image.Image, size: tuple[int, int] | None, crop: tuple[int, int] | None = None) -> np.ndarray:
    """Gives the pixels of an image's middle part at a size.

    Args:
        image: a Pillow image of mode RGB.
        size: (height, width) in pixels; None keeps the part's own.
        crop: (height, width) in pixels of the middle part to take; None takes all.

    Returns:
        (height, width, 3) uint8.

    Example:
        >>> fit(Image.new("RGB", (178, 218)), size=(64, 64), crop=(120, 120)).shape
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
