"""Anything but a model with a graph is refused in words that say what to do."""

import pathlib

import keras
import numpy as np
import pytest

from tfslim.graph.checks import as_functional, check_graph_model


class Own(keras.Model):
    def call(self, x):
        return x


class LikeKeras2:
    name = "old"


LikeKeras2.__module__ = "tf_keras.src.engine.sequential"


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("face.keras", "model must be a keras.Model, got 'face.keras'; load it with keras.models.load_model"),
        (pathlib.Path("face.keras"), "got 'face.keras'; load it"),
        (3, "model must be a keras.Model, got int$"),
        (None, "model must be a keras.Model, got NoneType$"),
        (np.zeros(2), "model must be a keras.Model, got numpy.ndarray$"),
        (LikeKeras2(), r"model 'old' is a Keras 2 model \(tf_keras\).*convert it with tfslim.tfmot.from_tf_keras"),
        (Own(name="own"), "model 'own' \\(Own\\) is a subclassed keras.Model, .*; build it .* keras.Model"),
        (
            keras.Sequential([keras.layers.Dense(2)], name="chain"),
            "'chain' is a Sequential model that is not built; give",
        ),
    ],
)
def test_each_is_named_with_the_way_out(model, message):
    with pytest.raises(TypeError, match=message):
        check_graph_model(model)
    with pytest.raises(TypeError, match="^teacher "):
        as_functional(model, "teacher")


def test_a_sequential_model_as_a_functional_one_has_the_same_layers():
    model = keras.Sequential([keras.layers.Dense(3), keras.layers.Dense(2)], name="chain")
    model.build((None, 4))
    functional = as_functional(model)
    assert functional.name == "chain" and functional.input_shape == (None, 4)
    assert functional.layers[1:] == model.layers
    x = np.ones((2, 4), "float32")
    np.testing.assert_array_equal(functional(x), model(x))
    assert as_functional(functional) is functional and [len(each._inbound_nodes) for each in model.layers] == [1, 1]
