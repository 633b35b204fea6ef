"""Cutting units out of a model: the same graph with shorter variables."""

import keras
import numpy as np

from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.layer_copier import LayerCopier, copy_operation, new_inputs
from tfslim.pruning.dependency.channel_graph import FROZEN, ChannelGraph
from tfslim.pruning.dependency.tracing import Slice


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
    gone = removed_mask(graph, removed)
    for name, units in graph.filters.items():
        if not kept_mask(units, gone).any():
            raise ValueError(f"{name}: all of its {len(units)} filters would go; at least one must stay")
    model = graph.model
    changes = {}
    for edit in graph.edits:
        changes.setdefault(id(edit.operation), []).append(edit)

    def copy(operation: keras.Operation) -> keras.Operation:
        edits = changes.get(id(operation), ())

        def change(config: dict) -> None:
            for edit in edits:
                edit.change(config, kept_mask(edit.units, gone))

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
            value = np.compress(kept_mask(part.units, gone), value, axis=part.axis)
        new.assign(value)
    copier.freeze_alike()
    refresh_cached_state(smaller)
    return smaller


def removed_mask(graph: ChannelGraph, removed: np.ndarray) -> np.ndarray:
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


def kept_mask(units: np.ndarray, gone: np.ndarray) -> np.ndarray:
    """Whether each index of an axis stays, given which units go."""
    return np.where(units == FROZEN, True, ~gone[units]) if len(gone) else np.ones(len(units), bool)


def carry_optimizer(
    optimizer: keras.optimizers.Optimizer, graph: ChannelGraph, removed: np.ndarray, smaller: keras.Model
) -> None:
    """Gives the optimizer of a pruned, compiled model what the original's has gathered, cut like the weights.

    What a `Distiller` trains beside its student, such as an adapter, begins anew unless it kept its shape.

    Args:
        optimizer: of the original model; built, if it has taken a step.
        graph: the original model's channel graph.
        removed: numbers of the units that were removed.
        smaller: what `remove_units` made, or a Distiller of it, compiled with an optimizer of the same kind.

    Raises:
        ValueError: the optimizers differ in kind, keep something that is not of a weight's shape, or the original's
            knows weights by other names, as that of nested models does.

    Example:
        >>> smaller = remove_units(graph, removed)
        >>> smaller.compile_from_config(model.get_compile_config())
        >>> carry_optimizer(model.optimizer, graph, removed, smaller)
    """
    if not optimizer.built:
        return
    gone = removed_mask(graph, removed)
    new = smaller.optimizer
    if type(new) is not type(optimizer):
        raise ValueError(f"the smaller model has {type(new).__name__}, expected {type(optimizer).__name__}")
    new.build(smaller.trainable_variables)
    cuts = {}
    for part in graph.slices:
        cuts.setdefault(id(part.variable), []).append((part.axis, kept_mask(part.units, gone)))
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
            found = "is not there" if value is None else f"of shape {value.shape} can't be cut to {tuple(fresh.shape)}"
            raise ValueError(
                f"the optimizer's {name} {found}; compile the smaller model anew (and open nested models with "
                "tfslim.flatten before training)"
            )


def _name(variable: keras.Variable) -> str:
    """An optimizer's variable without the optimizer's own name."""
    return variable.path.rpartition("/")[2]


def _key(weight: keras.Variable) -> str:
    """How Keras calls a weight in the names of what an optimizer keeps for it."""
    return weight.path.replace("/", "_")


MAKING = ("filters", "scale", "mean")
READING = ("inputs",)


def silence(graph: ChannelGraph, units: np.ndarray, roles: tuple[str, ...] = MAKING + READING) -> None:
    """Sets to zero, in `graph.model` itself, all weights of some units, so that removing them changes nothing.

    Args:
        graph: the model's channel graph.
        units: numbers of the units.
        roles: which weights: those of `MAKING` make the channels 0, wherever an activation leaves 0 as it is; with
            those of `READING` it does not matter what the channels are.

    Example:
        >>> silence(graph, graph.groups[0].units[:8])
    """
    gone = removed_mask(graph, units)
    for part in graph.slices:
        if part.role in roles:
            part.variable.assign(keras.ops.multiply(part.variable, mask(part, gone)))
    refresh_cached_state(graph.model)


def mask(part: Slice, gone: np.ndarray) -> np.ndarray:
    """Zeros and ones by which a slice's variable is multiplied, of one length along its axis and 1 along others."""
    shape = [1] * len(part.variable.shape)
    shape[part.axis] = -1
    return (~np.append(gone, False)[part.units]).astype(part.variable.dtype).reshape(shape)
