"""Where normalisation comes later, or has no gamma, the gate stands at the readers; seen beside real switches there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.dependency.normalization import FollowingNorms
from tfslim.pruning.importance.gates import along_channels, gates, own_weights

X = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype("float32")


class Switch(keras.layers.Layer):
    """A factor of 1 for each channel."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones", name="factor")

    def call(self, x):
        return x * self.factor


def conv(filters, name, size=1, **settings):
    return keras.layers.Conv2D(filters, size, padding="same", name=name, **settings)


def norm(name, **settings):
    return keras.layers.BatchNormalization(name=name, **settings)


def relu(x):
    return keras.layers.ReLU()(x)


def dense_block(x, switch):
    """Each reader normalises all that came before it."""
    first = conv(4, "first")(x)
    both = keras.layers.Concatenate()([first, conv(3, "second")(switch(relu(norm("norm1")(first)), "a"))])
    return conv(2, "third")(switch(relu(norm("norm2")(both)), "b"))


def pooled(x, switch):
    x = keras.layers.MaxPooling2D()(conv(4, "first", activation="relu")(x))
    return conv(2, "reader")(switch(relu(norm("norm")(x)), "a"))


def no_gamma_before_separable(x, switch):
    x = switch(relu(norm("norm", scale=False)(conv(4, "first")(x))), "a")
    return keras.layers.SeparableConv2D(2, 3, depth_multiplier=2, name="reader")(x)


def shared(x, switch):
    """One layer called twice, normalised in two ways."""
    layer = conv(4, "first")
    one, two = norm("one")(layer(x)), norm("two")(layer(keras.layers.AveragePooling2D(3, 1, padding="same")(x)))
    return keras.layers.Add()([conv(2, "left")(switch(relu(one), "a")), conv(2, "right")(switch(relu(two), "b"))])


def groups(x, switch):
    x = keras.layers.GroupNormalization(2, name="norm")(conv(4, "first")(x))
    return conv(2, "reader")(switch(x, "a"))


def flattened(x, switch):
    x = switch(norm("norm", scale=False)(conv(4, "first")(x)), "a")
    return keras.layers.Reshape((1, 1, -1))(keras.layers.Dense(2, name="reader")(keras.layers.Flatten()(x)))


def residual(x, switch):
    """A sum hides no single one of its parts, so each has a gate of its own."""
    first = switch(conv(4, "first")(x), "a")
    return conv(2, "reader")(relu(norm("norm")(keras.layers.Add()([first, conv(4, "second")(relu(first))]))))


def model_of(build, switches):
    def switch(x, key):
        return switches.setdefault(key, Switch(name=f"switch_{key}"))(x) if switches is not None else x

    inputs = keras.Input((8, 8, 3))
    x = keras.layers.GlobalAveragePooling2D()(build(inputs, switch))
    return keras.Model(inputs, keras.layers.Dense(2, name="answer")(x))


def gradients(model):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.square(model(X, training=True) - 0.3))
    variables = model.trainable_variables
    return {id(v): g for v, g in zip(variables, tape.gradient(loss, [v.value for v in variables]), strict=True)}


@pytest.mark.parametrize(
    ("build", "keys", "terms"),
    [
        (dense_block, "ab", {"second/kernel", "third/kernel"}),
        (pooled, "a", {"reader/kernel"}),
        (no_gamma_before_separable, "a", {"reader/depthwise_kernel"}),
        (shared, "ab", {"left/kernel", "right/kernel"}),
        (groups, "a", {"norm/gamma", "norm/beta"}),
        (flattened, "a", {"reader/kernel"}),
        (residual, "a", {"first/kernel", "first/bias"}),
    ],
)
def test_the_gate_is_that_of_the_switches(build, keys, terms):
    plain, switches = model_of(build, None), {}
    switched = model_of(build, switches)
    randomize(plain)
    values = {variable.path: variable for variable in plain.variables}
    for variable in switched.variables:
        if variable.path in values:
            variable.assign(values[variable.path])
    real = gradients(switched)
    expected = sum(real[id(switches[key].factor)].numpy()[:4] for key in keys)
    found = gradients(plain)
    graph = channel_graph(plain)
    gate = next(gate for gate in gates(graph) if gate.layer == "first")
    together = np.array([expected[graph.filters["first"] == unit].sum() for unit in gate.units])
    got = np.asarray(along_channels(gate, lambda variable: found[id(variable)]))
    np.testing.assert_allclose(got, together, rtol=2e-3, atol=1e-4 * np.abs(expected).max())
    assert {term.variable.path for term in gate.terms} == terms
    assert np.abs(together).max() > 1e-3


def test_a_layer_before_normalisation_shows_nothing_by_itself():
    model = model_of(dense_block, None)
    randomize(model)
    found, graph = gradients(model), channel_graph(model)
    own = next(gate for gate in own_weights(graph) if gate.layer == "first")
    hidden = np.abs(np.asarray(along_channels(own, lambda variable: found[id(variable)]))).max()
    shown = np.asarray(along_channels(gates(graph)[0], lambda variable: found[id(variable)]))
    assert hidden < 1e-2 * np.abs(shown).max()


@pytest.mark.parametrize(
    ("build", "layer", "only", "hidden"),
    [
        (dense_block, "first", None, True),
        (pooled, "first", None, True),
        (groups, "first", "norm", True),
        (shared, "first", None, True),
        (residual, "first", None, False),
        (residual, "reader", None, False),
    ],
)
def test_what_follows(build, layer, only, hidden):
    model = model_of(build, None)
    norms, layer = FollowingNorms(model), model.get_layer(layer)
    assert getattr(norms.only(layer), "name", None) == only
    assert norms.hide(layer) == hidden


@pytest.mark.parametrize(
    ("activation", "hidden"),
    [("relu", True), ("leaky_relu", True), ("relu6", False), ("sigmoid", False)],
)
def test_only_what_is_proportional_hides(activation, hidden):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Activation(activation)(conv(4, "first")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(norm("norm")(x))))
    assert FollowingNorms(model).hide(model.get_layer("first")) == hidden


def test_frozen_weights_leave_the_gate_to_the_readers_or_none():
    model = model_of(lambda x, switch: conv(2, "reader")(relu(norm("norm")(conv(4, "first")(x)))), None)
    model.get_layer("norm").trainable = False
    gate = next(gate for gate in gates(channel_graph(model)) if gate.layer == "first")
    assert {term.variable.path for term in gate.terms} == {"reader/kernel"}
    model.get_layer("reader").trainable = False
    with pytest.raises(ValueError, match="first: its filters can't have a Taylor score, as reader, which reads its"):
        gates(channel_graph(model))
    model.get_layer("first").trainable = False
    with pytest.raises(ValueError, match="first: .*as its weights are not trained; add first to keep"):
        own_weights(channel_graph(model))
    assert [gate.layer for gate in gates(channel_graph(model, keep=("first", "reader")))] == []


def test_weights_that_the_loss_does_not_reach_are_named():
    gate = gates(channel_graph(model_of(residual, None)))[0]
    with pytest.raises(ValueError, match="first/kernel has no gradient from the loss.*add first to keep"):
        along_channels(gate, lambda variable: None)
