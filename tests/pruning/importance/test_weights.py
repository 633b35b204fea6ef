"""Scores by weights alone, against numbers worked out by hand."""

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.importance.weights import check_scores, weight_importance


def dense_chain():
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(3, use_bias=False, name="hidden")
    model = keras.Model(inputs, keras.layers.Dense(1, name="answer")(hidden(inputs)))
    hidden.kernel.assign([[3.0, -1.0, 0.0], [4.0, 1.0, 2.0]])
    return channel_graph(model)


def test_norms_by_hand():
    graph = dense_chain()
    np.testing.assert_allclose(weight_importance(graph, "l1", normalise=False), [7, 2, 2])
    np.testing.assert_allclose(weight_importance(graph, "l2", normalise=False), [5, np.sqrt(2), 2])
    mean = (5 + np.sqrt(2) + 2) / 3
    np.testing.assert_allclose(weight_importance(graph, "l2"), np.array([5, np.sqrt(2), 2]) / mean)


def test_the_mean_is_that_of_units_which_are_alive():
    graph = dense_chain()
    graph.model.get_layer("hidden").kernel.assign([[3.0, 0.0, 0.0], [4.0, 0.0, 2.0]])
    scores = weight_importance(graph, alive=np.array([True, False, True]))
    np.testing.assert_allclose(scores, [5 / 3.5, 0, 2 / 3.5])


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ([[np.nan, 1.0, 1.0], [1.0, 1.0, 1.0]], "3 of 3 scores are NaN or infinite"),  # it is in their mean
        (np.zeros((2, 3)), "all scores are 0"),
    ],
)
def test_weights_that_say_nothing_are_refused(kernel, message):
    graph = dense_chain()
    graph.model.get_layer("hidden").kernel.assign(kernel)
    with pytest.raises(ValueError, match=message):
        weight_importance(graph)


@pytest.mark.parametrize(("how", "of_both"), [("mean", np.mean), ("sum", np.sum), ("max", np.max)])
def test_a_unit_of_several_layers_gets_one_score_of_all(how, of_both):
    model = branching_model()
    graph = channel_graph(model)
    scores = weight_importance(graph, "l1", how=how, normalise=False)
    sums = [np.abs(np.asarray(model.get_layer(name).kernel)).sum((0, 1, 2)) for name in ("stem", "twice")] + [
        np.abs(np.asarray(model.get_layer("depthwise").kernel)).sum((0, 1, 3))
    ]
    np.testing.assert_allclose(scores[graph.filters["stem"]], of_both(sums, axis=0), rtol=1e-6)


def test_bn_scale_is_the_absolute_gamma():
    graph = channel_graph(tfslim.models.SqueezeNet((15, 15, 3), embedding=10))
    for layer in graph.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(np.linspace(-1, 2, layer.gamma.shape[0]))
    scores = weight_importance(graph, "bn_scale", normalise=False)
    np.testing.assert_allclose(scores[graph.filters["conv1_conv"]], np.abs(np.linspace(-1, 2, 64)), rtol=1e-6)


def test_bn_scale_names_what_has_no_batch_normalisation():
    graph = channel_graph(branching_model())
    with pytest.raises(ValueError, match=r"follows 4 channels of left and 2 more groups; use 'l2'"):
        weight_importance(graph, "bn_scale")


def test_random_is_the_seeds():
    graph = dense_chain()
    np.testing.assert_array_equal(
        weight_importance(graph, "random", seed=3), weight_importance(graph, "random", seed=3)
    )
    assert (weight_importance(graph, "random", seed=3) != weight_importance(graph, "random", seed=4)).all()


def test_permuted_filters_have_permuted_scores():
    model = branching_model()
    graph = channel_graph(model)
    before = weight_importance(graph)[graph.filters["right"]]
    order = np.array([3, 1, 5, 0, 2, 4])
    right = model.get_layer("right")
    right.kernel.assign(np.asarray(right.kernel)[..., order])
    np.testing.assert_allclose(weight_importance(graph)[graph.filters["right"]], before[order], rtol=1e-6)


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        ([1.0, 2.0], r"expected 3 scores, one per unit; found shape \(2,\)"),
        ([1.0, np.nan, 2.0], "1 of 3 scores are NaN or infinite, the first for a filter of hidden"),
        ([0.0, 0.0, 0.0], "all scores are 0"),
    ],
)
def test_scores_that_say_nothing_are_refused(scores, message):
    with pytest.raises(ValueError, match=message):
        check_scores(dense_chain(), scores)


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="importance='l3'; expected one of l1, l2, bn_scale, random"):
        weight_importance(dense_chain(), "l3")
