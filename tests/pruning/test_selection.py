"""Which units go: worked out by hand on a small model, and within the limit on a large one."""

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.pruning.budget import Budget
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.selection import select_units


@pytest.fixture(scope="module")
def graph():
    return channel_graph(branching_model())


def per_layer(graph, **scores):
    """Scores (units,) by the name of the first layer that makes them."""
    result = np.full(graph.unit_count, 100.0)
    for name, values in scores.items():
        result[graph.filters[name]] = values
    return result


def test_the_lowest_scores_go_first_whatever_the_layer(graph):
    scores = per_layer(graph, left=[1, 9, 3, 8], right=[2, 7, 99, 98, 97, 96])
    budget = Budget(graph)
    gone = select_units(graph, scores, budget.filters, limit=39 - 3)
    chosen = np.zeros(graph.unit_count, bool)
    chosen[[graph.filters["left"][0], graph.filters["left"][2], graph.filters["right"][0]]] = True
    np.testing.assert_array_equal(gone, chosen)


def test_a_unit_that_saves_more_may_count_for_more(graph):
    # A unit of stem is three filters, one of left a single one: 2 for three is less than 1 for one.
    scores = per_layer(graph, stem=[2] + [100] * 7, left=[1, 9, 9, 9])
    gone = select_units(graph, scores, Budget(graph).filters, limit=39 - 3)
    assert np.flatnonzero(gone) == graph.filters["stem"][0]


def test_a_tied_unit_counts_as_all_its_filters(graph):
    scores = per_layer(graph, stem=[0, 100, 100, 100, 100, 100, 100, 100])
    gone = select_units(graph, scores, Budget(graph).filters, limit=39 - 3)
    assert np.flatnonzero(gone) == graph.filters["stem"][0]


def test_per_layer_takes_an_equal_share_of_each(graph):
    scores = np.arange(graph.unit_count, dtype=float)
    gone = select_units(graph, scores, Budget(graph).filters, limit=39 / 2, scope="per-layer")
    lost = {name: int(gone[graph.filters[name]].sum()) for name in ("stem", "left", "right", "hidden")}
    assert lost == {"stem": 4, "left": 2, "right": 3, "hidden": 3}
    assert all(gone[group.units[: gone[group.units].sum()]].all() for group in graph.groups)


@pytest.mark.parametrize("round_to", [2, 3, 4])
def test_what_is_left_is_a_multiple_or_all(graph, round_to):
    scores = np.random.default_rng(round_to).random(graph.unit_count)
    for limit in (35, 28, 24):
        gone = select_units(graph, scores, Budget(graph).filters, limit, round_to=round_to)
        for group in graph.groups:
            left = int((~gone[group.units]).sum())
            assert left == len(group.units) or left % round_to == 0 and left >= round_to


def test_no_group_falls_below_the_least(graph):
    scores = per_layer(graph, left=0, right=1, hidden=2)
    gone = select_units(graph, scores, Budget(graph).filters, limit=39 - 8, min_filters=2)
    left = {name: int((~gone[graph.filters[name]]).sum()) for name in ("left", "right", "hidden")}
    assert left == {"left": 2, "right": 2, "hidden": 3}


def test_what_cant_be_met_says_how_little_is_left(graph):
    with pytest.raises(
        ValueError, match=r"at most 5 may be left, but 6 are left after removing all that may be removed"
    ):
        select_units(graph, np.ones(graph.unit_count), Budget(graph).filters, limit=5.8)
    with pytest.raises(ValueError, match="scope='layer'"):
        select_units(graph, np.ones(graph.unit_count), Budget(graph).filters, limit=30, scope="layer")
    with pytest.raises(ValueError, match="round_to=0"):
        select_units(graph, np.ones(graph.unit_count), Budget(graph).filters, limit=30, round_to=0)


@pytest.mark.parametrize("share", [0.8, 0.5, 0.3])
def test_a_budget_of_macs_is_met_within_two_percent(share):
    graph = channel_graph(tfslim.models.VGG11((32, 32, 3), classes=5))
    budget = Budget(graph)
    limit = share * budget.macs(np.zeros(graph.unit_count, bool))
    scores = np.random.default_rng(0).random(graph.unit_count)
    gone = select_units(graph, scores, budget.macs, limit, round_to=8)
    assert 0.98 * limit <= budget.macs(gone) <= limit


def residual_model(blocks: int = 4, width: int = 48) -> keras.Model:
    """A residual stream of blocks + 1 layers tied together, and in each block a layer that is free; all drawn alike."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((4, 4, width))
    x = keras.layers.Conv2D(width, 1, name="stem")(inputs)
    for number in range(blocks):
        y = keras.layers.Conv2D(width, 1, name=f"free{number}")(x)
        x = keras.layers.Add()([x, keras.layers.Conv2D(width, 1, name=f"tied{number}")(y)])
    return keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))


@pytest.mark.parametrize("importance", ["l2", "random"])
def test_layers_with_ties_lose_no_more_than_those_without(importance):
    model = residual_model()
    lost = []
    for seed in range(8):
        smaller, _ = tfslim.prune_filters(model, 0.3, importance=importance, round_to=1, seed=seed)
        lost.append([1 - smaller.get_layer(name).filters / 48 for name in ("stem", "free0", "free1", "free2", "free3")])
    tied, *free = np.mean(lost, axis=0)
    # Sums of five layers' norms differ less from each other than norms do, so l2 takes few of them: but not more.
    assert tied < max(free) and (importance == "l2" or abs(tied - 0.3) < 0.1)


def test_filters_are_rounded_not_units():
    # A filter of a grouped convolution goes with those in its place of all other groups: a unit is 16 filters.
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(32, 1, name="stem")(inputs)
    x = keras.layers.Conv2D(128, 3, groups=16, padding="same", name="grouped")(x)
    x = keras.layers.Conv2D(12, 1, name="plain")(x)
    graph = channel_graph(keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))))
    assert [len(group.units) for group in graph.groups] == [2, 8, 12]
    scores = per_layer(graph, stem=9, grouped=1, plain=5)

    def left(limit, **asked):
        gone = select_units(graph, scores, Budget(graph).filters, limit, **asked)
        return [int((~gone[graph.filters[name]]).sum()) for name in ("stem", "grouped", "plain")]

    assert left(32 + 64 + 12, round_to=8) == [32, 64, 12]
    assert left(32 + 64 + 12, round_to=32) == [32, 64, 12]
    assert left(32 + 48 + 12, round_to=8) == [32, 48, 12]
    with pytest.raises(
        ValueError, match="at most 92 may be left, but 108 are left after removing all that may be removed"
    ):
        left(32 + 48 + 12, round_to=8, min_filters=60)
