"""The statistics become those of the data under the present weights, worked out with numpy; nothing else changes."""

import keras
import numpy as np
import pytest

from tfslim.training.batch_statistics import reestimate_statistics

RNG = np.random.default_rng(0)
BATCHES = [RNG.normal(3, 2, (8, 4, 5, 2)).astype("float32") for _ in range(5)]


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 5, 2))
    inner = keras.Sequential([keras.Input((4, 5, 2)), keras.layers.Dropout(0.5), keras.layers.BatchNormalization()])
    return keras.Model(inputs, keras.layers.BatchNormalization(name="outer")(keras.layers.ReLU()(inner(inputs))))


def expected(values):
    return np.mean([v.mean((0, 1, 2)) for v in values], 0), np.mean([v.var((0, 1, 2)) for v in values], 0)


@pytest.mark.parametrize("with_targets", [False, True])
def test_statistics_are_the_average_over_the_batches(with_targets):
    model = network()
    assert reestimate_statistics(model, [(b, None) for b in BATCHES] if with_targets else BATCHES) == 2
    inner = next(layer for layer in model.layers if isinstance(layer, keras.Sequential)).layers[-1]
    for layer, values in (
        (inner, BATCHES),
        (
            model.get_layer("outer"),
            [np.maximum((b - b.mean((0, 1, 2))) / np.sqrt(b.var((0, 1, 2)) + inner.epsilon), 0) for b in BATCHES],
        ),
    ):
        mean, variance = expected(values)
        np.testing.assert_allclose(layer.moving_mean, mean, rtol=1e-4)
        np.testing.assert_allclose(layer.moving_variance, variance, rtol=1e-4)


def test_a_layer_that_is_called_twice_gets_the_average_of_both():
    norm = keras.layers.BatchNormalization()
    one, other = keras.Input((1,)), keras.Input((1,))
    model = keras.Model([one, other], [norm(one), norm(other)])
    # Means 1 and 5, then 2 and 8: 4 in all; variances 0 and 4, then 1 and 0.
    batches = [[[1.0, 1.0], [3.0, 7.0]], [[1.0, 3.0], [8.0, 8.0]]]
    inputs = [tuple(np.array(values)[:, None] for values in batch) for batch in batches]
    assert reestimate_statistics(model, [(batch, None) for batch in inputs]) == 1
    np.testing.assert_allclose(norm.moving_mean, [4.0], rtol=1e-6)
    np.testing.assert_allclose(norm.moving_variance, [5 / 4], rtol=1e-5)


def test_what_is_frozen_stays_and_is_not_counted():
    model = network()
    model.get_layer("outer").trainable = False
    assert reestimate_statistics(model, BATCHES) == 1
    np.testing.assert_array_equal(model.get_layer("outer").moving_mean, 0)


def test_weights_and_settings_stay():
    model = network()
    before = [np.array(w) for w in model.trainable_weights]
    reestimate_statistics(model, iter(BATCHES))
    for found, value in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(found, value)
    outer = model.get_layer("outer")
    assert outer.momentum == 0.99 and outer.call.__func__ is keras.layers.BatchNormalization.call
    inner = next(layer for layer in model.layers if isinstance(layer, keras.Sequential))
    assert inner.layers[0].rate == 0.5


def test_no_batches_is_an_error_that_leaves_the_model():
    model = network()
    with pytest.raises(ValueError, match="no batches"):
        reestimate_statistics(model, [])
    assert model.get_layer("outer").momentum == 0.99
    np.testing.assert_array_equal(model.get_layer("outer").moving_mean, 0)
