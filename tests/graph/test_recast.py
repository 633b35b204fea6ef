"""A recast model is the same function under another precision, with other classes or another input size."""

import keras
import numpy as np
import pytest

from tfslim.distillation.frozen_teacher import FrozenTeacher
from tfslim.graph.recast import recast
from tfslim.layers.fused_batch_norm import FusedBatchNormalization


def branching_model():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((16, 12, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = keras.layers.Conv2D(4, 3, name="stem")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.Concatenate()([x, keras.layers.Conv2D(3, 1)(x)])
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(x), name="branching")
    rng = np.random.default_rng(0)
    model.set_weights([rng.uniform(0.2, 1, w.shape) for w in model.get_weights()])
    return model


IMAGES = np.random.default_rng(1).integers(0, 256, (3, 16, 12, 3)).astype("uint8")


def test_same_function_in_variables_of_its_own():
    model = branching_model()
    expected = model.predict(IMAGES, verbose=0)
    copy = recast(model)
    np.testing.assert_array_equal(copy.predict(IMAGES, verbose=0), expected)
    copy.set_weights([w * 0 for w in copy.get_weights()])
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), expected)


@pytest.mark.parametrize("copy_of", [recast, lambda model: lambda x: FrozenTeacher(model, ["output"])(x)["output"]])
def test_an_adapted_normalisation_is_copied_as_it_was_adapted(copy_of):
    inputs = keras.Input((4, 4, 3))
    layer = keras.layers.Normalization()
    model = keras.Model(inputs, layer(inputs))
    layer.adapt_mean.assign([1.0, 2.0, 3.0])
    layer.adapt_variance.assign([4.0, 9.0, 16.0])
    layer.finalize_state()
    x = np.random.default_rng(0).normal(size=(5, 4, 4, 3)).astype("float32")
    np.testing.assert_allclose(np.asarray(copy_of(model)(x)), (x - [1, 2, 3]) / [2, 3, 4], rtol=1e-5, atol=1e-6)


def test_a_copy_of_a_compiled_model_is_not_compiled(tmp_path):
    model = branching_model()
    model.compile("adam", "mse")
    copy = recast(model)
    assert not copy.compiled and copy.name == model.name
    copy.save(tmp_path / "copy.keras")
    assert not keras.models.load_model(tmp_path / "copy.keras").compiled


def test_mixed_precision_keeps_float32_variables_and_logits():
    model = branching_model()
    copy = recast(model, "mixed_bfloat16")
    assert copy.get_layer("stem").compute_dtype == "bfloat16"
    assert copy.get_layer("logits").compute_dtype == "float32"
    assert {w.dtype for w in copy.weights} == {"float32"}
    np.testing.assert_allclose(copy.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0), rtol=0.03, atol=0.03)
    back = recast(copy, "float32")
    np.testing.assert_array_equal(back.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_open_extent_and_replaced_classes():
    model = branching_model()
    copy = recast(
        model, input_shape=(None, None, 3), replace={keras.layers.BatchNormalization: FusedBatchNormalization}
    )
    assert type(copy.get_layer("norm")) is FusedBatchNormalization
    assert type(model.get_layer("norm")) is keras.layers.BatchNormalization
    np.testing.assert_array_equal(copy.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))
    assert copy.predict(IMAGES[:, :9, :9], verbose=0).shape == (3, 2)


def test_all_from_unit_length_on_stays_float32_under_mixed_precision():
    inputs = keras.Input((8,))
    x = keras.layers.UnitNormalization(name="unit")(keras.layers.Dense(4, name="embedding")(inputs))
    side = keras.layers.Dense(3, name="side")(inputs)
    x = keras.layers.Dense(3, use_bias=False, name="cosines")(x)
    x = keras.layers.Add(name="sum")([x, side])
    copy = recast(keras.Model(inputs, keras.layers.Rescaling(8.0, name="logits")(x)), "mixed_bfloat16")
    found = {layer.name: layer.compute_dtype for layer in copy.layers[1:]}
    exact = ("unit", "cosines", "sum", "logits")
    assert found == {name: "float32" if name in exact else "bfloat16" for name in found}
