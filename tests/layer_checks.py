"""Checks for every composite layer: shapes, serialization, the flat form, mixed precision."""

import tempfile
from pathlib import Path

import keras
import numpy as np

from tests.numpy_layers import NumpyLayers
from tfslim.layers import Composite


def run_layer_test(
    layer: Composite,
    input_shape: tuple[int, ...],
    output_shape: tuple[int, ...],
    trainable_params: int,
    reference=None,
) -> None:
    """Asserts all that holds for any composite layer.

    Args:
        layer: an unbuilt layer.
        input_shape: shape of a batch, e.g. (2, 8, 8, 3).
        output_shape: shape that comes out of it.
        trainable_params: number of trainable parameters on that input.
        reference: function of a `NumpyLayers` and the input that gives the output by independent arithmetic, with the
            layers named `layer.name` + "_" + role.
    """
    config = layer.get_config()
    x = np.random.default_rng(0).normal(size=input_shape).astype("float32")

    assert tuple(layer.compute_output_shape(input_shape)) == output_shape
    assert not layer.built, "asking for the output shape builds the layer"
    model = as_model(layer, input_shape)
    assert count(layer.trainable_weights) == trainable_params
    assert tuple(layer.compute_output_shape(input_shape)) == output_shape
    assert model.output_shape == (None, *output_shape[1:])
    expected = np.asarray(model(x))
    assert expected.shape == output_shape

    assert type(layer).from_config(config).get_config() == config
    _assert_saved_the_same(model, x, expected)
    flat = _assert_flat_the_same(layer, config, x, expected)
    if reference is not None:
        np.testing.assert_allclose(expected, reference(NumpyLayers(flat), np.float64(x)), rtol=1e-4, atol=1e-4)
    _assert_mixed_precision(layer, config, x, expected)


def as_model(layer: keras.layers.Layer, input_shape: tuple[int, ...]) -> keras.Model:
    """A model of this layer alone, with random weights and statistics."""
    inputs = keras.Input(input_shape[1:])
    model = keras.Model(inputs, layer(inputs))
    randomize(model)
    return model


def randomize(model: keras.Model, seed: int = 1) -> None:
    """Fills all weights with numbers that no freshly built layer has, so that a lost or swapped weight shows."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        if len(weight.shape) > 1:
            depthwise = len(weight.shape) == 4 and weight.shape[-1] == 1
            fan_in = int(np.prod(weight.shape[:2] if depthwise else weight.shape[:-1]))
            weight.assign(rng.normal(size=weight.shape) * np.sqrt(2 / fan_in))
        else:
            weight.assign(rng.uniform(0.5, 1.5, size=weight.shape))


def count(weights: list[keras.Variable]) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def _assert_saved_the_same(model, x, expected):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        loaded = keras.models.load_model(path)
    np.testing.assert_array_equal(np.asarray(loaded(x)), expected)


def _assert_flat_the_same(layer, config, x, expected):
    inputs = keras.Input(x.shape[1:])
    flat = keras.Model(inputs, type(layer).from_config(config).flat(inputs))
    stock = flat.layers[1:]
    assert stock
    assert all(getattr(keras.layers, type(inner).__name__, None) is type(inner) for inner in stock)
    assert all(inner.name.startswith(f"{layer.name}_") for inner in stock)
    flat.set_weights(layer.get_weights())
    np.testing.assert_allclose(np.asarray(flat(x)), expected, rtol=1e-5, atol=1e-5)
    return flat


def _assert_mixed_precision(layer, config, x, expected):
    before = keras.config.dtype_policy()
    mixed = type(layer).from_config({**config, "dtype": "mixed_bfloat16"})
    model = as_model(mixed, x.shape)
    assert keras.config.dtype_policy() == before, "building the layer leaves the global policy changed"
    model.set_weights(layer.get_weights())
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    assert all(inner.compute_dtype == "bfloat16" for inner in mixed.body.layers if inner.weights)
    outputs = model(x)
    assert model.outputs[0].dtype == keras.backend.standardize_dtype(outputs.dtype)
    rough = np.asarray(keras.ops.cast(outputs, "float32"))
    assert np.isfinite(rough).all()
    assert np.abs(rough - expected).max() <= 0.05 * np.abs(expected).max()
