"""Dropped units rest at exactly zero, whatever optimizer steps and whatever lies on their way."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tfslim.pruning.dependency.channel_graph import channel_graph, keeps_zeros
from tfslim.pruning.pruning_optimizer import PruningOptimizer

X = np.random.default_rng(0).normal(size=(6, 6, 6, 3)).astype("float32")


class Restless(keras.optimizers.Optimizer):
    """Moves every weight on, with or without a gradient."""

    def __init__(self):
        super().__init__(learning_rate=0.1)

    def update_step(self, gradient, variable, learning_rate):
        self.assign_add(variable, 0.1 * keras.ops.ones(variable.shape))


def net(activation, middle=lambda x: x):
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(5, 3, kernel_regularizer=keras.regularizers.L1L2(0.01, 0.01), name="conv")(inputs)
    x = middle(keras.layers.Activation(activation)(keras.layers.BatchNormalization(name="norm")(x)))
    x = keras.layers.Conv2D(4, 1, activation=activation, name="next")(x)
    x = keras.layers.Dense(2, name="answer")(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(inputs, x)
    randomize(model)
    return model


def train(model, optimizer, steps=4):
    for _ in range(steps):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(model(X, training=True) - 1.0)) + sum(model.losses)
        gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
        optimizer.apply(gradients, model.trainable_variables)


@pytest.mark.parametrize("activation", ["relu", "sigmoid"])
@pytest.mark.parametrize(
    "inner",
    [
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
        lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1, use_ema=True, ema_overwrite_frequency=3),
        lambda: keras.optimizers.RMSprop(0.01, momentum=0.9, centered=True),
        lambda: keras.optimizers.Adagrad(0.1),
        lambda: keras.optimizers.Adadelta(1.0),
        lambda: keras.optimizers.Adamax(0.01),
        lambda: keras.optimizers.Nadam(0.01),
        lambda: keras.optimizers.Lion(0.01),
        lambda: keras.optimizers.Ftrl(0.1),
        lambda: keras.optimizers.Adam(0.01, gradient_accumulation_steps=3),
        Restless,
    ],
    ids=lambda inner: inner().name,
)
def test_dropped_weights_are_exactly_zero_after_every_step(inner, activation):
    model = net(activation)
    graph = channel_graph(model)
    optimizer = PruningOptimizer(inner(), graph, alone=True)
    train(model, optimizer)
    optimizer.drop(np.concatenate([graph.filters["conv"][[0, 3]], graph.filters["next"][[2]]]))
    before = np.asarray(model.get_layer("conv").kernel)
    train(model, optimizer, 7)
    conv, norm, following, answer = (model.get_layer(name) for name in ("conv", "norm", "next", "answer"))
    for variable, index in (
        (conv.kernel, np.s_[..., [0, 3]]),
        (conv.bias, [0, 3]),
        (norm.gamma, [0, 3]),
        (norm.beta, [0, 3]),
        (following.kernel, np.s_[:, :, [0, 3], :]),
        (following.kernel, np.s_[..., 2]),
        (following.bias, [2]),
        (answer.kernel, [2]),
    ):
        assert (np.asarray(variable)[index] == 0).all(), variable.path
    assert np.isfinite(np.asarray(answer.kernel)).all()
    assert (np.asarray(conv.kernel)[..., [1, 2, 4]] != before[..., [1, 2, 4]]).all()
    optimizer.finalize_variable_values(model.trainable_variables)
    assert (np.asarray(conv.kernel)[..., [0, 3]] == 0).all()


def added_map(x):
    return keras.layers.Add()([x, keras.layers.Conv2D(1, 1)(x)])


@pytest.mark.parametrize(
    "middle",
    [
        keras.layers.Softmax(axis=(1, 2)),
        added_map,
        keras.layers.ReLU(negative_slope=0.1, threshold=0.5),
        keras.layers.GaussianNoise(0.5),
        keras.layers.AlphaDropout(0.5),
    ],
    ids=["softmax", "add", "relu", "noise", "alpha"],
)
def test_what_reads_dropped_channels_rests_whatever_becomes_of_a_zero(middle):
    model = net("relu", middle)
    graph = channel_graph(model)
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.001, momentum=0.9), graph, alone=True)
    train(model, optimizer)
    optimizer.drop(graph.filters["conv"][[0, 3]])
    train(model, optimizer)
    assert (np.asarray(model.get_layer("next").kernel)[:, :, [0, 3]] == 0).all()


def test_a_loss_beside_the_model_wakes_nothing():
    model = net("linear")
    graph = channel_graph(model)
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.1), graph)
    optimizer.build(model.trainable_variables)
    optimizer.drop(graph.filters["next"][[1]])
    view = keras.Model(model.input, model.get_layer("next").output)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(view(X) - 1.0)) + tf.reduce_mean(model(X, training=True))
    gradients = tape.gradient(loss, [variable.value for variable in model.trainable_variables])
    optimizer.apply(gradients, model.trainable_variables)
    kernel = np.asarray(model.get_layer("next").kernel)
    assert (kernel[..., 1] == 0).all() and (kernel[..., [0, 2, 3]] != 0).all()


def test_only_what_a_step_may_move_is_written():
    def written(inner, activation, alone=True, prune_outputs=False):
        graph = channel_graph(net(activation), prune_outputs)
        return {part.variable.path for part in PruningOptimizer(inner, graph, alone=alone)._held}

    readers = {"next/kernel", "answer/kernel"}
    assert written(keras.optimizers.Adam(), "relu") == set()
    assert written(keras.optimizers.Adam(), "sigmoid") == readers
    assert written(keras.optimizers.Adam(), "relu", prune_outputs=True) == {"answer/kernel", "answer/bias"}
    everything = {"conv/kernel", "conv/bias", "norm/gamma", "norm/beta", "next/bias"} | readers
    assert written(Restless(), "relu") == written(keras.optimizers.Adam(), "relu", alone=False) == everything


@pytest.mark.parametrize(
    ("layer", "keeps"),
    [
        (keras.layers.ReLU(), True),
        (keras.layers.Activation("silu"), True),
        (keras.layers.Activation("softplus"), False),
        (keras.layers.Conv2D(2, 1, activation="sigmoid"), False),
        (keras.layers.Rescaling(2.0), True),
        (keras.layers.Rescaling(2.0, offset=[0.0, 0.0, 1.0]), False),
        (keras.layers.Normalization(mean=1.0, variance=2.0), False),
        (keras.ops.relu, True),
        (lambda x: x + 1, False),
        (lambda x: keras.ops.max(x, axis=1, keepdims=True), True),
        (lambda x: keras.ops.max(x, axis=1, keepdims=True, initial=1.0), False),
        (keras.layers.ReLU(6.0, negative_slope=0.1), True),
        (keras.layers.ReLU(threshold=1.0), True),
        (keras.layers.ReLU(negative_slope=0.1, threshold=1.0), False),
        (keras.layers.PReLU(), True),
        (keras.layers.Softmax(axis=1), False),
        (keras.layers.UnitNormalization(), True),
        (keras.layers.LayerNormalization(axis=(1, 2)), False),
        (keras.layers.Normalization(), True),
        (keras.layers.Normalization(axis=None), False),
        (keras.layers.Resizing(4, 5, pad_to_aspect_ratio=True), True),
        (keras.layers.Resizing(4, 5, pad_to_aspect_ratio=True, fill_value=1.0), False),
        (keras.layers.Dropout(0.5), True),
        (keras.layers.GaussianDropout(0.5), True),
        (keras.layers.GaussianNoise(0.5), False),
        (keras.layers.AlphaDropout(0.5), False),
        (lambda x: keras.layers.Average()([x, keras.layers.ReLU()(x)]), True),
        (lambda x: keras.layers.Maximum()([x, keras.layers.Conv2D(1, 1)(x)]), False),
        (lambda x: keras.layers.Multiply()([x, keras.layers.Conv2D(1, 1)(x)]), True),
    ],
)
def test_which_models_keep_zeros(layer, keeps):
    inputs = keras.Input((6, 6, 3))
    x = keras.layers.Conv2D(3, 1)(keras.layers.Rescaling(2.0, offset=1.0)(inputs))  # what comes before does not matter
    # ... nor does what becomes of the answers.
    model = keras.Model(inputs, keras.layers.Softmax()(keras.layers.Conv2D(2, 1)(layer(x))))
    assert keeps_zeros(channel_graph(model)) == keeps
