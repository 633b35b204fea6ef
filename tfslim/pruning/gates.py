"""Where a filter could be switched off, and the gradient of that switch, from the ordinary gradients of the weights."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable

import keras
import numpy as np

from tfslim.calls import calls
from tfslim.pruning.channel_graph import STAYS, ChannelGraph
from tfslim.pruning.tracing import Slice, tensors_of


@dataclasses.dataclass(frozen=True)
class Term:
    """A variable's part in a gate's gradient: the sum of weight x gradient over all its axes but one.

    Args:
        variable: the variable.
        axis: the axis along which the channels lie.
        places: for each index of that axis its place among the gate's units, or their number for none of them.
    """

    variable: keras.Variable
    axis: int
    places: np.ndarray


@dataclasses.dataclass(frozen=True)
class Gate:
    """A factor of 1 upon each of a layer's channels, whose gradient is that of the loss by the channel's strength.

    Args:
        layer: name of the layer that makes the channels.
        units: the units that the gate can switch, (n,).
        terms: what adds up to its gradient.
    """

    layer: str
    units: np.ndarray
    terms: tuple[Term, ...]


def gates(graph: ChannelGraph) -> list[Gate]:
    """Finds the gate of every layer that makes units.

    It stands after batch normalisation, where its gradient is gamma x dL/dgamma + beta x dL/dbeta, or upon the layer
    itself, where it is kernel x dL/dkernel + bias x dL/dbias. Batch normalisation without a gamma hides how strong a
    channel is; there the gate stands where the channel is read, and its gradient is that of the kernels which read it.

    Args:
        graph: the model's channel graph.

    Example:
        >>> gates(channel_graph(tfslim.models.SqueezeNet()))[0].layer
        'conv1_conv'

    Source: Molchanov and others, "Importance Estimation for Neural Network Pruning", arXiv 1906.10771, section 3.
    """
    after = _batch_norm_after(graph.model)
    found = []
    for maker, own, units in _makers(graph):
        norm = after.get(id(maker))
        if norm is None:
            parts = own
        elif norm.gamma is not None:
            parts = [part for part in graph.slices if part.layer is norm and part.role == "scale"]
        else:
            parts = [part for part in graph.slices if part.role == "inputs" and np.isin(part.units, units).any()]
        found.append(Gate(maker.name, units, _terms(parts, units)))
    return found


def own_weights(graph: ChannelGraph) -> list[Gate]:
    """The weights of every layer that makes units, as if a gate stood on the layer itself."""
    return [Gate(maker.name, units, _terms(own, units)) for maker, own, units in _makers(graph)]


def along_channels(gate: Gate, gradient_of: Callable[[keras.Variable], object], squared: bool = False):
    """The sum of weight x gradient for each unit of a gate, which is the gate's gradient, (n,) float32.

    Args:
        gate: the gate.
        gradient_of: variable -> its gradient, or None where it gets none.
        squared: add up the squares of weight x gradient instead.
    """
    total = keras.ops.zeros((len(gate.units),), "float32")
    for term in gate.terms:
        gradient = gradient_of(term.variable)
        if gradient is None:
            continue
        product = keras.ops.cast(term.variable, "float32") * keras.ops.cast(gradient, "float32")
        if squared:
            product = keras.ops.square(product)
        along = keras.ops.sum(product, [axis for axis in range(len(product.shape)) if axis != term.axis])
        if not np.array_equal(term.places, np.arange(len(gate.units))):
            along = keras.ops.segment_sum(along, term.places, num_segments=len(gate.units) + 1)[: len(gate.units)]
        total = total + along
    return total


def _makers(graph: ChannelGraph) -> list[tuple[keras.layers.Layer, list[Slice], np.ndarray]]:
    """Layers with filters in units, these filters' slices, and the units."""
    own = defaultdict(list)
    for part in graph.slices:
        if part.role == "filters":
            own[id(part.layer)].append(part)
    return [(parts[0].layer, parts, np.unique(parts[0].units[parts[0].units != STAYS])) for parts in own.values()]


def _terms(parts: list[Slice], units: np.ndarray) -> tuple[Term, ...]:
    return tuple(_term(part, units) for part in parts)


def _term(part: Slice, units: np.ndarray) -> Term:
    places = np.searchsorted(units, part.units)
    known = (places < len(units)) & (units[np.minimum(places, len(units) - 1)] == part.units)
    return Term(part.variable, part.axis, np.where(known, places, len(units)).astype("int32"))


def _batch_norm_after(model: keras.Model) -> dict[int, keras.layers.BatchNormalization]:
    """Layer -> the batch normalisation that all its outputs go into, and nothing else does."""
    every = list(calls(model, model.inputs, opened=False))
    readers = defaultdict(list)
    for call in every:
        for tensor in tensors_of(call):
            readers[id(tensor)].append(call.operation)
    for tensor in model.outputs:
        readers[id(tensor)].append(None)
    into = defaultdict(list)
    for call in every:
        into[id(call.operation)] += [reader for output in call.outputs for reader in readers[id(output)]]
    return {
        layer: operations[0]
        for layer, operations in into.items()
        if isinstance(operations[0], keras.layers.BatchNormalization) and len(set(map(id, operations))) == 1
    }
