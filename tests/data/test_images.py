"""Decoding: every kind of image comes out as RGB, damage is named."""

import io

import numpy as np
import pytest
from PIL import Image

from tfslim.data.images import ImageError, decode

RED = (200, 30, 60)


def encoded(image, form, **options):
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def flat(mode, colour, size=(18, 22)):
    return Image.new(mode, size, colour)


KINDS = {
    "jpeg": (encoded(flat("RGB", RED), "JPEG", quality=95), RED),
    "progressive": (encoded(flat("RGB", RED), "JPEG", progressive=True, quality=95), RED),
    "grey jpeg": (encoded(flat("L", 77), "JPEG"), (77, 77, 77)),
    "cmyk jpeg": (encoded(flat("CMYK", (0, 255, 255, 0)), "JPEG", quality=95), (255, 0, 0)),
    "png": (encoded(flat("RGB", RED), "PNG"), RED),
    "palette png": (encoded(flat("RGB", RED).quantize(4), "PNG"), RED),
    "png with alpha": (encoded(flat("RGBA", (*RED, 255)), "PNG"), RED),
    "grey png with alpha": (encoded(flat("LA", (77, 255)), "PNG"), (77, 77, 77)),
    "1-bit png": (encoded(flat("1", 1), "PNG"), (255, 255, 255)),
    "16-bit grey png": (encoded(Image.fromarray(np.full((22, 18), 77 * 257, np.uint16)), "PNG"), (77, 77, 77)),
    "webp": (encoded(flat("RGB", RED), "WEBP", lossless=True), RED),
    "bmp": (encoded(flat("RGB", RED), "BMP"), RED),
}


@pytest.mark.parametrize("data, expected", KINDS.values(), ids=KINDS)
def test_every_kind_comes_out_as_rgb(data, expected):
    pixels = decode(data, "face")
    assert pixels.shape == (22, 18, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.astype(int) - expected).max() <= 3


def test_a_jpeg_keeps_its_pixels_and_its_own_size():
    rng = np.random.default_rng(0)
    pixels = np.asarray(Image.fromarray(rng.integers(0, 255, (5, 4, 3), dtype=np.uint8)).resize((40, 50)))
    assert np.abs(decode(encoded(Image.fromarray(pixels), "JPEG", quality=98), "f").astype(int) - pixels).mean() < 3
    assert (decode(encoded(Image.fromarray(pixels), "PNG"), "f") == pixels).all()


def test_resizing_down_averages():
    # Columns of 0 and 255 in turn: without antialiasing, halving would pick one of the two.
    stripes = np.tile(np.array([0, 255], np.uint8), (32, 16))
    pixels = decode(encoded(Image.fromarray(stripes), "PNG"), "stripes", size=(16, 8))
    assert pixels.shape == (16, 8, 3)
    assert np.abs(pixels.astype(int) - 127).max() <= 35


def test_size_is_height_then_width():
    assert decode(encoded(flat("RGB", RED), "JPEG"), "face", size=(30, 10)).shape == (30, 10, 3)


def test_an_image_is_turned_upright():
    picture = Image.new("RGB", (20, 10))
    picture.paste(RED, (0, 0, 20, 5))  # red above
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    pixels = decode(encoded(picture, "PNG", exif=exif), "face")
    assert tuple(pixels[-1, 0]) == RED and tuple(pixels[0, 0]) == (0, 0, 0)


GOOD = encoded(Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8)), "JPEG")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9])
def test_a_truncated_jpeg_is_named(share):
    with pytest.raises(ImageError, match=r"^000005\.jpg: "):
        decode(GOOD[: int(len(GOOD) * share)], "000005.jpg")


@pytest.mark.parametrize("form", ["PNG", "WEBP", "BMP"])
def test_other_truncated_images_are_named(form):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 40, 3), dtype=np.uint8))
    data = encoded(noise, form)
    with pytest.raises(ImageError, match="^face: "):
        decode(data[: len(data) // 2], "face")


@pytest.mark.parametrize("data", [b"<html>quota exceeded</html>", b"\0" * 100, encoded(flat("RGB", RED), "GIF")])
def test_what_is_no_image_of_a_known_kind_is_named(data):
    with pytest.raises(ImageError, match="^face: not a JPEG, PNG, WebP or BMP image"):
        decode(data, "face")


def test_a_picture_of_absurd_size_is_refused():
    header = encoded(flat("RGB", RED), "BMP")
    huge = header[:18] + (60000).to_bytes(4, "little") * 2 + header[26:]
    with pytest.raises(ImageError, match="^face: "):
        decode(huge, "face")
