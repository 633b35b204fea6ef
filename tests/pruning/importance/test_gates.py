"""The gradient of a gate, put together from the weights' gradients, is that of a factor really put there."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tests.pruning.branching_model import branching_model
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.importance.gates import along_channels, gates, own_weights


class Switch(keras.layers.Layer):
    """A factor of 1 for each channel."""

    def build(self, shape):
        self.factor = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, x):
        return x * self.factor


def loss_of(model, x):
    return tf.reduce_sum(tf.square(model(x, training=True) - 0.3))


def both(build, after: str, maker: str):
    """The gradient of a switch after a layer, and that of the maker's gate in the model without one."""
    x = np.random.default_rng(0).normal(size=(5, 8, 8, 3)).astype("float32")
    switched, switches = build({after: (switch := Switch())}), switch
    plain = build({})
    randomize(plain)
    values = {variable.path: variable for variable in plain.variables}
    for variable in switched.variables:
        if variable.path in values:
            variable.assign(values[variable.path])
    with tf.GradientTape() as tape:
        loss = loss_of(switched, x)
    expected = tape.gradient(loss, switches.factor.value).numpy()
    graph = channel_graph(plain)
    with tf.GradientTape() as tape:
        loss = loss_of(plain, x)
    variables = plain.trainable_variables
    found = dict(zip(map(id, variables), tape.gradient(loss, [v.value for v in variables]), strict=True))
    gate = next(gate for gate in gates(graph) if gate.layer == maker)
    return expected, np.asarray(along_channels(gate, lambda variable: found.get(id(variable)))), gate, graph


def net(middle):
    """A model of some layers, with what `switches` says put after those of these names."""

    def build(switches):
        x = inputs = keras.Input((8, 8, 3))
        for layer in middle():
            x = layer(x)
            if layer.name in switches:
                x = switches[layer.name](x)
        x = keras.layers.GlobalAveragePooling2D()(x)
        return keras.Model(inputs, keras.layers.Dense(2, name="answer")(x))

    return build


CONV = {"padding": "same", "name": "conv"}


@pytest.mark.parametrize(
    ("middle", "after", "maker"),
    [
        (lambda: [keras.layers.Conv2D(6, 3, **CONV)], "conv", "conv"),
        (lambda: [keras.layers.Conv2D(6, 3, use_bias=False, **CONV), keras.layers.ReLU()], "conv", "conv"),
        (
            lambda: [
                keras.layers.Conv2D(6, 3, **CONV),
                keras.layers.BatchNormalization(name="bn"),
                keras.layers.ReLU(),
            ],
            "bn",
            "conv",
        ),
        (
            lambda: [
                keras.layers.Conv2D(6, 3, **CONV),
                keras.layers.BatchNormalization(scale=False, name="bn"),
                keras.layers.ReLU(name="relu"),
                keras.layers.Conv2D(4, 1, name="reader"),
            ],
            "relu",
            "conv",
        ),
        (
            lambda: [
                keras.layers.Conv2D(6, 3, **CONV),
                keras.layers.DepthwiseConv2D(3, depth_multiplier=2, name="depthwise"),
                keras.layers.BatchNormalization(name="bn"),
            ],
            "bn",
            "depthwise",
        ),
        (lambda: [keras.layers.SeparableConv2D(6, 3, **CONV), keras.layers.ReLU()], "conv", "conv"),
        (lambda: [keras.layers.Conv2DTranspose(6, 3, **CONV), keras.layers.ReLU()], "conv", "conv"),
        (
            lambda: [keras.layers.Conv2D(4, 1, name="first"), keras.layers.Conv2D(6, 3, groups=2, **CONV)],
            "conv",
            "conv",
        ),
    ],
    ids=["conv", "no bias", "batch norm", "no gamma", "depthwise", "separable", "transposed", "grouped"],
)
def test_a_gate_has_the_gradient_of_a_real_switch(middle, after, maker):
    expected, found, gate, graph = both(net(middle), after, maker)
    # What belongs to one unit is switched together.
    units = graph.filters[maker]
    slots = expected.reshape(len(units), -1).sum(1)
    together = np.array([slots[units == unit].sum() for unit in gate.units])
    np.testing.assert_allclose(found, together, rtol=2e-4, atol=1e-4 * np.abs(together).max())
    assert np.abs(together).max() > 1e-3


def test_tied_layers_have_a_gate_each_and_answers_have_none():
    found = {gate.layer: gate for gate in gates(channel_graph(branching_model()))}
    assert list(found) == ["stem", "twice", "depthwise", "left", "right", "hidden"]
    np.testing.assert_array_equal(found["stem"].units, found["twice"].units)
    assert {term.variable.path for term in found["stem"].terms} == {"stem_bn/gamma", "stem_bn/beta"}
    assert {term.variable.path for term in found["twice"].terms} == {"twice/kernel", "twice/bias"}


def test_own_weights_look_past_batch_normalisation():
    stem = next(gate for gate in own_weights(channel_graph(branching_model())) if gate.layer == "stem")
    assert {term.variable.path for term in stem.terms} == {"stem/kernel", "stem/bias"}


def test_squares_are_taken_before_they_are_added_up():
    graph = channel_graph(branching_model())
    gate = next(gate for gate in own_weights(graph) if gate.layer == "hidden")
    layer = graph.model.get_layer("hidden")
    rng = np.random.default_rng(0)
    gradients = {id(each): rng.normal(size=each.shape).astype("float32") for each in (layer.kernel, layer.bias)}
    kernel, bias = (np.asarray(each) * gradients[id(each)] for each in (layer.kernel, layer.bias))
    plain = np.asarray(along_channels(gate, lambda variable: gradients[id(variable)]))
    np.testing.assert_allclose(plain, kernel.sum(0) + bias, rtol=1e-5)
    squared = np.asarray(along_channels(gate, lambda variable: gradients[id(variable)], squared=True))
    np.testing.assert_allclose(squared, (kernel**2).sum(0) + bias**2, rtol=1e-5)
