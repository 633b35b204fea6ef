"""Models that are another function have another fingerprint; names and the way to a file and back don't count."""

import keras
import pytest

import tfslim
from tests.distillation.networks import teacher
from tfslim.distillation import fingerprint

layers = keras.layers


def model(body):
    inputs = keras.Input((6, 6, 3))
    dense = layers.Dense(3, kernel_initializer="ones")
    return keras.Model(inputs, dense(body(inputs)))


def nested(factor):
    return keras.Sequential([keras.Input((6, 6, 3)), layers.Rescaling(factor)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (lambda x: layers.Rescaling(1.0)(x), lambda x: layers.Rescaling(9.0)(x)),
        (lambda x: nested(1.0)(x), lambda x: nested(9.0)(x)),
        (lambda x: x * 1.0, lambda x: x * 9.0),
        (lambda x: layers.ReLU()(x), lambda x: layers.ELU()(x)),
        (lambda x: layers.Subtract()([x, x * 2]), lambda x: layers.Subtract()([x * 2, x])),
        (lambda x: layers.ReLU()(layers.Softmax()(x)), lambda x: layers.Softmax()(layers.ReLU()(x))),
        (lambda x: layers.ReLU(dtype="float32")(x), lambda x: layers.ReLU(dtype="float16")(x)),
    ],
)
def test_another_function_of_the_same_weights(one, other):
    prints = [fingerprint(model(body)) for body in (one, one, other)]
    assert prints[0] == prints[1] != prints[2]


def test_other_weights():
    other = teacher()
    other.get_layer("logits").bias.assign_add([0, 0, 0, 1e-3])
    assert fingerprint(other) != fingerprint(teacher())


def normalised():
    inputs = keras.Input((8, 8, 3))
    x = layers.Normalization(mean=[1.0, 2.0, 3.0], variance=[4.0, 5.0, 6.0])(inputs)
    x = tfslim.layers.SlimModule(4)(layers.TimeDistributed(layers.Dense(3))(keras.ops.cast(x, "float32")))
    return keras.Model(inputs, keras.ops.mean(x[:, 1:], axis=(1, 2)))


@pytest.mark.parametrize(
    "build", [teacher, lambda: tfslim.models.SlimNet((64, 64, 3), classes=2), normalised], ids=["small", "zoo", "odd"]
)
def test_a_saved_frozen_and_compiled_model_is_still_the_same(build, tmp_path):
    made = build()
    before = fingerprint(made)
    made.compile("adam", "mse")
    made.trainable = False
    made.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert fingerprint(loaded) == before
