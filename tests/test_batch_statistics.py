"""The statistics become those of the data under the present weights, worked out with numpy; nothing else changes."""

import keras
import numpy as np
import pytest

from tfslim.batch_statistics import reestimate_statistics

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


def test_weights_and_settings_stay():
    model = network()
    before = [np.array(w) for w in model.trainable_weights]
    reestimate_statistics(model, iter(BATCHES))
    for found, value in zip(model.trainable_weights, before, strict=True):
        np.testing.assert_array_equal(found, value)
    assert model.get_layer("outer").momentum == 0.99
    inner = next(layer for layer in model.layers if isinstance(layer, keras.Sequential))
    assert inner.layers[0].rate == 0.5


def test_no_batches_is_an_error_that_leaves_the_model():
    model = network()
    with pytest.raises(ValueError, match="no batches"):
        reestimate_statistics(model, [])
    assert model.get_layer("outer").momentum == 0.99
    np.testing.assert_array_equal(model.get_layer("outer").moving_mean, 0)
