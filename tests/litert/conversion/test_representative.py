"""Which images are taken as a representative set, and which are refused."""

import itertools

import numpy as np
import pytest

from tfslim.litert.conversion.representative import MAXIMUM, gather

SHAPE = (4, 4, 3)


@pytest.fixture
def images():
    return np.random.default_rng(0).integers(0, 256, (30, *SHAPE), dtype="uint8")


def test_array_images_and_batches_give_the_same(images):
    batches = [images[:13], images[13:]]
    for given in (images, list(images), iter(images), batches, [(batch, "labels") for batch in batches]):
        found = gather(given, SHAPE)
        np.testing.assert_array_equal(found, images)
        assert found.dtype == np.uint8


def test_dataset_of_batches_with_labels(images):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((images, np.zeros(30))).batch(8)
    np.testing.assert_array_equal(gather(dataset, SHAPE), images)


def test_floats_stay_floats(images):
    found = gather(images.astype("float64") / 2, SHAPE)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, images.astype("float32") / 2)


def test_endless_iterable_ends_at_the_maximum(images):
    assert len(gather(itertools.cycle([images]), SHAPE)) == MAXIMUM
    assert len(gather(np.tile(images, (30, 1, 1, 1)), SHAPE)) == MAXIMUM


@pytest.mark.parametrize("count", [0, 1, 19])
def test_too_few_are_refused(images, count):
    with pytest.raises(
        ValueError, match=rf"^{count} representative images.* {count} of the others are different.* at least 20"
    ):
        gather(images[:count], SHAPE)
    with pytest.raises(ValueError, match=f"^{count} representative images"):
        gather(iter(images[:count]), SHAPE)


def test_constant_images_are_refused():
    grey = np.arange(40, dtype="uint8")[:, None, None, None] * np.ones((1, *SHAPE), "uint8")
    with pytest.raises(ValueError, match="40 representative images, of which 40 are of one color and 0"):
        gather(grey, SHAPE)


def test_of_single_numbers_each_is_a_constant():
    numbers = np.random.default_rng(0).normal(size=(30, 1))
    np.testing.assert_array_equal(gather(numbers, (1,)), numbers.astype("float32"))
    with pytest.raises(ValueError, match="and 1 of the others are different"):
        gather(np.ones((30, 1)), (1,))


def test_one_image_many_times_is_one_image(images):
    with pytest.raises(ValueError, match="50 representative images, of which 0 are of one color and 1 of the others"):
        gather(np.repeat(images[:1], 50, axis=0), SHAPE)


def test_twenty_good_images_among_blank_ones_will_do(images):
    given = np.concatenate([images[:20], np.zeros((5, *SHAPE), "uint8")])
    assert len(gather(given, SHAPE)) == 25


def test_other_shapes_and_values_are_refused(images):
    with pytest.raises(ValueError, match=r"shape \(30, 4, 4, 3\), but the model takes \(N, 8, 8, 3\)"):
        gather(images, (8, 8, 3))
    with pytest.raises(ValueError, match="needs representative images"):
        gather(None, SHAPE)
    with pytest.raises(ValueError, match="dtype <U1"):
        gather(np.full((30, *SHAPE), "x"), SHAPE)
    damaged = images.astype("float32")
    damaged[7, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="image 7 holds NaN or infinity \\(1 of 30"):
        gather(damaged, SHAPE)
