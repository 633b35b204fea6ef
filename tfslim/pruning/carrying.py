"""Taking an optimizer's momenta along when units are removed."""

import keras
import numpy as np

from tfslim.pruning.channel_graph import ChannelGraph
from tfslim.pruning.surgery import gone_of, kept


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
    gone = gone_of(graph, removed)
    new = smaller.optimizer
    if type(new) is not type(optimizer):
        raise ValueError(f"the smaller model has {type(new).__name__}, expected {type(optimizer).__name__}")
    new.build(smaller.trainable_variables)
    cuts = {}
    for part in graph.slices:
        cuts.setdefault(id(part.variable), []).append((part.axis, kept(part.units, gone)))
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
