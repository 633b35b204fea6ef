"""Making filters dead without removing them: what they make, and what is read of them, is 0."""

import keras
import numpy as np

from tfslim.derived_state import renew_derived_state
from tfslim.pruning.channel_graph import ChannelGraph
from tfslim.pruning.surgery import gone_of
from tfslim.pruning.tracing import Slice

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
    gone = gone_of(graph, units)
    for part in graph.slices:
        if part.role in roles:
            part.variable.assign(keras.ops.multiply(part.variable, mask(part, gone)))
    renew_derived_state(graph.model)


def mask(part: Slice, gone: np.ndarray) -> np.ndarray:
    """Zeros and ones by which a slice's variable is multiplied, of one length along its axis and 1 along others."""
    shape = [1] * len(part.variable.shape)
    shape[part.axis] = -1
    return (~np.append(gone, False)[part.units]).astype(part.variable.dtype).reshape(shape)
