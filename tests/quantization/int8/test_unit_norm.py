"""Unit vectors for int8: those of the stock layer, in training and out of it, and kept with the model."""

import keras
import numpy as np
import pytest

from tfslim.quantization.int8.unit_norm import Int8UnitNormalization


@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
@pytest.mark.parametrize("training", [False, True])
def test_vectors_are_those_of_the_stock_layer(axis, training):
    x = np.random.default_rng(0).normal(size=(3, 4, 5)).astype("float32")
    found = np.asarray(Int8UnitNormalization(axis=axis)(x, training=training))
    np.testing.assert_allclose(found, np.asarray(keras.layers.UnitNormalization(axis=axis)(x)), rtol=1e-6, atol=1e-7)


def test_nothing_stays_nothing_and_a_saved_model_opens(tmp_path):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, Int8UnitNormalization(name="unit")(inputs))
    model.save(tmp_path / "unit.keras")
    x = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 4.0]], "float32")
    again = keras.models.load_model(tmp_path / "unit.keras")
    np.testing.assert_allclose(np.asarray(again(x)), [[0, 0, 0], [0.6, 0, 0.8]], rtol=1e-6)
