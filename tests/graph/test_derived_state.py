"""Layers that hold more than their weights keep up with weights that are assigned."""

import keras
import numpy as np
import pytest

import tfslim
from tfslim.graph.cloning import clone_model
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.quantization import allocate_bits

INPUTS = np.random.default_rng(0).normal(7.0, 3.0, size=(50, 4, 3)).astype("float32")


def test_a_normalisation_follows_its_weights():
    inputs = keras.Input((3,))
    layer = keras.layers.Normalization()
    model = keras.Model(inputs, layer(inputs))
    x = np.random.default_rng(0).normal(size=(5, 3)).astype("float32")
    layer.adapt_mean.assign([1.0, 2.0, 3.0])
    layer.adapt_variance.assign([4.0, 9.0, 16.0])
    refresh_cached_state(model)
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


def scaled(wrapped: bool = False, nested: bool = False) -> keras.Model:
    """Inputs of mean 7 and deviation 3, normalised and put together to one answer."""
    layer = keras.layers.Normalization(name="pixels")
    inputs = keras.Input((4, 3))
    x = (keras.layers.TimeDistributed(layer) if wrapped else layer)(inputs)
    layer.adapt(INPUTS.reshape(-1, 3) if wrapped else INPUTS)
    if nested:
        inner = keras.Model(inputs, x, name="inner")
        inputs = keras.Input((4, 3))
        x = inner(inputs)
    return keras.Model(inputs, keras.layers.Dense(2, name="answers")(x))


KINDS = pytest.mark.parametrize("kind", [{}, {"wrapped": True}, {"nested": True}], ids=["flat", "wrapped", "nested"])


@KINDS
def test_a_copy_a_float32_plan_and_a_packed_file_compute_the_same(kind, tmp_path):
    model = scaled(**kind)
    tfslim.save_packed(model, tmp_path / "face.tfslim")
    copies = [
        clone_model(model),
        tfslim.quantize_weights(model, "float32")[0],
        tfslim.load_packed(tmp_path / "face.tfslim"),
    ]
    for copy in copies:
        np.testing.assert_array_equal(np.asarray(copy(INPUTS)), np.asarray(model(INPUTS)))


@KINDS
def test_bits_are_measured_on_the_adapted_network(kind):
    """A network whose weights stay as they are is measured at nothing."""
    model = scaled(**kind)
    seen = []

    def distance(trial: keras.Model) -> float:
        trial.get_layer("answers").kernel.assign(model.get_layer("answers").kernel)
        seen.append(np.abs(np.asarray(trial(INPUTS)) - np.asarray(model(INPUTS))).max())
        return 1.0

    allocate_bits(model, "1 kB", distance=distance, bits=[2, 3])
    assert seen == [0.0, 0.0]


def test_bits_of_the_statistics_are_measured_as_well():
    """At 2 bits of a symmetric codec, the mean 7, 7.1, 30 becomes 0, 0, 30."""
    inputs = keras.Input((3,))
    layer = keras.layers.Normalization(name="pixels")
    model = keras.Model(inputs, layer(inputs))
    layer.adapt(np.float32([[6, 6.1, 29], [8, 8.1, 31]]))
    outputs = []

    def distance(trial: keras.Model) -> float:
        outputs.append(np.asarray(trial(np.float32([[7, 7.1, 30]])))[0])
        return 1.0

    allocate_bits(model, "1 kB", distance=distance, codec="uniform", bits=[2], scope="all")
    np.testing.assert_allclose(outputs, [[7, 7.1, 0], [0, 0, 0]], atol=1e-5)
