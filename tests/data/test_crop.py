"""The middle of a photo, cut to a ratio."""

import numpy as np
from hypothesis import given, strategies as st
from PIL import Image

from tfslim.data.images import center_crop, middle


def test_margins_go_and_the_middle_stays():
    pixels = np.zeros((20, 30, 3), np.uint8)
    pixels[:, 10:20] = 255
    assert (np.asarray(center_crop(Image.fromarray(pixels), (2, 1))) == 255).all()
    tall = Image.fromarray(pixels.transpose(1, 0, 2).copy())
    assert (np.asarray(center_crop(tall, (1, 2))) == 255).all()


def test_a_photo_of_the_right_shape_is_kept_whole():
    assert center_crop(Image.new("RGB", (178, 218)), (218, 178)).size == (178, 218)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 300), st.integers(1, 300))
def test_it_is_the_largest_part_of_that_ratio(photo_width, photo_height, height, width):
    cut = center_crop(Image.new("L", (photo_width, photo_height)), (height, width))
    assert cut.width == photo_width or cut.height == photo_height
    # Off by less than a pixel on the side that was cut.
    ideal_width, ideal_height = cut.height * width / height, cut.width * height / width
    assert abs(cut.width - max(1, ideal_width)) <= 0.5 or abs(cut.height - max(1, ideal_height)) <= 0.5


def test_the_middle_is_cut_to_size_and_a_short_side_stays_whole():
    pixels = np.arange(7 * 6, dtype=np.uint8).reshape(7, 6)
    np.testing.assert_array_equal(np.asarray(middle(Image.fromarray(pixels), (3, 2))), pixels[2:5, 2:4])
    np.testing.assert_array_equal(np.asarray(middle(Image.fromarray(pixels), (3, 9))), pixels[2:5])
    np.testing.assert_array_equal(np.asarray(middle(Image.fromarray(pixels), None)), pixels)
