"""The model compared with the translated one computes as the original does."""

import keras
import numpy as np
import pytest

from tfslim.tfmot import to_tf_keras
from tfslim.tfmot.output_check import TOLERANCE, _tolerance

INPUTS = np.random.default_rng(0).normal(100.0, 30.0, size=(50, 3)).astype("float32")


def scaled(normalization: keras.layers.Normalization, policy: str = "float32") -> keras.Model:
    inputs = keras.Input((3,))
    return keras.Model(inputs, keras.layers.Dense(2, dtype=policy)(normalization(inputs)))


def adapted() -> keras.layers.Normalization:
    layer = keras.layers.Normalization()
    layer.adapt(INPUTS)
    return layer


def test_an_adapted_normalisation_comes_over_from_mixed_precision():
    model = scaled(adapted(), "mixed_bfloat16")
    kernel, bias = model.layers[-1].get_weights()
    expected = model.layers[1](INPUTS) @ kernel + bias
    np.testing.assert_allclose(np.asarray(to_tf_keras(model)(INPUTS)), expected, atol=1e-5)


@pytest.mark.parametrize("layer", [adapted, lambda: keras.layers.Normalization(mean=100.0, variance=900.0)])
def test_an_adapted_normalisation_makes_nothing_of_roundings(layer):
    model = scaled(layer())
    assert _tolerance(model, [INPUTS], [np.asarray(model(INPUTS))]) == TOLERANCE
