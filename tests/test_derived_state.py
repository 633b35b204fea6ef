"""Layers that hold more than their weights keep up with weights that are assigned."""

import keras
import numpy as np

import tfslim
from tfslim.derived_state import renew_derived_state


def test_a_normalisation_follows_its_weights():
    inputs = keras.Input((3,))
    layer = keras.layers.Normalization()
    model = keras.Model(inputs, layer(inputs))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    layer.adapt_mean.assign([1.0, 2.0, 3.0])
    layer.adapt_variance.assign([4.0, 9.0, 16.0])
    renew_derived_state(model)
    np.testing.assert_allclose(np.asarray(model(x)), (x - [1, 2, 3]) / [2, 3, 4], rtol=1e-5)


def test_a_flattened_model_normalises_as_before():
    x = np.random.default_rng(0).normal(3.0, 2.0, size=(50, 4, 4, 3)).astype("float32")
    nested = keras.Input((4, 4, 3))
    layer = keras.layers.Normalization()
    inner = keras.Model(nested, layer(nested), name="inner")
    layer.adapt(x)
    inputs = keras.Input((4, 4, 3))
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(inner(inputs)))
    np.testing.assert_allclose(np.asarray(tfslim.flatten(model)(x)), np.asarray(model(x)), rtol=1e-5, atol=1e-5)
