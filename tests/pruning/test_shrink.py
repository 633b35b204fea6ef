"""Dead filters are cut out, and those that only look dead are not."""

import keras
import numpy as np
import pytest

import tfslim
from tests.layer_checks import randomize
from tests.pruning.branching_model import branching_model
from tfslim.pruning import channel_graph, shrink, silence
from tfslim.pruning.dead_filters import dead_units
from tfslim.pruning.surgery import MAKING

X = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")


def chain(activation, middle=lambda x: x, norm=True, **settings):
    """A convolution of 5, normalised or not, an activation, what is looked at, and a reader."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(5, 3, name="conv")(inputs)
    x = keras.layers.BatchNormalization(name="norm", **settings)(x) if norm else x
    x = middle(keras.layers.Activation(activation)(x))
    x = keras.layers.Conv2D(2, 1, name="reader")(x)
    model = keras.Model(inputs, keras.layers.Dense(2, name="answer")(keras.layers.GlobalAveragePooling2D()(x)))
    randomize(model)
    return model


def same_outputs(one, other):
    np.testing.assert_allclose(np.asarray(one(X)), np.asarray(other(X)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("roles", [MAKING, (*MAKING, "inputs"), ("filters", "scale")])
def test_dead_filters_go_and_the_outputs_stay(roles):
    model = branching_model()
    graph = channel_graph(model)
    silence(graph, np.concatenate([graph.filters["stem"][[0, 5]], graph.filters["right"][[2]]]), roles)
    smaller, report = shrink(model)
    assert report.done == [
        "stem: 8 -> 6 filters",
        "twice: 8 -> 6 filters",
        "depthwise: 8 -> 6 filters",
        "right: 6 -> 5 filters",
    ]
    assert (report.before.params, report.after.params) == (model.count_params(), smaller.count_params())
    same_outputs(model, smaller)


@pytest.mark.parametrize(
    ("settings", "roles", "dead"),
    [
        ({"activation": "relu"}, ("filters", "scale"), 2),
        ({"activation": "sigmoid"}, MAKING, 0),  # a half is read
        ({"activation": "sigmoid"}, (*MAKING, "inputs"), 2),
        ({"activation": "relu", "scale": False}, ("filters", "scale"), 0),  # the mean is taken off
        ({"activation": "relu", "scale": False}, MAKING, 2),
        ({"activation": "relu", "scale": False, "center": False}, ("filters", "scale", "inputs"), 2),
        ({"activation": "relu", "norm": False}, ("inputs",), 0),  # the filters may be wanted yet
    ],
)
def test_only_what_does_nothing_is_dead(settings, roles, dead):
    model = chain(**settings)
    graph = channel_graph(model)
    silence(graph, graph.filters["conv"][[1, 3]], roles)
    assert dead_units(graph).sum() == dead
    smaller, _ = shrink(model)
    assert smaller.get_layer("conv").filters == 5 - dead
    same_outputs(model, smaller)


@pytest.mark.parametrize(
    "middle",
    [
        keras.layers.Softmax(axis=(1, 2)),
        lambda x: keras.layers.Add()([x, keras.layers.Conv2D(1, 1)(x)]),
        lambda x: keras.layers.Maximum()([x, keras.layers.Conv2D(1, 1)(x)]),
        lambda x: keras.layers.Average()([x, keras.layers.Conv2D(1, 1)(x)]),
        keras.layers.ReLU(negative_slope=0.1, threshold=0.5),
    ],
    ids=["softmax", "add", "maximum", "average", "relu"],
)
@pytest.mark.parametrize(("roles", "dead"), [(MAKING, 0), ((*MAKING, "inputs"), 2)])
def test_what_makes_something_of_a_zero_is_read(middle, roles, dead):
    model = chain("relu", middle)
    graph = channel_graph(model)
    silence(graph, graph.filters["conv"][[1, 3]], roles)
    smaller, _ = shrink(model)
    assert smaller.get_layer("conv").filters == 5 - dead
    same_outputs(model, smaller)


@pytest.mark.parametrize(
    ("activation", "settings", "roles", "left"),
    [
        ("relu", {}, MAKING, 3),
        ("relu", {"scale": False}, (*MAKING, "inputs"), 3),
        ("relu", {"scale": False}, ("filters", "scale", "inputs"), 5),  # the mean that is taken off counts
    ],
)
def test_what_counts_in_a_length_is_not_dead_though_nothing_reads_it(activation, settings, roles, left):
    model = chain(activation, keras.layers.UnitNormalization(), **settings)
    graph = channel_graph(model)
    silence(graph, graph.filters["conv"][[1, 3]], roles)
    smaller, _ = shrink(model)
    assert smaller.get_layer("conv").filters == left
    same_outputs(model, smaller)


@pytest.mark.parametrize("middle", [keras.layers.UnitNormalization(), tfslim.layers.L2Normalization()])
def test_channels_that_count_in_a_length_stay_where_a_dead_one_is_not_zero(middle):
    graph = channel_graph(chain("sigmoid", middle))
    assert "takes a length over these channels" in graph.frozen["conv"]
    assert "reader" not in graph.frozen  # whose channels come after


def test_a_gate_does_not_give_length_to_a_channel_of_zeros():
    def gated(x):
        gate = keras.layers.Conv2D(5, 1, activation="sigmoid")(x)
        return keras.layers.UnitNormalization()(keras.layers.Multiply()([x, gate]))

    model = chain("relu", gated)
    graph = channel_graph(model)
    silence(graph, graph.filters["conv"][[1, 3]])
    smaller, _ = shrink(model)
    assert smaller.get_layer("conv").filters == 3
    same_outputs(model, smaller)


def test_one_filter_of_a_layer_is_kept():
    model = chain("relu")
    graph = channel_graph(model)
    silence(graph, graph.filters["conv"])
    smaller, report = shrink(model)
    assert smaller.get_layer("conv").filters == 1
    assert report.skipped["conv"] == "all its filters are dead; one is kept, as a layer needs one"
    same_outputs(model, smaller)


def test_a_model_that_was_never_pruned_comes_back_equal():
    model = branching_model()
    smaller, report = shrink(model)
    assert report.done == ["no filter is dead: nothing was removed"]
    for ours, theirs in zip(smaller.variables, model.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
