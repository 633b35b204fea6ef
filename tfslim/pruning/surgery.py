"""Removal of units from a model.

The graph stays the same, with shorter variables.
"""

from collections.abc import Sequence

import keras
import numpy as np

from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.layer_copier import LayerCopier, copy_operation, new_inputs
from tfslim.pruning.dependency.channel_graph import FROZEN, ChannelGraph
from tfslim.pruning.dependency.tracing import Slice

__all__ = ["carry_optimizer", "remove_units", "silence"]


def remove_units(graph: ChannelGraph, removed: np.ndarray | Sequence[int]) -> keras.Model:
    """Rebuild a model without some of its units.

    The rest keeps its names, weights and settings.

    Args:
        graph: the model's channel graph.
        removed: numbers of the units to remove.

    Returns:
        A new functional model of stock layers, not compiled; `graph.model` is not changed.

    Raises:
        ValueError: a unit is not of this graph, a layer would have no filter left, or a layer can't be copied.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3))
        >>> graph = channel_graph(model)
        >>> smaller = remove_units(graph, graph.groups[0].units[:8])
        >>> smaller.count_params() < model.count_params()
        True
    """
    is_removed = removed_mask(graph, removed)
    for name, units in graph.filters.items():
        if not kept_mask(units, is_removed).any():
            raise ValueError(f"{name}: all of its {len(units)} filters would be removed; leave at least one")
    model = graph.model
    changes = {}
    for edit in graph.edits:
        changes.setdefault(id(edit.operation), []).append(edit)

    def copy(operation: keras.Operation) -> keras.Operation:
        edits = changes.get(id(operation), ())

        def change(config: dict) -> None:
            for edit in edits:
                edit.change(config, kept_mask(edit.units, is_removed))

        return copy_operation(operation, change=change if edits else None)

    copier = LayerCopier(copy)
    smaller = copier.copy_graph(model, new_inputs(model))
    # The variables of its graph alone: not those that it was compiled with, or of layers held beside the graph.
    bare = keras.Model(model.input, model.output, name=model.name)
    shorter = {}
    for part in graph.slices:
        shorter.setdefault(id(part.variable), []).append(part)
    for old, new in zip(bare.variables, smaller.variables, strict=True):
        value = old
        for part in shorter.get(id(old), ()):
            value = np.compress(kept_mask(part.units, is_removed), value, axis=part.axis)
        new.assign(value)
    copier.freeze_alike()
    refresh_cached_state(smaller)
    return smaller


def removed_mask(graph: ChannelGraph, removed: np.ndarray | Sequence[int]) -> np.ndarray:
    """Convert unit numbers to a mask (graph.unit_count,) bool.

    Raises:
        ValueError: a number is not that of a unit.
    """
    removed = np.asarray(removed, np.int64)
    if removed.size and not 0 <= removed.min() <= removed.max() < graph.unit_count:
        raise ValueError(f"units are numbered 0 to {graph.unit_count - 1}, found {removed.min()} to {removed.max()}")
    is_removed = np.zeros(graph.unit_count, bool)
    is_removed[removed] = True
    return is_removed


def kept_mask(units: np.ndarray, is_removed: np.ndarray) -> np.ndarray:
    """Return which indices of an axis stay, (n,) bool.

    Args:
        units: unit of each index, `FROZEN` for indices that must stay.
        is_removed: (unit_count,) bool, True for removed units.
    """
    return np.where(units == FROZEN, True, ~is_removed[units]) if len(is_removed) else np.ones(len(units), bool)


def carry_optimizer(
    optimizer: keras.optimizers.Optimizer, graph: ChannelGraph, removed: np.ndarray, smaller: keras.Model
) -> None:
    """Copy a model's optimizer state to its pruned model.

    Variables are cut like the weights. The weights that a `Distiller` trains beside its student, such as an adapter,
    start from scratch unless they kept their shape.

    Args:
        optimizer: of the original model; built, if it has taken a step.
        graph: the original model's channel graph.
        removed: numbers of the units that were removed.
        smaller: result of `remove_units`, or a Distiller of it, compiled with an optimizer of the same kind.

    Raises:
        ValueError: the optimizers differ in kind; the optimizer has state that doesn't have its weight's shape; or its
            state has other weight names, as with nested models.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> history = model.fit(np.ones((32, 4)), np.ones((32, 1)), verbose=0)
        >>> graph, removed = channel_graph(model), [0, 3]
        >>> smaller = remove_units(graph, removed)
        >>> smaller.compile_from_config(model.get_compile_config())
        >>> carry_optimizer(model.optimizer, graph, removed, smaller)
        >>> int(smaller.optimizer.iterations)
        1
    """
    if not optimizer.built:
        return
    is_removed = removed_mask(graph, removed)
    new = smaller.optimizer
    if type(new) is not type(optimizer):
        raise ValueError(
            f"the smaller model has {type(new).__name__}, expected {type(optimizer).__name__}; compile it alike"
        )
    new.build(smaller.trainable_variables)
    cuts = {}
    for part in graph.slices:
        cuts.setdefault(id(part.variable), []).append((part.axis, kept_mask(part.units, is_removed)))
    weights = {_key(weight): weight for weight in graph.model.trainable_variables}
    gathered = {_name(each): np.asarray(each) for each in optimizer.variables}
    for fresh in new.variables:
        name = _name(fresh)
        value = gathered.get(name)
        key = max((key for key in weights if name.startswith(f"{key}_")), key=len, default=None)
        if value is not None and key is not None and tuple(weights[key].shape) == value.shape:
            for axis, stays in cuts.get(id(weights[key]), ()):
                value = np.compress(stays, value, axis=axis)
        if value is not None and value.shape == tuple(fresh.shape):
            fresh.assign(value)
        elif key is not None:
            found = "was not found" if value is None else f"of shape {value.shape} can't be cut to {tuple(fresh.shape)}"
            raise ValueError(
                f"the optimizer's {name} {found}; compile the smaller model again (and open nested models with "
                "tfslim.flatten before training)"
            )


def _name(variable: keras.Variable) -> str:
    """Return an optimizer variable's path without the optimizer's name."""
    return variable.path.rpartition("/")[2]


def _key(weight: keras.Variable) -> str:
    """Return the prefix that Keras names a weight's slots with."""
    return weight.path.replace("/", "_")


MAKING = ("filters", "scale", "mean")
READING = ("inputs",)


def silence(graph: ChannelGraph, units: np.ndarray, roles: tuple[str, ...] = MAKING + READING) -> None:
    """Set the weights of some units to zero, in place.

    `graph.model` then computes the same as a model without these units.

    Args:
        graph: the model's channel graph.
        units: numbers of the units.
        roles: which weights: zeroing those of `MAKING` makes the channels 0, as long as activations map 0 to 0; zeroing
            those of `READING` as well makes the channels' values irrelevant.

    Example:
        >>> graph = channel_graph(tfslim.models.SlimNet((64, 64, 3)))
        >>> silence(graph, graph.groups[0].units[:8])
    """
    is_removed = removed_mask(graph, units)
    for part in graph.slices:
        if part.role in roles:
            part.variable.assign(keras.ops.multiply(part.variable, mask(part, is_removed)))
    refresh_cached_state(graph.model)


def mask(part: Slice, is_removed: np.ndarray) -> np.ndarray:
    """Return the zeros and ones that mask a slice's variable.

    The result has the slice's length along its axis and 1 along others.
    """
    shape = [1] * len(part.variable.shape)
    shape[part.axis] = -1
    return (~np.append(is_removed, False)[part.units]).astype(part.variable.dtype).reshape(shape)
