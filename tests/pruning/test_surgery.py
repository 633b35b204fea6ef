"""Surgery: what is left has the weights, names and settings that it had; the model that is cut stays whole."""

import keras
import numpy as np
import pytest

from tests.layer_checks import randomize
from tests.pruning.branching_model import branching_model
from tests.pruning.invariance import all_same, assert_same, outputs_of
from tfslim.pruning.dependency.channel_graph import FROZEN, channel_graph
from tfslim.pruning.surgery import kept_mask, remove_units, removed_mask, silence

IMAGE = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")


def test_every_variable_against_the_whole_ones_by_hand():
    model = branching_model()
    graph = channel_graph(model)
    smaller = remove_units(graph, [*graph.filters["stem"][[0, 7]], *graph.filters["left"][[1]]])
    whole = {variable.path: np.asarray(variable) for variable in model.variables}
    stem, left = [1, 2, 3, 4, 5, 6], [0, 2, 3]
    expected = {
        "stem/kernel": whole["stem/kernel"][..., stem],
        "stem/bias": whole["stem/bias"][stem],
        **{f"stem_bn/{name}": whole[f"stem_bn/{name}"][stem] for name in ("gamma", "beta")},
        **{f"stem_bn/moving_{name}": whole[f"stem_bn/moving_{name}"][stem] for name in ("mean", "variance")},
        "twice/kernel": whole["twice/kernel"][:, :, stem][..., stem],
        "twice/bias": whole["twice/bias"][stem],
        "depthwise/kernel": whole["depthwise/kernel"][:, :, stem],
        "left/kernel": whole["left/kernel"][:, :, stem][..., left],
        "left/bias": whole["left/bias"][left],
        "right/kernel": whole["right/kernel"][:, :, stem],
        "right/bias": whole["right/bias"],
        "hidden/kernel": whole["hidden/kernel"][[0, 2, 3, 4, 5, 6, 7, 8, 9]],
        "hidden/bias": whole["hidden/bias"],
        "logits/kernel": whole["logits/kernel"],
        "logits/bias": whole["logits/bias"],
    }
    assert {variable.path for variable in smaller.variables} == set(expected)
    for variable in smaller.variables:
        np.testing.assert_array_equal(np.asarray(variable), expected[variable.path], err_msg=variable.path)


def test_the_model_that_is_cut_stays_as_it_was():
    model = branching_model()
    before = [np.asarray(value) for value in model.get_weights()]
    configs = [layer.get_config() for layer in model.layers]
    graph = channel_graph(model)
    remove_units(graph, graph.groups[0].units[:4])
    assert [layer.get_config() for layer in model.layers] == configs
    for old, value in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, value)


def test_names_and_settings_stay():
    inputs = keras.Input((8, 8, 3), name="photo")
    conv = keras.layers.Conv2D(
        6, 3, 2, "same", dilation_rate=1, activation="relu", kernel_regularizer=keras.regularizers.L2(0.1), name="conv"
    )
    x = keras.layers.Dropout(0.25, name="drop")(conv(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2, name="end")(keras.layers.Flatten(name="flat")(x)), name="net")
    conv.trainable = False
    graph = channel_graph(model)
    smaller = remove_units(graph, graph.filters["conv"][:2])
    assert smaller.name == "net" and smaller.inputs[0].name == "photo"
    assert [layer.name for layer in smaller.layers] == ["photo", "conv", "drop", "flat", "end"]
    assert smaller.get_layer("conv").get_config() == {**conv.get_config(), "filters": 4}
    assert not smaller.get_layer("conv").trainable and smaller.get_layer("end").trainable


def test_nothing_removed_is_a_copy():
    model = branching_model()
    smaller = remove_units(channel_graph(model), [])
    assert smaller is not model and smaller.count_params() == model.count_params()
    np.testing.assert_array_equal(outputs_of(smaller, IMAGE), outputs_of(model, IMAGE))


def test_the_check_by_silencing_has_teeth():
    model = branching_model()
    graph = channel_graph(model)
    dead, living = graph.filters["right"][:2], graph.filters["right"][2:4]
    silence(graph, dead)
    whole = outputs_of(model, IMAGE)
    assert_same(outputs_of(remove_units(graph, dead), IMAGE), whole)
    assert not all_same(outputs_of(remove_units(graph, living), IMAGE), whole)
    assert not all_same(outputs_of(remove_units(graph, [dead[0], living[0]]), IMAGE), whole)


def test_an_adapted_normalisation_calculates_with_what_is_left():
    inputs = keras.Input((4, 4, 3))
    norm = keras.layers.Normalization(name="norm")
    x = norm(keras.layers.Conv2D(6, 1, name="conv")(inputs))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    randomize(model)
    norm.finalize_state()
    graph = channel_graph(model)
    smaller = remove_units(graph, graph.filters["conv"][[0, 3]])
    np.testing.assert_array_equal(smaller.get_layer("norm").mean[0, 0, 0], np.asarray(norm.adapt_mean)[[1, 2, 4, 5]])


def test_a_cut_model_can_be_cut_again():
    graph = channel_graph(branching_model())
    once = remove_units(graph, graph.filters["right"][:2])
    again = channel_graph(once)
    silence(again, again.filters["right"][:1])
    twice = remove_units(again, again.filters["right"][:1])
    assert twice.get_layer("right").filters == 3
    assert_same(outputs_of(twice, IMAGE), outputs_of(once, IMAGE))


def test_a_layer_keeps_a_filter():
    graph = channel_graph(branching_model())
    with pytest.raises(ValueError, match="left: all of its 4 filters would be removed; leave at least one"):
        remove_units(graph, graph.filters["left"])


@pytest.mark.parametrize("removed", [[23], [-1], [0, 99]])
def test_numbers_that_are_no_units(removed):
    with pytest.raises(ValueError, match="units are numbered 0 to 22, found"):
        removed_mask(channel_graph(branching_model()), removed)


def test_what_stays_is_kept_whatever_goes():
    np.testing.assert_array_equal(
        kept_mask(np.array([FROZEN, 0, 1, 0]), np.array([True, False])), [True, False, True, False]
    )
    np.testing.assert_array_equal(kept_mask(np.array([FROZEN, FROZEN]), np.zeros(0, bool)), [True, True])


def own(*values):
    return keras.ops.sum(keras.ops.abs(values[0]))


class Ones:
    """An initializer that is not registered with Keras."""

    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    "settings",
    [
        {"kernel_regularizer": own, "bias_regularizer": lambda x: 0.5 * own(x)},
        {"activity_regularizer": own},
        {"kernel_constraint": keras.ops.abs, "activation": lambda x: 2 * x},
        {"kernel_initializer": lambda shape, dtype=None: keras.ops.ones(shape, dtype), "activation": "relu"},
        {"kernel_initializer": Ones()},
    ],
)
def test_somebodys_own_functions_go_along(settings):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(6, 1, name="own", **settings)(inputs)
    model = keras.Model(inputs, keras.layers.Conv2D(2, 1)(keras.layers.Conv2D(5, 1, name="free")(x)))
    graph = channel_graph(model)
    silence(graph, graph.filters["free"][:2])
    smaller = remove_units(graph, graph.filters["free"][:2])
    assert_same(outputs_of(smaller, IMAGE), outputs_of(model, IMAGE))
    assert_same([np.asarray(each) for each in smaller.losses], [np.asarray(each) for each in model.losses])
    assert all(getattr(smaller.get_layer("own"), key) is getattr(model.get_layer("own"), key) for key in settings)


def test_layers_beside_the_graph_are_left_behind():
    model = branching_model()
    model.extra = keras.layers.Dense(3)
    model.extra.build((None, 2))
    smaller = remove_units(channel_graph(model), [])
    assert len(smaller.variables) == len(model.variables) - 2
    np.testing.assert_array_equal(outputs_of(smaller, IMAGE), outputs_of(model, IMAGE))


class Uncopied(keras.layers.Layer):
    def __init__(self, table, **kwargs):
        super().__init__(**kwargs)
        self.table = table

    def call(self, inputs):
        return inputs


def test_a_layer_that_cant_be_copied_is_named():
    inputs = keras.Input((8, 8, 3))
    x = Uncopied(np.zeros(3), name="odd")(keras.layers.Conv2D(4, 1)(inputs))
    graph = channel_graph(keras.Model(inputs, keras.layers.Conv2D(2, 1)(keras.layers.Conv2D(5, 1, name="free")(x))))
    with pytest.raises(ValueError, match=r"'odd' \(Uncopied\): can't be copied, as its class has no get_config\(\)"):
        remove_units(graph, graph.filters["free"][:1])
