"""Unit vectors with a bounded gradient: Keras' values, and its gradients wherever these can be borne."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import as_model
from tfslim.graph.cloning import clone_model
from tfslim.layers import L2Normalization
from tfslim.layers.unit_norm import SteadyUnitNormalization
from tfslim.models import VGG11
from tfslim.models.identity import normalized_classifier
from tfslim.pruning import channel_graph

STOCK, STEADY = keras.layers.UnitNormalization, SteadyUnitNormalization
RNG = np.random.default_rng(0)


def outputs_and_gradient(layer, x):
    x = tf.Variable(x, dtype="float32")
    upstream = tf.constant(np.random.default_rng(1).normal(size=x.shape), "float32")
    with tf.GradientTape() as tape:
        outputs = layer(x)
        total = tf.reduce_sum(outputs * upstream)
    return outputs.numpy(), tape.gradient(total, x).numpy(), upstream.numpy()


@pytest.mark.parametrize("axis", [-1, 1, [1, 2]])
@pytest.mark.parametrize("length", [1e-5, 1.0, 1e4])
def test_it_is_the_stock_layer_wherever_there_is_a_direction(axis, length):
    x = RNG.normal(size=(3, 4, 5)) * length
    ours, stock = (outputs_and_gradient(kind(axis=axis), x) for kind in (STEADY, STOCK))
    np.testing.assert_array_equal(ours[0], stock[0])
    np.testing.assert_allclose(ours[1], stock[1], rtol=1e-4, atol=1e-5 / length)


@pytest.mark.parametrize("length", [0.0, 1e-12, 1e-7])
def test_next_to_nothing_has_the_gradient_of_any_other(length):
    x = np.array([[0.6, 0.8, 0.0]]) * length
    outputs, found, upstream = outputs_and_gradient(STEADY(), x)
    np.testing.assert_array_equal(outputs, x.astype("float32"))
    np.testing.assert_array_equal(found, upstream)


def test_a_dead_embedding_ends_a_stock_model_and_not_its_training_copy():
    inputs = keras.Input((4,))
    plain = keras.Model(inputs, L2Normalization(16.0, name="l2").flat(keras.layers.Dense(3, name="embedding")(inputs)))
    copy = clone_model(plain, replace={STOCK: STEADY})
    for model, bearable in ((plain, False), (copy, True)):
        model.compile(keras.optimizers.SGD(0.01), keras.losses.MeanSquaredError())
        model.fit(np.zeros((2, 4)), np.ones((2, 3)), epochs=3, batch_size=2, verbose=0)
        assert (np.abs(model.get_layer("embedding").bias.numpy()).max() < 1) == bearable


def test_the_copy_is_pruned_as_the_model_is():
    model = normalized_classifier(VGG11((32, 32, 3), classes=2, module="flame", shrink=True, shallow=True), 4)
    assert str(channel_graph(clone_model(model, replace={STOCK: STEADY}))) == str(channel_graph(model))


def test_it_saves_and_loads(tmp_path):
    model = as_model(STEADY(axis=1), (2, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    x = RNG.normal(size=(2, 3)).astype("float32")
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))
