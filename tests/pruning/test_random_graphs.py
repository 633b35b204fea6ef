"""Random branching models: whatever is tied to whatever, dead filters go without a trace."""

import numpy as np
from hypothesis import HealthCheck, given, settings, strategies as st

from tests.layer_checks import randomize
from tests.pruning.invariance import assert_same, outputs_of, run_pruning_test
from tests.pruning.random_graph import AWAKE, KINDS, Builder
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.pruning import channel_graph, shrink, silence
from tfslim.pruning.surgery import MAKING, READING

KEEPING = ("relu", "tanh", "swish")
RANKS = st.sampled_from((2, 1, 3))


def grown(draw, kinds: tuple[str, ...], activations: tuple[str, ...]) -> Builder:
    builder = Builder(draw, activations, draw(RANKS))
    for kind in draw(st.lists(st.sampled_from(kinds), min_size=2, max_size=7)):
        builder.grow(kind)
    return builder


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans(), st.integers(0, 2**16))
def test_dead_filters_of_random_graphs_go_without_a_trace(data, keeping_nothing, seed):
    if keeping_nothing:
        builder, silenced = grown(data.draw, KINDS, KEEPING), (READING, MAKING)
    else:
        builder, silenced = grown(data.draw, KINDS + AWAKE, ("sigmoid", "softplus", "relu")), (READING,)
    run_pruning_test(builder.model(), builder.images(seed), share=0.5, silenced=silenced, seed=seed)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.booleans(), st.integers(0, 2**16))
def test_shrinking_changes_no_outputs_whichever_weights_are_zero(data, keeping_nothing, seed):
    builder = grown(data.draw, (*KINDS, *AWAKE, "places"), KEEPING if keeping_nothing else ("sigmoid", "relu"))
    model = builder.model()
    randomize(model, seed)
    refresh_cached_state(model)
    graph = channel_graph(model)
    units = np.random.default_rng(seed).permutation(graph.unit_count)[: graph.unit_count // 2]
    silence(graph, units, data.draw(st.sampled_from(((*MAKING, *READING), MAKING, ("filters", "scale")))))
    expected = outputs_of(graph.model, builder.images(seed))
    smaller, _ = shrink(graph.model)  # which is the model itself, or one with its nested models opened
    assert_same(outputs_of(smaller, builder.images(seed)), expected)
