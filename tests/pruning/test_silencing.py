"""Silencing: the weights of the named units become 0 in the model, those of all others stay."""

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tests.pruning.branching_model import branching_model
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.surgery import MAKING, READING, mask, removed_mask, silence


def weights_of(model):
    return {variable.path: np.array(variable) for variable in model.variables}


def test_the_weights_that_make_a_unit_become_zero_and_no_others():
    model = branching_model()
    graph = channel_graph(model)
    before = weights_of(model)
    silence(graph, graph.filters["stem"][[2]], MAKING)
    for path, value in weights_of(model).items():
        expected = before[path].copy()
        if path in ("stem/kernel", "stem/bias", "twice/kernel", "twice/bias"):
            expected[..., 2] = 0
        elif path in ("stem_bn/gamma", "stem_bn/beta", "stem_bn/moving_mean"):
            expected[2] = 0
        elif path == "depthwise/kernel":
            expected[:, :, 2] = 0
        np.testing.assert_array_equal(value, expected, err_msg=path)


def test_the_weights_that_read_a_unit_become_zero_and_no_others():
    model = branching_model()
    graph = channel_graph(model)
    before = weights_of(model)
    silence(graph, graph.filters["right"][[0, 5]], READING)
    for path, value in weights_of(model).items():
        expected = before[path].copy()
        if path == "hidden/kernel":
            expected[[4, 9]] = 0  # after the 4 channels of left
        np.testing.assert_array_equal(value, expected, err_msg=path)


def test_channels_are_zero_where_a_silenced_unit_is_made():
    model = branching_model()
    graph = channel_graph(model)
    silence(graph, graph.filters["stem"][:3], MAKING)
    inner = keras.Model(model.input, model.get_layer("depthwise").output)
    image = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")
    channels = np.asarray(inner(image))
    assert (channels[..., :3] == 0).all() and (channels[..., 3:] != 0).all()


def test_no_unit_no_change():
    model = branching_model()
    before = weights_of(model)
    silence(channel_graph(model), np.array([], int))
    for path, value in weights_of(model).items():
        np.testing.assert_array_equal(value, before[path])


def test_an_adapted_normalisation_is_silenced_where_it_calculates():
    inputs = keras.Input((4, 4, 3))
    norm = keras.layers.Normalization(name="norm")
    x = norm(keras.layers.Conv2D(6, 1, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    randomize(model)
    norm.finalize_state()
    graph = channel_graph(model)
    silence(graph, graph.filters["conv"][:2], MAKING)
    image = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype("float32")
    channels = np.asarray(keras.Model(inputs, x)(image))
    assert (channels[..., :2] == 0).all() and (channels[..., 2:] != 0).all()


def test_a_mask_is_as_wide_as_its_variable_along_one_axis():
    graph = channel_graph(branching_model(), keep=("left",))
    gone = removed_mask(graph, graph.filters["right"][[1]])
    by_name = {(part.variable.path, part.axis): mask(part, gone) for part in graph.slices}
    np.testing.assert_array_equal(by_name["right/kernel", 3], np.float32([1, 0, 1, 1, 1, 1]).reshape(1, 1, 1, 6))
    np.testing.assert_array_equal(by_name["hidden/kernel", 0][:, 0], [1, 1, 1, 1, 1, 0, 1, 1, 1, 1])


def test_a_number_that_is_no_unit():
    graph = channel_graph(branching_model())
    with pytest.raises(ValueError, match="units are numbered 0 to 22, found -1 to 23"):
        silence(graph, [-1, 23])
