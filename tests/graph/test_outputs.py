"""Probabilities are found at a model's end however they are made, and logits are left alone."""

import keras
import pytest

from tfslim.graph.outputs import find_output_activation

layers = keras.layers


def nested(*last):
    return keras.Sequential([keras.Input((4,)), layers.Dense(4, name="inner"), *last], name="head")


@pytest.mark.parametrize(
    ("last", "expected"),
    [
        ([layers.Dense(4)], None),
        ([layers.Dense(4, "relu")], None),
        ([layers.Softmax(name="shares"), layers.Dense(4)], None),
        ([layers.Activation("sigmoid"), layers.Activation("relu")], None),
        ([nested()], None),
        ([layers.Dense(4, "softmax", name="shares")], "softmax in 'shares'"),
        ([layers.Dense(4, layers.Softmax(), name="shares")], "softmax in 'shares'"),
        ([layers.Softmax(name="shares")], "softmax in 'shares'"),
        ([layers.Activation("hard_sigmoid", name="likely")], "hard_sigmoid in 'likely'"),
        ([keras.activations.sigmoid], "sigmoid in 'sigmoid"),
        ([keras.ops.softmax], "softmax in 'softmax"),
        ([layers.Softmax(name="shares"), layers.Activation("linear", dtype="float32")], "softmax in 'shares'"),
        ([keras.ops.sigmoid, layers.Identity(), layers.Reshape((2, 2))], "sigmoid in 'sigmoid"),
        ([layers.Softmax(name="shares"), lambda x: keras.ops.cast(x, "float16")], "softmax in 'shares'"),
        ([nested(layers.Softmax(name="shares"))], "softmax in 'shares'"),
    ],
)
def test_the_end_is_seen_through_what_passes_values_on(last, expected):
    inputs = x = keras.Input((4,))
    for layer in last:
        x = layer(x)
    found = find_output_activation(keras.Model(inputs, x))
    assert found == expected if expected is None else found.startswith(expected)


def test_each_of_several_outputs_is_looked_at():
    inputs = keras.Input((4,))
    logits, shares = layers.Dense(4)(inputs), layers.Dense(4, "softmax", name="shares")(inputs)
    assert find_output_activation(keras.Model(inputs, [logits, shares])) == "softmax in 'shares'"
    two = keras.Model(inputs, [logits, shares])
    assert find_output_activation(keras.Model(inputs, two(inputs)[0])) is None
    assert find_output_activation(keras.Model(inputs, two(inputs)[1])) == "softmax in 'shares'"
