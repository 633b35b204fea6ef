"""Every kind of layer and operation: dead channels can be removed around it, or stay and it is said why."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

from tests.pruning.invariance import run_pruning_test
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.surgery import MAKING, READING


def images(shape=(8, 8, 3)):
    return np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")


def sandwich(middle, filters=8, shape=(8, 8, 3), first=None):
    """A model with a convolution of so many filters before what is looked at, and a dense layer after it."""
    inputs = keras.Input(shape)
    rank = len(shape) - 1
    conv = first or getattr(layers, f"Conv{rank}D")(filters, 1, name="first")
    x = middle(conv(inputs))
    x = x if len(x.shape) == 2 else layers.Flatten(name="last_flatten")(x)
    return keras.Model(inputs, layers.Dense(3, name="last")(x))


# What follows keeps 0 where it is 0, so that both ways of silencing are tried.
FOLLOWED = {
    "conv": lambda x: layers.Conv2D(6, 3, strides=2, padding="same")(x),
    "conv of dilation": lambda x: layers.Conv2D(6, 3, dilation_rate=2)(x),
    "grouped conv": lambda x: layers.Conv2D(12, 3, groups=4)(x),
    "conv of a group for each channel": lambda x: layers.Conv2D(16, 3, groups=8)(x),
    "depthwise": lambda x: layers.DepthwiseConv2D(3)(x),
    "depthwise of multiplier 3": lambda x: layers.DepthwiseConv2D(3, depth_multiplier=3)(x),
    "separable": lambda x: layers.SeparableConv2D(6, 3, depth_multiplier=2)(x),
    "transposed": lambda x: layers.Conv2DTranspose(6, 3, strides=2)(x),
    "dense on images": lambda x: layers.Dense(5)(x),
    "batch norm": lambda x: layers.BatchNormalization()(x),
    "batch norm without gamma": lambda x: layers.BatchNormalization(scale=False)(x),
    "group norm": lambda x: layers.GroupNormalization(4)(x),
    "instance norm": lambda x: layers.GroupNormalization(-1)(x),
    "prelu": lambda x: layers.PReLU()(x),
    "prelu of shared axes": lambda x: layers.PReLU(shared_axes=[1, 2])(x),
    "relu": lambda x: layers.ReLU(6.0)(x),
    "leaky relu": lambda x: layers.LeakyReLU()(x),
    "elu": lambda x: layers.ELU()(x),
    "swish": lambda x: layers.Activation("swish")(x),
    "conv with tanh": lambda x: layers.Conv2D(6, 1, activation="tanh")(x),
    "max pool": lambda x: layers.MaxPooling2D(3, 2)(layers.ReLU()(x)),
    "average pool": lambda x: layers.AveragePooling2D(2)(x),
    "global pool": lambda x: layers.GlobalAveragePooling2D()(x),
    "global pool keeping dims": lambda x: layers.GlobalMaxPooling2D(keepdims=True)(x),
    "padding": lambda x: layers.ZeroPadding2D(1)(x),
    "cropping": lambda x: layers.Cropping2D(1)(x),
    "upsampling": lambda x: layers.UpSampling2D(2)(x),
    "resizing": lambda x: layers.Resizing(5, 4)(x),
    "dropout": lambda x: layers.SpatialDropout2D(0.3)(layers.Dropout(0.3)(x)),
    "rescaling": lambda x: layers.Rescaling(0.5)(x),
    "rescaling for each channel": lambda x: layers.Rescaling([float(n) for n in range(1, 9)])(x),
    "add": lambda x: layers.Add()([x, layers.Conv2D(8, 3, padding="same")(x)]),
    "subtract": lambda x: layers.Subtract()([x, layers.Conv2D(8, 3, padding="same")(x)]),
    "maximum and average": lambda x: layers.Average()([x, layers.Maximum()([x, layers.Conv2D(8, 1)(x)])]),
    "squeeze and excite": lambda x: layers.Multiply()(
        [
            x,
            layers.Conv2D(8, 1, activation="sigmoid")(
                layers.Conv2D(4, 1, activation="relu")(layers.Reshape((1, 1, 8))(layers.GlobalAveragePooling2D()(x)))
            ),
        ]
    ),
    "attention over places": lambda x: layers.Multiply()([x, layers.Conv2D(1, 1, activation="sigmoid")(x)]),
    "concatenate": lambda x: layers.Conv2D(4, 1)(layers.Concatenate()([x, layers.Conv2D(4, 1)(x), x])),
    "concatenate over rows": lambda x: layers.Concatenate(axis=1)([x, layers.Conv2D(8, 1)(x)]),
    "flatten": lambda x: layers.Flatten()(x),
    "reshape to rows": lambda x: layers.Dense(4)(layers.Reshape((64, 8))(x)),
    "reshape to a vector and norm": lambda x: layers.BatchNormalization()(layers.Reshape((-1,))(x)),
    "permute": lambda x: layers.Flatten()(layers.Permute((3, 1, 2))(x)),
    "arithmetic with numbers": lambda x: (x * 2.0 - 0.0) / 3.0,
    "times itself": lambda x: x * x,
    "ops relu": lambda x: ops.relu(ops.abs(x)),
    "ops mean": lambda x: ops.mean(x, axis=(1, 2)),
    "ops max keeping dims": lambda x: ops.max(x, axis=(1, 2), keepdims=True),
    "ops reshape": lambda x: layers.Dense(4)(ops.reshape(x, (-1, 64, 8))),
    "ops concatenate": lambda x: ops.concatenate([x, ops.negative(x)], axis=-1),
    "ops transpose": lambda x: ops.transpose(x, (0, 3, 1, 2)),
    "ops expand and squeeze": lambda x: ops.squeeze(ops.expand_dims(x, 1), 1),
    "ops pool": lambda x: ops.average_pool(ops.max_pool(ops.relu(x), 2), 2),
    "ops pad": lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))),
    "part of the rows": lambda x: x[:, 1:5],
    "one row": lambda x: x[:, 2],
    "softmax over places": lambda x: layers.Multiply()([x, layers.Softmax(axis=[1, 2])(layers.Conv2D(8, 1)(x))]),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_channels_are_followed(name):
    model = sandwich(FOLLOWED[name])
    graph = channel_graph(model)
    assert (graph.filters["first"] >= 0).all(), graph
    run_pruning_test(model, images(), share=0.5)


# Something other than 0 comes of 0 here, so only what is read is silenced.
@pytest.mark.parametrize("activation", ["sigmoid", "hard_sigmoid", "softplus", "exponential"])
def test_activations_that_make_something_of_nothing(activation):
    run_pruning_test(sandwich(lambda x: layers.Activation(activation)(x)), images(), silenced=(READING,))
    run_pruning_test(sandwich(lambda x: layers.Conv2D(6, 1, activation=activation)(x)), images(), silenced=(READING,))


def test_a_channel_of_nothing_adds_nothing_to_the_length():
    model = sandwich(lambda x: layers.UnitNormalization()(layers.GlobalAveragePooling2D()(x)))
    run_pruning_test(model, images(), share=0.5, silenced=(MAKING,))


@pytest.mark.parametrize(
    ("shape", "middle"),
    [
        ((12, 3), lambda x: layers.MaxPooling1D(2)(layers.Conv1D(6, 3, groups=2, activation="relu")(x))),
        ((12, 3), lambda x: layers.SeparableConv1D(6, 3)(layers.DepthwiseConv1D(3)(layers.ZeroPadding1D(1)(x)))),
        ((12, 3), lambda x: layers.GlobalAveragePooling1D()(layers.Conv1DTranspose(6, 3)(x))),
        ((4, 4, 4, 3), lambda x: layers.AveragePooling3D(2)(layers.Conv3D(6, 2, padding="same")(x))),
        ((4, 4, 4, 3), lambda x: layers.GlobalMaxPooling3D()(layers.UpSampling3D(2)(layers.Conv3DTranspose(6, 2)(x)))),
    ],
)
def test_one_and_three_dimensions(shape, middle):
    run_pruning_test(sandwich(middle, shape=shape), images(shape), share=0.5)


def test_set_statistics_and_adapted_ones_are_cut():
    fixed = layers.Normalization(mean=[float(n) for n in range(8)], variance=[1.0 + n for n in range(8)])
    run_pruning_test(sandwich(lambda x: fixed(x)), images(), silenced=(READING,))
    adapted = layers.Normalization()
    adapted.build((None, 8, 8, 8))
    smaller = run_pruning_test(sandwich(lambda x: adapted(x)), images(), silenced=(READING,))
    assert smaller.layers[2].adapt_mean.shape == (6,)


def test_statistics_of_several_axes_are_cut_along_the_channels():
    normalised = sandwich(lambda x: layers.Normalization(axis=(-1, 1))(x), shape=(5, 8, 3))
    smaller = run_pruning_test(normalised, images((5, 8, 3)))
    assert smaller.layers[2].adapt_mean.shape == (5, 6)


class Mixing(layers.Conv2D):
    """A convolution that does something of its own as well."""

    def call(self, x):
        return super().call(x) + ops.mean(x)


class Custom(layers.Layer):
    def call(self, x):
        return ops.flip(x, -1)


def own_activation(x):
    return ops.cumsum(x, -1)


STAYING = {
    "layer norm": (
        lambda x: layers.LayerNormalization(name="here")(x),
        "here takes its statistics over these channels",
    ),
    "softmax": (lambda x: layers.Softmax(name="here")(x), "here takes a softmax over the channels"),
    "softmax activation": (lambda x: layers.Activation("softmax", name="here")(x), "here's activation softmax may mix"),
    "own activation": (lambda x: layers.Activation(own_activation, name="here")(x), "own_activation may mix channels"),
    "own layer": (lambda x: Custom(name="here")(x), r"goes into here \(Custom\), which can't be followed"),
    "subclass": (lambda x: Mixing(8, 1, name="here")(x), r"goes into here \(Mixing\), which can't be followed"),
    "lambda": (lambda x: layers.Lambda(lambda y: y[..., ::-1], name="here")(x), r"goes into here \(Lambda\)"),
    "attention": (
        lambda x: layers.MultiHeadAttention(2, 4, name="here")(x, x),
        r"goes into here \(MultiHeadAttention\), which can't be followed",
    ),
    "lstm": (lambda x: layers.LSTM(4, name="here")(layers.Reshape((64, 8))(x)), r"goes into here \(LSTM\)"),
    "channel shuffle": (
        lambda x: ops.reshape(ops.transpose(ops.reshape(x, (-1, 8, 8, 2, 4)), (0, 1, 2, 4, 3)), (-1, 8, 8, 8)),
        "it spreads channels over several axes",
    ),
    "part of the channels": (lambda x: x[..., :4], "it takes a part of the channels"),
    "split": (lambda x: ops.split(x, 2, axis=-1)[0], r"\(Split\), which can't be followed"),
    "mean over channels": (lambda x: ops.mean(x, axis=-1), "it reduces over the channels"),
    "padded channels": (lambda x: ops.pad(x, ((0, 0), (0, 0), (0, 0), (0, 2))), "pads the channels"),
    "constant": (lambda x: x + np.arange(8, dtype="float32"), "joins it with a constant for each channel"),
    "pooling along the channels": (
        lambda x: layers.MaxPooling2D(2, name="here")(layers.Permute((3, 1, 2))(x)),
        "here works along axis 1, where the channels are",
    ),
    "joined with another axis": (
        lambda x: layers.Add(name="here")([x, layers.Permute((3, 1, 2))(layers.Conv2D(8, 1)(x))]),
        "here joins channels of different axes",
    ),
}


@pytest.mark.parametrize("name", STAYING)
def test_what_cant_be_followed_stays_and_says_why(name):
    middle, reason = STAYING[name]
    model = sandwich(middle)
    graph = channel_graph(model)
    assert (graph.filters["first"] < 0).all(), graph
    assert re.search(reason, graph.frozen["first"]), graph.frozen["first"]
    run_pruning_test(model, images(), share=0.5, silenced=(READING,))


def test_what_is_added_to_the_image_stays():
    inputs = keras.Input((8, 8, 3))
    x = layers.Add()([inputs, layers.Conv2D(3, 1, name="tied")(inputs)])
    graph = channel_graph(keras.Model(inputs, layers.Dense(2)(layers.Flatten()(x))))
    assert graph.frozen == {"tied": "is the model's input"} and graph.unit_count == 0


def test_open_image_sizes():
    inputs = keras.Input((None, None, 3))
    x = layers.Conv2D(6, 3, activation="relu", name="conv")(inputs)
    x = layers.GlobalAveragePooling2D()(layers.MaxPooling2D(2)(x))
    run_pruning_test(keras.Model(inputs, layers.Dense(2)(x)), images(), share=0.5)


def test_channels_first_is_followed():
    inputs = keras.Input((3, 8, 8))
    x = layers.Conv2D(6, 3, data_format="channels_first", name="conv")(inputs)
    x = layers.BatchNormalization(axis=1, name="bn")(x)
    x = layers.Flatten(data_format="channels_first")(layers.MaxPooling2D(2, data_format="channels_first")(x))
    graph = channel_graph(keras.Model(inputs, layers.Dense(2, name="dense")(x)))
    by_name = {(part.variable.path, part.axis): part.units for part in graph.slices}
    np.testing.assert_array_equal(by_name["bn/gamma", 0], graph.filters["conv"])
    # Keras moves the channels last before it flattens.
    np.testing.assert_array_equal(by_name["dense/kernel", 0], np.tile(graph.filters["conv"], 9))
