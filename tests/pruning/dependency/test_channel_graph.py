"""The graph of small models, worked out by hand: groups as they print, what stays and why, clear errors."""

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tests.pruning.invariance import run_pruning_test
from tfslim.pruning.dependency.channel_graph import channel_graph

IMAGE = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype("float32")


def test_groups_print_as_lines():
    assert str(channel_graph(branching_model())).splitlines() == [
        "branching: 39 of 39 filters can be removed",
        "8 channels of stem + twice + depthwise",
        "4 channels of left",
        "6 channels of right",
        "5 channels of hidden",
    ]


def test_concatenated_branches_tied_to_one_convolution_are_two_groups():
    inputs = keras.Input((8, 8, 3))
    left, right = (keras.layers.Conv2D(n, 1, name=name)(inputs) for name, n in (("left", 2), ("right", 3)))
    joined = keras.layers.Concatenate()([left, right])
    x = keras.layers.Add()([joined, keras.layers.Conv2D(5, 1, name="skip")(inputs)])
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalMaxPooling2D()(x)))
    graph = channel_graph(model)
    assert [str(group) for group in graph.groups] == ["2 channels of left + skip", "3 channels of right + skip"]
    np.testing.assert_array_equal(graph.filters["skip"], [*graph.filters["left"], *graph.filters["right"]])
    run_pruning_test(model, IMAGE, share=0.5)


def test_outputs_stay_unless_they_may_go():
    model = tfslim.models.SqueezeNet((15, 15, 3), embedding=20)
    assert "conv10_conv" not in channel_graph(model).filters
    graph = channel_graph(model, prune_outputs=True)
    assert (graph.filters["conv10_conv"] >= 0).all() and graph.filter_count == 2944 + 20


def test_an_inner_tensor_that_is_an_output_too_stays():
    inputs = keras.Input((8, 8, 3))
    inner = keras.layers.Conv2D(4, 1, name="inner")(inputs)
    outer = keras.layers.Conv2D(2, 1, name="outer")(keras.layers.Conv2D(5, 1, name="free")(inner))
    graph = channel_graph(keras.Model(inputs, [outer, inner]))
    assert list(graph.filters) == ["free"]


def test_several_inputs_and_outputs_in_dictionaries():
    inputs = {"a": keras.Input((8, 8, 3), name="a"), "b": keras.Input((8, 8, 2), name="b")}
    x = keras.layers.Add()([keras.layers.Conv2D(6, 1, name=f"conv_{key}")(value) for key, value in inputs.items()])
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, {"one": keras.layers.Dense(2)(pooled), "two": keras.layers.Dense(3)(pooled)})
    smaller = run_pruning_test(model, {"a": IMAGE, "b": IMAGE[..., :2]}, share=0.5)
    assert smaller.get_layer("conv_a").filters == smaller.get_layer("conv_b").filters == 3
    assert set(smaller.output) == {"one", "two"}


def test_a_layer_called_twice_is_cut_once_for_both():
    inputs = keras.Input((8, 8, 3))
    shared = keras.layers.Conv2D(6, 3, padding="same", name="shared")
    first = keras.layers.Conv2D(6, 1, name="first")(inputs)
    second = keras.layers.Conv2D(6, 1, name="second")(inputs)
    x = keras.layers.Concatenate()([shared(first), shared(second)])
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Flatten()(x)))
    graph = channel_graph(model)
    assert [str(group) for group in graph.groups] == ["6 channels of first + second", "6 channels of shared"]
    run_pruning_test(model, IMAGE)


def test_a_layer_fed_by_itself_ties_its_inputs_to_its_outputs():
    inputs = keras.Input((8, 8, 3))
    again = keras.layers.Conv2D(5, 3, padding="same", name="again")
    x = again(again(keras.layers.Conv2D(5, 1, name="first")(inputs)))
    model = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)))
    assert [str(group) for group in channel_graph(model).groups] == ["5 channels of first + again"]
    run_pruning_test(model, IMAGE, share=0.4)


def test_nested_and_sequential_models_are_opened():
    inputs = keras.Input((8, 8, 3))
    inner = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(6, 3, name="conv")], name="inner")
    outer = keras.Model(inputs, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(inner(inputs))))
    assert [str(group) for group in channel_graph(outer).groups] == ["6 channels of inner_conv"]
    run_pruning_test(outer, IMAGE)
    alone = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(6, 3), keras.layers.Flatten()])
    alone.add(keras.layers.Dense(2))
    run_pruning_test(alone, IMAGE)


def test_mixed_precision_and_compiled_models():
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = branching_model()
    finally:
        keras.config.set_dtype_policy(policy)
    model.compile("adam", "mse")
    smaller, _ = tfslim.prune_filters(model, 0.3, round_to=1)
    assert smaller.get_layer("left").dtype_policy.name == "mixed_bfloat16" and not smaller.compiled


def test_a_layer_to_keep_keeps_all_that_is_tied_to_it():
    graph = channel_graph(branching_model(), keep=("depthwise", "right"))
    assert [str(group) for group in graph.groups] == ["4 channels of left", "5 channels of hidden"]
    assert graph.frozen == {name: "is listed in keep" for name in ("stem", "twice", "depthwise", "right")}


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lefd", r"keep: 'lefd' is not a layer of the model; did you mean left"),
        ("stem_bn", r"keep: 'stem_bn' has no filters; did you mean stem"),
        ("zzz", r"keep: 'zzz' is not a layer of the model$"),
    ],
)
def test_a_wrong_name_to_keep_is_said_with_near_ones(name, message):
    with pytest.raises(ValueError, match=message):
        channel_graph(branching_model(), keep=(name,))


class Subclassed(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(2)

    def call(self, x):
        return self.dense(x)


def test_models_without_a_graph_are_refused():
    with pytest.raises(TypeError, match="is a subclassed keras.Model"):
        channel_graph(Subclassed())
    with pytest.raises(TypeError, match="is a Sequential model that is not built"):
        channel_graph(keras.Sequential([keras.layers.Dense(2)]))
