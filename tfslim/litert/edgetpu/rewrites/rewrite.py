"""Common parts of the Edge TPU rewrites."""

import dataclasses
import inspect
from typing import Any

import keras
import numpy as np

from tfslim.graph.traversal import LayerCall

__all__ = ["Names", "Rewrite", "apply", "call_text", "name_output", "with_positional_input"]


@dataclasses.dataclass(frozen=True)
class Rewrite:
    """Replacement of a call's output, and its report line."""

    output: keras.KerasTensor
    done: str


class Names:
    """Layer names that are free in a graph."""

    def __init__(self, taken: set[str]):
        self._taken = set(taken)

    def free(self, name: str) -> str:
        """Return the name, with a number if it is taken."""
        number, candidate = 0, name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate


def apply(layer: keras.layers.Layer, x: Any, weights: list[np.ndarray] | None = None) -> keras.KerasTensor:
    """Call a new layer and set its weights.

    Args:
        layer: a new layer.
        x: the tensor, or list of tensors, that it is called on.
        weights: its weights in the layer's order; None if it has none.
    """
    output = layer(x)
    if weights is not None:
        layer.set_weights(weights)
    return output


def name_output(output: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Name the operation of `keras.ops` that computes a tensor.

    Keras numbers such operations in each process, so a name may repeat one of a loaded model.

    Returns:
        The tensor.
    """
    output._keras_history.operation.name = name
    return output


def with_positional_input(call: LayerCall) -> LayerCall:
    """Return the call with its first argument passed by position."""
    names = list(inspect.signature(call.operation.call).parameters)
    if call.args or not names or names[0] not in call.kwargs:
        return call
    kwargs = dict(call.kwargs)
    return dataclasses.replace(call, args=(kwargs.pop(names[0]),), kwargs=kwargs)


def call_text(call: LayerCall) -> str:
    """Format a call for a report: "block3_conv (Conv2D)"."""
    return f"{call.operation.name} ({type(call.operation).__name__})"
