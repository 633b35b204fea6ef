"""A copy of a model: the same answers, of its own weights, in the same structure."""

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tfslim.graph.copying import copy_of

layers = keras.layers
X = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")


def doubled(x):
    return 2 * keras.ops.relu(x)


def difference(y_true, y_pred):
    return keras.ops.mean(y_true - y_pred)


def of_own_functions():
    inputs = keras.Input((4,))
    return keras.Model(inputs, layers.Lambda(lambda x: 3 * x)(layers.Dense(3, activation=doubled)(inputs)))


def shared_with_a_nested_model():
    shared = layers.Dense(4)
    inner = keras.Sequential([keras.Input((4,)), shared, layers.ReLU()], name="inner")
    inputs = keras.Input((4,))
    return keras.Model(inputs, shared(inner(inputs)))


def sequential_of_models():
    inner = keras.Sequential([keras.Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    return keras.Sequential([keras.Input((4,)), inner, layers.Dense(2)])


@pytest.mark.parametrize("make", [of_own_functions, shared_with_a_nested_model, sequential_of_models])
def test_a_copy_computes_the_same_with_weights_of_its_own(make):
    model = make()
    randomize(model)
    copy = copy_of(model)
    np.testing.assert_array_equal(np.asarray(copy(X)), np.asarray(model(X)))
    assert [type(layer) for layer in copy.layers] == [type(layer) for layer in model.layers]
    assert type(copy) is type(model) and copy.name == model.name and len(copy.weights) == len(model.weights)
    before = model.get_weights()
    randomize(copy, seed=1)
    for ours, theirs in zip(model.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_what_is_frozen_stays_so_layer_by_layer():
    model = sequential_of_models()
    inner = model.layers[0]
    inner.trainable = False
    inner.layers[1].trainable = True
    copied = copy_of(model).layers[0]
    assert not copied.trainable and [layer.trainable for layer in copied.layers] == [False, True]


def test_a_copy_is_compiled_where_keras_can_compile_it_again():
    model = of_own_functions()
    model.compile("adam", "mse")
    assert copy_of(model).compiled
    model.compile("adam", difference)
    assert not copy_of(model).compiled and model.compiled
