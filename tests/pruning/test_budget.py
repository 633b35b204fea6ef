"""A budget foretells the cost of the smaller model."""

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.pruning.budget import Budget
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.surgery import remove_units


@pytest.mark.parametrize(
    "build",
    [
        branching_model,
        lambda: tfslim.models.SqueezeNet((15, 15, 3), embedding=20),
        lambda: tfslim.models.SlimNet((64, 64, 3), classes=4),
        lambda: tfslim.models.VGG11((32, 32, 3), classes=5, module="flame"),
        lambda: tfslim.models.MobileNet((32, 32, 3), classes=4, alpha=0.25),
    ],
    ids=["branching", "squeezenet", "slimnet", "flame", "mobilenet"],
)
def test_a_budget_is_what_the_smaller_model_costs(build):
    graph = channel_graph(build())
    budget = Budget(graph)
    gone = np.random.default_rng(0).random(graph.unit_count) < 0.3
    for group in graph.groups:
        gone[group.units[0]] = False
    cost = tfslim.measure(remove_units(graph, np.flatnonzero(gone)))
    assert budget.params(gone) == cost.params
    assert budget.bytes(gone) == cost.total_bytes == 4 * cost.params
    assert budget.macs(gone) == cost.macs


def test_filters_are_counted_by_hand():
    graph = channel_graph(branching_model())
    budget = Budget(graph)
    gone = np.zeros(graph.unit_count, bool)
    # stem, twice and depthwise have 8 each, left 4, right 6, hidden 5; the 3 logits are answers.
    assert budget.filters(gone) == graph.filter_count == 39
    gone[graph.filters["stem"][:2]] = True
    gone[graph.filters["right"][0]] = True
    assert budget.filters(gone) == 39 - 3 * 2 - 1


def test_parameters_are_known_where_macs_are_not():
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(inputs))
    graph = channel_graph(keras.Model(inputs, keras.layers.Dense(2)(outputs)))
    gone = np.array([True, False, False, False])
    assert Budget(graph).params(gone) == 3 * (27 + 1) + 3 * 2 + 2
    with pytest.raises(ValueError, match="extent that is unknown"):
        Budget(graph).macs(gone)
