"""Models that could lead the graph astray: what it can't follow stays, and nothing raises or comes out wrong."""

import re

import keras
import numpy as np
import pytest
from keras import layers, ops

import tfslim
from tests.pruning.invariance import assert_same, outputs_of, run_pruning_test
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.surgery import MAKING, READING, remove_units

NUMBERS = np.arange(1.0, 9.0, dtype="float32")


def images(shape=(8, 8, 3)):
    return np.random.default_rng(1).normal(size=(2, *shape)).astype("float32")


def sandwich(middle, shape=(8, 8, 3)):
    """A model with a convolution of 8 filters before what is looked at, and a dense layer after it."""
    inputs = keras.Input(shape)
    x = middle(layers.Conv2D(8, 1, name="first")(inputs))
    if len(x.shape) > 2:
        x = layers.GlobalAveragePooling2D()(x) if None in x.shape[1:] else layers.Flatten()(x)
    return keras.Model(inputs, layers.Dense(3, name="last")(x))


class OwnConvolution(layers.Conv2D):
    """Convolution whose kernels have mean 0, changed as Keras lets a subclass without a `call` of its own."""

    def convolution_op(self, inputs, kernel):
        return super().convolution_op(inputs, kernel - ops.mean(kernel, axis=(0, 1, 2), keepdims=True))


class OwnSettings(layers.Conv2D):
    def __init__(self, width, name=None):
        super().__init__(width, 3, name=name)

    def get_config(self):
        return {"width": self.filters, "name": self.name}


class OwnNormalization(layers.BatchNormalization):
    def call(self, inputs, training=None, mask=None):
        return super().call(inputs, training=training) + ops.mean(inputs, axis=-1, keepdims=True)


class OwnConstructor(layers.Conv2D):
    """Differs from a convolution in what its constructor takes for granted alone."""

    def __init__(self, filters, kernel_size=3, padding="same", **kwargs):
        super().__init__(filters, kernel_size, padding=padding, **kwargs)


class Inner(keras.Model):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.conv = layers.Conv2D(8, 1)

    def call(self, inputs):
        return self.conv(inputs)


def fixed_kernel(x):
    blur = keras.initializers.Constant(np.ones((3, 3, 8, 1), "float32"))
    return layers.DepthwiseConv2D(3, depthwise_initializer=blur, name="here")(x)


def own_fixed_kernel(x):
    blur = np.ones((3, 3, 8, 1), "float32")
    return layers.DepthwiseConv2D(3, depthwise_initializer=lambda shape, dtype=None: blur, name="here")(x)


def kernel_from_a_tensor(x):
    return layers.Conv2D(4, 1, kernel_initializer=ops.ones((1, 1, 8, 4)), name="here")(x)


def mixed_with_the_batch(x):
    return ops.reshape(ops.reshape(x, (-1, 4)), (-1, 8, 8, 8))


def extents_that_are_channels_elsewhere(x):
    # (N, 1, 8, 8) with its one channel first: its last axis is no channel and can't get shorter.
    return layers.Add(name="here")([x, layers.Permute((3, 1, 2))(layers.Conv2D(1, 1)(x))])


STAYING = {
    "convolution of its own": (lambda x: OwnConvolution(6, 1, name="here")(x), r"here \(OwnConvolution\), which can't"),
    "settings of its own": (lambda x: OwnSettings(6, name="here")(x), r"goes into here \(OwnSettings\)"),
    "norm of its own": (lambda x: OwnNormalization(name="here")(x), r"goes into here \(OwnNormalization\)"),
    "fixed kernel": (fixed_kernel, r"goes into here \(DepthwiseConv2D\)"),
    "fixed kernel of its own": (own_fixed_kernel, r"goes into here \(DepthwiseConv2D\)"),
    "kernel from a tensor": (kernel_from_a_tensor, r"goes into here \(Conv2D\)"),
    "numbers clipped to": (lambda x: ops.clip(x, -1.0, NUMBERS), "holds a constant for each channel"),
    "variable": (lambda x: x * keras.Variable(NUMBERS), "joins it with a constant for each channel"),
    "tensor": (lambda x: x - ops.convert_to_tensor(NUMBERS), "joins it with a constant for each channel"),
    "batch mixed with channels": (mixed_with_the_batch, "it joins the batch with other axes"),
    "batch put last": (lambda x: ops.transpose(ops.transpose(x, (3, 0, 1, 2)), (1, 2, 3, 0)), "its axes can't be foll"),
    "extents elsewhere": (extents_that_are_channels_elsewhere, "here joins channels of different axes"),
    "noise of a shape": (lambda x: layers.Dropout(0.5, (None, 1, 1, 8), name="here")(x), "here has a noise of shape"),
    "one group": (lambda x: layers.GroupNormalization(1)(x), "first has filters that all go together"),
    "maxout": (lambda x: ops.max(ops.reshape(x, (-1, 8, 8, 4, 2)), axis=-1), "it spreads channels over several axes"),
    "chosen channels": (lambda x: ops.take(x, [0, 1], axis=-1), r"\(Take\), which can't be followed"),
    "new axis": (lambda x: x[:, None, ..., 0], "it takes a part of the channels"),
    "stack": (lambda x: ops.stack([x, x], axis=-1), r"\(Stack\), which can't be followed"),
    "product of matrices": (lambda x: ops.matmul(x, ops.transpose(x, (0, 1, 3, 2))), r"\(Matmul\), which can't"),
    "wrapped": (lambda x: layers.TimeDistributed(layers.Dense(4), name="here")(x), r"here \(TimeDistributed\)"),
    "norm over another axis": (lambda x: layers.BatchNormalization(axis=1, name="here")(x), "here works along another"),
    "mean of all": (lambda x: x * ops.mean(x, axis=(1, 2, 3), keepdims=True), "it reduces over the channels"),
    "subclassed model": (lambda x: Inner(name="here")(x), r"goes into here \(Inner\), which can't be followed"),
}


@pytest.mark.parametrize("name", STAYING)
def test_what_cant_be_followed_stays_and_says_why(name):
    middle, reason = STAYING[name]
    model = sandwich(middle)
    graph = channel_graph(model)
    assert (graph.filters["first"] < 0).all(), graph
    assert re.search(reason, graph.frozen["first"]), graph.frozen["first"]
    run_pruning_test(model, images(), share=0.5, silenced=(READING,))


def shuffled(x):
    x = layers.Conv2D(12, 1, groups=2, name="grouped")(x)
    x = ops.transpose(ops.reshape(x, (-1, 8, 8, 2, 6)), (0, 1, 2, 4, 3))
    return layers.Conv2D(12, 3, groups=2, name="after")(ops.reshape(x, (-1, 8, 8, 12)))


def initialized_by_a_function(x):
    return layers.Conv2D(6, 3, kernel_initializer=lambda shape, dtype=None: ops.ones(shape, dtype))(x)


FOLLOWED = {
    "initialized by a function": initialized_by_a_function,
    "constructor of its own": lambda x: OwnConstructor(6)(x),
    "channels of groups shuffled": shuffled,
    "one channel spread by a constant": lambda x: layers.Concatenate()([layers.Conv2D(1, 1)(x) * NUMBERS[:5], x]),
    "where": lambda x: ops.where(x > 0.1, x, 0.0),
    "power": lambda x: ops.square(x) ** 1.5 / (x**2 + 1.0),
    "zeros": lambda x: ops.concatenate([x, ops.zeros_like(x)], axis=-1),
    "axes joined and parted": lambda x: ops.reshape(ops.relu(ops.reshape(x, (-1, 8))), (-1, 8, 8, 8)),
    "rows as a batch": lambda x: layers.Dense(4)(layers.Reshape((8, -1))(x)),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_what_can_be_followed_is(name):
    model = sandwich(FOLLOWED[name])
    graph = channel_graph(model)
    assert (graph.filters["first"] >= 0).all(), graph
    run_pruning_test(model, images(), share=0.5)


def test_what_is_added_to_all_channels_stays_alone():
    def middle(x):
        return layers.Add(name="here")([x * layers.GlobalMaxPooling2D(keepdims=True)(x), layers.Conv2D(1, 1)(x)])

    model = sandwich(middle)
    graph = channel_graph(model)
    assert list(graph.frozen.values()) == ["here spreads this single channel over others"]
    run_pruning_test(model, images(), share=0.5, silenced=(READING,))


def test_the_nth_channels_of_shuffled_groups_go_together():
    graph = channel_graph(sandwich(shuffled))
    np.testing.assert_array_equal(graph.filters["grouped"][:6], graph.filters["grouped"][6:])
    assert len(np.unique(graph.filters["grouped"])) == 3, "the next convolution's two groups tie them in pairs"


@pytest.mark.parametrize(
    "middle",
    [
        lambda x: layers.GlobalAveragePooling1D()(layers.Dense(4)(layers.Reshape((-1, 8))(x))),
        lambda x: ops.mean(layers.Permute((3, 1, 2))(x), axis=(2, 3)),
        lambda x: ops.mean(ops.transpose(x, (0, 3, 1, 2)), axis=(2, 3)),
        lambda x: layers.Conv2D(4, 3)(layers.Concatenate()([x, layers.UpSampling2D()(layers.MaxPooling2D()(x))])),
    ],
)
def test_open_image_sizes_are_followed(middle):
    model = sandwich(middle, (None, None, 3))
    assert (channel_graph(model).filters["first"] >= 0).all()
    run_pruning_test(model, images(), share=0.5)


def test_the_image_joined_in_channels_first_form():
    inputs = keras.Input((3, 8, 8))
    x = layers.Conv2D(6, 1, name="first")(layers.Permute((2, 3, 1))(inputs))
    x = layers.Concatenate(axis=1)([layers.Permute((3, 1, 2))(x), inputs])
    x = layers.GlobalMaxPooling2D(data_format="channels_first")(x)
    model = keras.Model(inputs, layers.Dense(3)(x))
    assert (channel_graph(model).filters["first"] >= 0).all()
    run_pruning_test(model, images((3, 8, 8)), share=0.5)


def test_a_reshape_shared_by_tensors_of_other_channel_axes_stays_as_it_is():
    inputs = keras.Input((8, 8, 3))
    reshape = layers.Reshape((8, 8), name="shared")
    last = ops.mean(layers.Conv2D(8, 1, name="one")(inputs), axis=1)
    first = layers.Permute((2, 1))(ops.mean(layers.Conv2D(8, 1, name="other")(inputs), axis=1))
    x = layers.Concatenate()([layers.Dense(2)(reshape(last)), layers.Dense(2)(reshape(first))])
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(x)))
    graph = channel_graph(model)
    assert graph.frozen["one"] == graph.frozen["other"] == "shared is called on several shapes"
    run_pruning_test(model, images(), share=0.5)


def test_a_layer_with_lora_stays():
    inputs = keras.Input((8, 8, 3))
    dense = layers.Dense(6, name="adapted")
    x = layers.Flatten()(dense(layers.Conv2D(5, 1, name="before")(inputs)))
    dense.enable_lora(2)
    model = keras.Model(inputs, layers.Dense(3)(x))
    assert re.search(r"goes into adapted \(Dense\)", channel_graph(model).frozen["before"])
    run_pruning_test(model, images(), silenced=(READING,))


def test_models_that_hold_subclassed_ones_are_opened_around_them():
    inputs = keras.Input((8, 8, 3))
    nested = keras.Input((8, 8, 6))
    block = keras.Model(nested, layers.Conv2D(5, 1, name="conv")(Inner(name="own")(nested)), name="block")
    x = layers.Conv2D(6, 1, name="first")(tfslim.layers.Flame(16, name="flame")(inputs))
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(block(x))))
    graph = channel_graph(model)
    assert_same(outputs_of(graph.model, images()), outputs_of(model, images()))
    assert (graph.filters["block_conv"] >= 0).all() and (graph.filters["flame_squeeze_conv"] >= 0).all()
    assert graph.frozen == {"first": "goes into block_own (Inner), which can't be followed"}
    run_pruning_test(model, images(), share=0.5, silenced=(READING,))


def test_nested_models_of_one_layer_name_and_of_dictionaries():
    def branch(name):
        inner = keras.Input((8, 8, 3))
        return keras.Model(inner, layers.Conv2D(6, 1, name="conv")(inner), name=name)

    inputs = keras.Input((8, 8, 3))
    parts = {name: keras.Input((8, 8, 6), name=name) for name in ("p", "q")}
    mixed = layers.Conv2D(5, 1, name="conv")(layers.Concatenate()([parts["q"], parts["p"]]))
    inner = keras.Model(parts, {"one": mixed, "two": layers.ReLU()(parts["p"])}, name="inner")
    outs = inner({"q": branch("a")(inputs), "p": branch("b")(inputs)})
    model = keras.Model(inputs, layers.Dense(3)(layers.Flatten()(layers.Concatenate()([outs["one"], outs["two"]]))))
    graph = channel_graph(model)
    assert sorted(graph.filters) == ["a_conv", "b_conv", "inner_conv"]
    assert graph.prunable_count == graph.filter_count == 17
    run_pruning_test(model, images(), share=0.5)


def test_an_input_that_is_an_output_too():
    inputs = keras.Input((8, 8, 3))
    x = layers.Flatten()(layers.Conv2D(6, 1)(inputs))
    run_pruning_test(keras.Model(inputs, {"image": inputs, "answer": layers.Dense(2)(x)}), images(), share=0.5)


def test_a_trained_model_of_bfloat16():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("bfloat16")
    try:
        model = sandwich(lambda x: layers.BatchNormalization()(layers.Conv2D(6, 3, activation="relu")(x)))
    finally:
        keras.config.set_dtype_policy(policy)
    model.compile("sgd", "mse", metrics=["mae"])
    model.fit(images(), np.zeros((2, 3)), verbose=0)
    graph = channel_graph(model)
    smaller = remove_units(graph, graph.filters["first"][:3])
    assert smaller.get_layer("first").kernel.dtype == "bfloat16" and smaller.get_layer("first").filters == 5
    assert np.isfinite(np.asarray(ops.cast(smaller(images()), "float32"))).all()


class FunctionalWithACall(keras.Model):
    def __init__(self):
        inputs = keras.Input((4,))
        super().__init__(inputs, layers.Dense(2)(layers.Dense(3)(inputs)))

    def call(self, inputs, training=None, mask=None):
        return 2 * super().call(inputs)


def test_a_functional_model_that_does_something_else_when_called_is_refused():
    with pytest.raises(TypeError, match=r"\(FunctionalWithACall\) is a subclassed keras.Model"):
        channel_graph(FunctionalWithACall())


def test_attention_of_embedded_tokens_stays():
    inputs = keras.Input((6,), dtype="int32")
    x = layers.Conv1D(6, 3, padding="same", name="conv")(layers.Embedding(10, 8)(inputs))
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="both")(x)
    x = layers.Conv1D(4, 1, name="free")(layers.Attention()([x, x]))
    model = keras.Model(inputs, layers.Dense(3)(layers.GlobalAveragePooling1D()(x)))
    graph = channel_graph(model)
    assert graph.frozen == {"conv": "goes into both (Bidirectional), which can't be followed"}
    assert (graph.filters["free"] >= 0).all()
    tokens = np.random.default_rng(0).integers(0, 10, (2, 6))
    run_pruning_test(model, tokens, share=0.5, silenced=(READING, MAKING))
