"""Resizing as TensorFlow's antialiased bilinear one, but for any backend and compiler."""

import numpy as np
import pytest
import tensorflow as tf

from tfslim.distillation.resizing import resize, resizing_matrix

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 37, 50, 3)).astype("uint8")


@pytest.mark.parametrize("size", [(16, 16), (64, 80), (37, 20), (109, 50), (1, 1)])
def test_as_tensorflows(size):
    expected = tf.image.resize(PIXELS, size, antialias=True)
    np.testing.assert_allclose(resize(PIXELS, size), expected, atol=2e-3)


def test_what_fits_is_given_back_as_it_is():
    for size in ((37, 50), (None, None), (None, 50)):
        assert resize(PIXELS, size) is PIXELS
    vectors = np.zeros((4, 3))
    assert resize(vectors, (8, 8)) is vectors
    assert resize(PIXELS, (None, 25)).shape == (2, 37, 25, 3)


def test_rows_of_the_matrix_are_means():
    np.testing.assert_allclose(resizing_matrix(4, 2), np.array([[3, 3, 1, 0], [0, 1, 3, 3]]) / 7, rtol=1e-6)
    np.testing.assert_array_equal(resizing_matrix(5, 5), np.eye(5))
    for found, wanted in ((178, 89), (64, 120), (3, 1)):
        np.testing.assert_allclose(resizing_matrix(found, wanted).sum(axis=1), 1, rtol=1e-6)


def test_xla_can_compile_it():
    compiled = tf.function(lambda images: resize(images, (20, 30)), jit_compile=True)
    np.testing.assert_allclose(compiled(tf.constant(PIXELS)), resize(PIXELS, (20, 30)), rtol=1e-5)


def test_unknown_height():
    @tf.function(input_signature=[tf.TensorSpec((None, None, None, 3))])
    def unknown(images):
        return resize(images, (8, 8))

    with pytest.raises(ValueError, match="unknown height or width.*resized to 8x8.*tf.ensure_shape"):
        unknown(tf.zeros((1, 9, 9, 3)))
