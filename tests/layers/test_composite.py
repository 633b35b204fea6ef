"""The base class of the layers works for all of them."""

import subprocess
import sys

import keras
import numpy as np
import pytest

from tests.layer_checks import as_model
from tfslim.layers import Composite, Fire, SeparableConv, SlimModule


def test_a_layer_without_layout_is_refused_by_name():
    class Empty(Composite):
        pass

    with pytest.raises(TypeError, match=r"Empty must define layout\(x, prefix\)"):
        Empty()(keras.ops.zeros((1, 2, 2, 3)))


def test_two_layers_of_one_class_do_not_clash_in_a_model():
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, SlimModule(2)(SlimModule(2)(inputs)))
    assert model.output_shape == (None, 8, 8, 6)
    assert len({weight.path for weight in model.weights}) == len(model.weights)


def test_a_frozen_layer_trains_nothing():
    layer = Fire(8, batch_norm=True)
    as_model(layer, (1, 4, 4, 3))
    layer.trainable = False
    assert layer.weights
    assert not layer.trainable_weights


def test_training_moves_the_statistics_and_inference_does_not():
    layer = SeparableConv(4)
    x = keras.random.normal((8, 4, 4, 3), seed=0)
    before = np.asarray(layer(x, training=False))
    np.testing.assert_array_equal(np.asarray(layer(x, training=False)), before)
    layer(x, training=True)
    assert not np.allclose(np.asarray(layer(x, training=False)), before)


def test_asking_for_the_shape_adds_no_variables_once_built():
    layer = SlimModule(2)
    as_model(layer, (1, 4, 4, 3))
    kept = [id(weight) for weight in layer.weights]
    assert layer.compute_output_shape((None, 30, 20, 3)) == (None, 30, 20, 6)
    assert [id(weight) for weight in layer.weights] == kept


def test_the_flat_form_takes_the_layer_s_own_precision():
    inputs = keras.Input((4, 4, 3))
    flat = keras.Model(inputs, Fire(8, dtype="mixed_bfloat16", name="fire").flat(inputs))
    assert {layer.compute_dtype for layer in flat.layers[1:]} == {"bfloat16"}
    assert keras.config.dtype_policy().name == "float32"


def test_the_global_policy_comes_back_when_building_fails():
    class Broken(Composite):
        def layout(self, x, prefix):
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        Broken(dtype="mixed_bfloat16").build((None, 4))
    assert keras.config.dtype_policy().name == "float32"


def test_a_saved_model_loads_in_another_process_without_custom_objects(tmp_path):
    model = as_model(SlimModule(2), (2, 6, 6, 3))
    x = np.linspace(-1, 1, 2 * 6 * 6 * 3, dtype="float32").reshape(2, 6, 6, 3)
    model.save(tmp_path / "model.keras")
    np.save(tmp_path / "x.npy", x)
    program = (
        "import sys, numpy, keras, tfslim.layers\n"
        "model = keras.models.load_model(sys.argv[1])\n"
        "numpy.save(sys.argv[3], numpy.asarray(model(numpy.load(sys.argv[2]))))\n"
    )
    files = [str(tmp_path / name) for name in ("model.keras", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", program, *files], check=True, capture_output=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), np.asarray(model(x)), rtol=1e-5, atol=1e-6)
