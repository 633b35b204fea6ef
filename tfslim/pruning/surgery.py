"""Cutting units out of a model: the same graph with shorter variables."""

import keras
import numpy as np

from tfslim.derived_state import renew_derived_state
from tfslim.pruning.channel_graph import STAYS, ChannelGraph
from tfslim.rebuilding import copy_operation


def remove_units(graph: ChannelGraph, removed: np.ndarray) -> keras.Model:
    """Rebuilds a model without some of its units; what is left keeps its names, weights and settings.

    Args:
        graph: the model's channel graph.
        removed: numbers of the units to remove.

    Returns:
        A new functional model of stock layers, not compiled; `graph.model` is not changed.

    Raises:
        ValueError: a unit is not of this graph, a layer would have no filter left, or a layer can't be copied.

    Example:
        >>> graph = channel_graph(model)
        >>> smaller = remove_units(graph, graph.groups[0].units[:8])
    """
    gone = gone_of(graph, removed)
    for name, units in graph.filters.items():
        if not kept(units, gone).any():
            raise ValueError(f"{name}: all of its {len(units)} filters would go; at least one must stay")
    model = graph.model
    changes = {}
    for edit in graph.edits:
        changes.setdefault(id(edit.operation), []).append(edit)

    def copy(operation: keras.Operation) -> keras.Operation:
        edits = changes.get(id(operation), ())

        def change(config: dict) -> None:
            for edit in edits:
                edit.change(config, kept(edit.units, gone))

        return copy_operation(operation, change=change if edits else None)

    # A model like `model`, but not compiled, as a clone of a compiled one is, and without layers held beside its graph.
    bare = keras.Model(model.input, model.output, name=model.name)
    smaller = keras.models.clone_model(bare, clone_function=copy)
    shorter = {}
    for part in graph.slices:
        shorter.setdefault(id(part.variable), []).append(part)
    for old, new in zip(bare.variables, smaller.variables, strict=True):
        value = old
        for part in shorter.get(id(old), ()):
            value = np.compress(kept(part.units, gone), value, axis=part.axis)
        new.assign(value)
    renew_derived_state(smaller)
    return smaller


def gone_of(graph: ChannelGraph, removed: np.ndarray) -> np.ndarray:
    """Whether each unit is removed, (graph.unit_count,) bool.

    Raises:
        ValueError: a number is not that of a unit.
    """
    removed = np.asarray(removed, np.int64)
    if removed.size and not 0 <= removed.min() <= removed.max() < graph.unit_count:
        raise ValueError(f"units are numbered 0 to {graph.unit_count - 1}, found {removed.min()} to {removed.max()}")
    gone = np.zeros(graph.unit_count, bool)
    gone[removed] = True
    return gone


def kept(units: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Whether each index of an axis stays, given which units go."""
    return np.where(units == STAYS, True, ~gone[units]) if len(gone) else np.ones(len(units), bool)
