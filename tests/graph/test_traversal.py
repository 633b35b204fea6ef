"""A layer's call is the one in the model at hand, whatever other graph had the layer first."""

import keras
import numpy as np
import pytest

from tfslim.distillation.frozen_teacher import FrozenTeacher
from tfslim.graph.traversal import layer_call
from tfslim.models.identity import embedding_model

X = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, 2.0]], "float32")


def shared():
    """Two layers that another model used first, here after a doubling: y = 3 * (2 * 2 x)."""
    scale = keras.layers.Dense(3, use_bias=False, kernel_initializer=keras.initializers.Identity(2.0), name="scale")
    head = keras.layers.Dense(3, use_bias=False, kernel_initializer=keras.initializers.Identity(3.0), name="head")
    first = keras.Input((3,))
    keras.Model(first, head(scale(first)))
    inputs = keras.Input((3,))
    return keras.Model(inputs, head(scale(keras.layers.Rescaling(2.0, name="doubled")(inputs))), name="second")


@pytest.mark.parametrize(
    "features",
    [lambda model: embedding_model(model), lambda model: lambda x: FrozenTeacher(model, ["scale"])(x)["scale"]],
)
def test_a_layer_that_another_graph_had_first(features):
    np.testing.assert_allclose(np.asarray(features(shared())(X)), 4 * X)


@pytest.mark.parametrize("judge", [embedding_model, lambda model: FrozenTeacher(model, ["embedding"])])
def test_a_layer_used_twice_is_refused(judge):
    inputs = keras.Input((3,))
    layer = keras.layers.Dense(3, name="embedding")
    model = keras.Model(inputs, layer(layer(inputs)), name="twice")
    with pytest.raises(ValueError, match="twice: layer 'embedding' is used 2 times; expected once"):
        judge(model)


def test_no_such_layer():
    with pytest.raises(ValueError, match="second: has no layer 'scales'; its layers include scale"):
        layer_call(shared(), "scales")
