"""The copy that goes into a file: batch 1, float32, same weights, same answers, the original untouched."""

import warnings

import keras
import numpy as np
import pytest

from tests.litert.conftest import branching_model
from tfslim.layers.slim_module import SlimModule
from tfslim.litert.fixed_model import fixed_float32


def test_mixed_precision_copy_answers_as_the_float32_model(branching, pictures):
    mixed = branching_model("mixed_float16")
    mixed.set_weights(branching.get_weights())
    copy = fixed_float32(mixed)
    assert copy.input_shape == (1, 16, 16, 3)
    assert all(layer.compute_dtype == "float32" for layer in copy.layers)
    for row in range(3):
        expected = branching.predict(pictures[row : row + 1], verbose=0)
        np.testing.assert_allclose(copy.predict(pictures[row : row + 1], verbose=0), expected, atol=1e-5)
    assert mixed.get_layer("stem").compute_dtype == "float16" and mixed.input_shape == (None, 16, 16, 3)
    assert keras.config.dtype_policy().name == "float32"


def test_policies_inside_nested_models_wrappers_and_modules_are_replaced():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        body = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, name="inner")], name="body")
        inputs = keras.Input((8, 8, 3))
        x = SlimModule(4, name="slim")(body(inputs))
        x = keras.layers.Reshape((6, -1))(x)
        x = keras.layers.TimeDistributed(keras.layers.Dense(2), name="each")(x)
        model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(keras.layers.Flatten()(x)))
        copy = fixed_float32(model)
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    finally:
        keras.config.set_dtype_policy(before)
    computing = [layer for layer in copy._flatten_layers() if not isinstance(layer, keras.layers.InputLayer)]
    assert len(computing) > 15
    assert {layer.compute_dtype for layer in computing} == {"float32"}
    images = np.random.default_rng(0).random((1, 8, 8, 3), "float32")
    np.testing.assert_allclose(copy(images), model(images), atol=0.05)
    for mine, theirs in zip(copy.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_adapted_normalisation_goes_along():
    images = np.random.default_rng(0).uniform(0, 255, (32, 8, 8, 3)).astype("float32")
    normalization = keras.layers.Normalization()
    normalization.adapt(images)
    model = keras.Sequential([keras.Input((8, 8, 3)), normalization])
    copy = fixed_float32(model)
    np.testing.assert_allclose(
        copy(images[:1]), (images[:1] - images.mean((0, 1, 2))) / images.std((0, 1, 2)), atol=1e-4
    )


def test_sequential_models_and_those_inside_them():
    body = keras.Sequential([keras.Input((6, 6, 3)), keras.layers.Conv2D(2, 3)], name="body")
    for outer in ([body, keras.layers.Flatten()], [keras.Input((6, 6, 3)), body, keras.layers.Flatten()]):
        model = keras.Sequential(outer)
        model.build((None, 6, 6, 3))
        copy = fixed_float32(model)
        assert copy.inputs[0].shape == (1, 6, 6, 3)
        images = np.random.default_rng(0).random((1, 6, 6, 3), "float32")
        np.testing.assert_allclose(copy(images), model(images), rtol=1e-5)


def test_shared_layers_and_operations_keep_their_place():
    inputs = keras.Input((6,))
    shared = keras.layers.Dense(6, name="shared")
    model = keras.Model(inputs, keras.ops.concatenate([shared(inputs), shared(shared(inputs)) * 2.0 + 1.0]))
    copy = fixed_float32(model)
    assert len(copy.weights) == 2
    values = np.random.default_rng(0).random((1, 6), "float32")
    np.testing.assert_allclose(copy(values), model(values), rtol=1e-6)


def test_open_sizes_are_refused():
    inputs = keras.Input((None, None, 3), name="photo")
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(inputs), name="any_size")
    with pytest.raises(ValueError, match=r"input 'photo' of model 'any_size' has shape \(None, None, None, 3\)"):
        fixed_float32(model)


def test_models_without_a_graph_are_refused():
    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="'own' \\(Own\\) is a subclassed keras.Model, whose graph"):
        fixed_float32(Own(name="own"))
    with pytest.raises(TypeError, match="'chain' is a Sequential model that is not built"):
        fixed_float32(keras.Sequential([keras.layers.Dense(2)], name="chain"))
    with pytest.raises(TypeError, match="model must be a keras.Model, got 'face.keras'"):
        fixed_float32("face.keras")


def test_weights_quantised_by_keras_are_refused():
    inputs = keras.Input((8,))
    model = keras.Model(inputs, keras.layers.Dense(4, name="head")(inputs), name="small")
    with warnings.catch_warnings():
        # Keras' own: of the input layer that has no weights, and of numpy's copy keyword.
        warnings.simplefilter("ignore")
        model.quantize("int8")
    with pytest.raises(ValueError, match="layer 'head' of model 'small' holds Keras-quantized weights"):
        fixed_float32(model)


@pytest.mark.parametrize("structure", [dict, list])
def test_several_inputs_keep_their_structure(structure):
    left, right = keras.Input((4,), name="left"), keras.Input((4,), name="right", dtype="uint8")
    inputs = {"left": left, "right": right} if structure is dict else [left, right]
    copy = fixed_float32(keras.Model(inputs, keras.layers.Subtract()([left, keras.ops.cast(right, "float32")])))
    values = {"left": np.full((1, 4), 5.0, "float32"), "right": np.full((1, 4), 2.0, "float32")}
    given = values if structure is dict else list(values.values())
    np.testing.assert_array_equal(copy(given), np.full((1, 4), 3.0))
    assert [tensor.shape for tensor in copy.inputs] == [(1, 4), (1, 4)]
