"""Gates that could switch filters off.

Their gradients are derived from the weights' ordinary gradients.
"""

import dataclasses
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfslim.pruning.dependency.channel_graph import FROZEN, ChannelGraph
from tfslim.pruning.dependency.normalization import FollowingNorms
from tfslim.pruning.dependency.tracing import Slice


@dataclasses.dataclass(frozen=True)
class Term:
    """Contribution of a variable to a gate's gradient.

    It is the sum of weight x gradient over all axes except one.

    Args:
        variable: the variable.
        axis: the channel axis.
        places: for each index of that axis its position among the gate's units, or the number of units if it has none.
    """

    variable: keras.Variable
    axis: int
    places: np.ndarray


@dataclasses.dataclass(frozen=True)
class Gate:
    """Unit factor on every channel of a layer.

    The factor is 1; its gradient is that of the loss by the channel's strength.

    Args:
        layer: name of the layer that makes the channels.
        units: the units that the gate can switch, (n,).
        terms: contributions that add up to its gradient.
    """

    layer: str
    units: np.ndarray
    terms: tuple[Term, ...]


def gates(graph: ChannelGraph) -> list[Gate]:
    """Find the gate of every layer that makes units.

    A gate stands after batch normalization, where its gradient is gamma x dL/dgamma + beta x dL/dbeta, or on the layer
    itself, where it is kernel x dL/dkernel + bias x dL/dbias. Batch normalization that has no gamma, or comes later
    (after a concatenation, for example), hides a channel's strength from the loss, and weights that are not trained
    have no gradient: then the gate stands where the channel is read, and its gradient is that of the kernels that read
    it.

    Args:
        graph: the model's channel graph.

    Raises:
        ValueError: a layer's filters have no gate, as the weights that it depends on are not trained.

    Example:
        >>> gates(channel_graph(tfslim.models.SqueezeNet()))[0].layer
        'conv1_conv'

    Source: Molchanov and others, "Importance Estimation for Neural Network Pruning", arXiv 1906.10771, section 3.
    """
    norms = FollowingNorms(graph.model)
    return [
        Gate(layer.name, units, _terms(_parts(graph, norms, layer, own, units), units))
        for layer, own, units in _makers(graph)
    ]


def own_weights(graph: ChannelGraph) -> list[Gate]:
    """Return gates that stand on the layers themselves.

    Their terms are the weights of every layer that makes units.

    Raises:
        ValueError: a layer's weights are not trained.
    """
    found = []
    for layer, own, units in _makers(graph):
        if not _trained(own):
            raise _without_gate(layer, "its weights are not trained")
        found.append(Gate(layer.name, units, _terms(own, units)))
    return found


def along_channels(gate: Gate, gradient_of: Callable[[keras.Variable], Any], squared: bool = False) -> Any:
    """Compute a gate's gradient: summed weight x gradient per unit.

    Args:
        gate: the gate.
        gradient_of: variable -> its gradient, or None if it has none.
        squared: sum the squares of weight x gradient instead.

    Returns:
        A float32 tensor (n,).

    Raises:
        ValueError: a variable has no gradient.
    """
    total = None
    for term in gate.terms:
        gradient = gradient_of(term.variable)
        if gradient is None:
            raise ValueError(
                f"{term.variable.path} has no gradient from the loss, so the filters of {gate.layer} have no score; "
                f"add {gate.layer} to keep"
            )
        product = keras.ops.multiply(keras.ops.cast(term.variable, "float32"), keras.ops.cast(gradient, "float32"))
        if squared:
            product = keras.ops.square(product)
        others = [axis for axis in range(len(product.shape)) if axis != term.axis]
        along = keras.ops.sum(product, others) if others else product
        if not np.array_equal(term.places, np.arange(len(gate.units))):
            along = keras.ops.segment_sum(along, term.places, num_segments=len(gate.units) + 1)[: len(gate.units)]
        total = along if total is None else total + along
    return total


def _makers(graph: ChannelGraph) -> list[tuple[keras.layers.Layer, list[Slice], np.ndarray]]:
    """Return layers that make units, with slices and units."""
    own = defaultdict(list)
    for part in graph.slices:
        if part.role == "filters":
            own[id(part.layer)].append(part)
    return [(parts[0].layer, parts, np.unique(parts[0].units[parts[0].units != FROZEN])) for parts in own.values()]


def _parts(graph: ChannelGraph, norms: FollowingNorms, layer, own: list[Slice], units: np.ndarray) -> list[Slice]:
    norm = norms.only(layer)
    if norm is not None:
        scale = [part for part in graph.slices if part.layer is norm and part.role == "scale"]
        if _trained(scale) and any(part.variable is norm.gamma for part in scale):
            return scale
    elif _trained(own) and not norms.hide(layer):
        return own
    readers = {}
    for part in graph.slices:
        # A separable convolution reads with two kernels in sequence; the first determines the gradient.
        if part.role == "inputs" and np.isin(units, part.units).any():
            readers.setdefault(id(part.layer), part)
    if not readers:
        raise _without_gate(layer, "nothing with weights reads its channels, and batch normalization hides its own")
    for part in readers.values():
        if not part.variable.trainable:
            raise _without_gate(layer, f"{part.layer.name}, which reads its channels, is not trained")
    return list(readers.values())


def _trained(parts: list[Slice]) -> bool:
    return bool(parts) and all(part.variable.trainable for part in parts)


def _without_gate(layer: keras.layers.Layer, why: str) -> ValueError:
    return ValueError(f"{layer.name}: its filters can't have a Taylor score, as {why}; add {layer.name} to keep")


def _terms(parts: list[Slice], units: np.ndarray) -> tuple[Term, ...]:
    return tuple(_term(part, units) for part in parts)


def _term(part: Slice, units: np.ndarray) -> Term:
    places = np.searchsorted(units, part.units)
    known = (places < len(units)) & (units[np.minimum(places, len(units) - 1)] == part.units)
    return Term(part.variable, part.axis, np.where(known, places, len(units)).astype("int32"))
