"""Check what holds for every model: dead filters leave without a trace, living ones do not."""

import keras
import numpy as np

from tests.layer_checks import randomize
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.pruning.dependency.channel_graph import FROZEN, channel_graph
from tfslim.pruning.surgery import MAKING, READING, kept_mask, remove_units, silence

TOLERANCE = 1e-5  # of the largest output


def run_pruning_test(
    model: keras.Model, inputs, share: float = 0.3, silenced: tuple = (READING, MAKING), seed: int = 0
) -> keras.Model:
    """Asserts that a share of the units, silenced, goes without a change of the outputs; gives the smaller model.

    Args:
        model: any functional or Sequential model; its weights become random.
        inputs: what it takes.
        share: of every group's units.
        silenced: which weights are set to 0, one way after the other; READING alone where an activation makes something
            of 0, MAKING alone where something else than weights reads the channels.
        seed: of weights and units.
    """
    rng = np.random.default_rng(seed)
    randomize(model, seed)
    refresh_cached_state(model)
    graph = channel_graph(model)
    whole = graph.model
    weights = [np.asarray(value) for value in whole.get_weights()]
    removed = [rng.permutation(group.units)[: int(len(group.units) * share)] for group in graph.groups]
    removed = np.concatenate(removed) if removed else np.empty(0, int)
    untouched = outputs_of(whole, inputs)
    if whole is not model:  # nested models were opened
        assert_same(untouched, outputs_of(model, inputs))
    for roles in silenced:
        silence(graph, removed, roles)
        expected = outputs_of(whole, inputs)
        smaller = remove_units(graph, removed)
        assert_same(outputs_of(smaller, inputs), expected)
        whole.set_weights(weights)
    if len(removed):
        gone = np.isin(np.arange(graph.unit_count), removed)
        for name, units in graph.filters.items():
            assert filters_of(smaller.get_layer(name)) == kept_mask(units, gone).sum()
        cut = outputs_of(remove_units(graph, removed), inputs)
        assert not all_same(cut, untouched), "removing living filters changes nothing: the check has no teeth"
    return smaller


def filters_of(layer: keras.layers.Layer) -> int:
    kernel = layer.pointwise_kernel if hasattr(layer, "pointwise_kernel") else layer.kernel
    axis = -2 if "Transpose" in type(layer).__name__ or "Depthwise" in type(layer).__name__ else -1
    return kernel.shape[axis]


def outputs_of(model: keras.Model, inputs) -> list[np.ndarray]:
    return [np.asarray(each, np.float64) for each in keras.tree.flatten(model(inputs, training=False))]


def assert_same(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE * max(1e-3, np.abs(other).max()))


def all_same(found: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    return all(
        one.shape == other.shape and np.abs(one - other).max() <= 10 * TOLERANCE * np.abs(other).max()
        for one, other in zip(found, expected, strict=True)
    )


def prunable(model: keras.Model) -> tuple[int, int]:
    """Filters that may go, and all."""
    graph = channel_graph(model)
    assert graph.prunable_count == sum(int((units != FROZEN).sum()) for units in graph.filters.values())
    return graph.prunable_count, graph.filter_count
