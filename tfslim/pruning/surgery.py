"""Cutting units out of a model: the same graph with shorter variables."""

import inspect

import keras
import numpy as np

from tfslim.derived_state import renew_derived_state
from tfslim.pruning.channel_graph import STAYS, ChannelGraph


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
        if isinstance(operation, keras.layers.Lambda):
            return operation  # has no weights, and Keras copies no code that it has not been asked to trust
        try:
            config = operation.get_config()
            for edit in changes.get(id(operation), ()):
                edit.change(config, kept(edit.units, gone))
            with keras.saving.custom_object_scope(_own_functions(operation)):
                return type(operation).from_config(config)
        except (RuntimeError, TypeError) as error:  # what Keras says of a class without get_config is a RuntimeError
            if not isinstance(operation, keras.layers.Layer) and id(operation) not in changes:
                return operation  # has no weights; it holds an array, which Keras doesn't write in a config
            raise ValueError(
                f"{operation.name} ({type(operation).__name__}) can't be copied, as its class has no get_config() that "
                f"from_config() takes: {error}"
            ) from error

    # A model like `model`, but not compiled: a clone of a compiled one is compiled.
    bare = keras.Model(model.input, model.output, name=model.name)
    smaller = keras.models.clone_model(bare, clone_function=copy)
    shorter = {}
    for part in graph.slices:
        shorter.setdefault(id(part.variable), []).append(part)
    for old, new in zip(model.variables, smaller.variables, strict=True):
        value = old
        for part in shorter.get(id(old), ()):
            value = np.compress(kept(part.units, gone), value, axis=part.axis)
        new.assign(value)
    renew_derived_state(smaller)
    return smaller


def _own_functions(operation: keras.Operation) -> dict:
    """Functions in the place of Keras' own activations, which need not be registered to be copied."""
    function = getattr(operation, "activation", None)
    return {function.__name__: function} if inspect.isfunction(function) else {}


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
