"""What an Edge TPU rewrite is, and the layers that rewrites put in a graph."""

import dataclasses
import inspect
from typing import Any

import keras
import numpy as np

from tfslim.graph.traversal import LayerCall


@dataclasses.dataclass(frozen=True)
class Rewrite:
    """What stands for a call in the new graph, and the line that the report says of it."""

    output: keras.KerasTensor
    done: str


class Names:
    """Layer names that are free in a graph."""

    def __init__(self, taken: set[str]):
        self._taken = set(taken)

    def free(self, name: str) -> str:
        """The name, or the name with a number where it is taken."""
        number, candidate = 0, name
        while candidate in self._taken:
            number += 1
            candidate = f"{name}_{number}"
        self._taken.add(candidate)
        return candidate


def apply(layer: keras.layers.Layer, x: Any, weights: list[np.ndarray] | None = None) -> keras.KerasTensor:
    """Calls a new layer and gives it its weights.

    Args:
        layer: a fresh layer.
        x: the tensor, or list of tensors, that it is called on.
        weights: in the layer's order; None where it has none.
    """
    output = layer(x)
    if weights is not None:
        layer.set_weights(weights)
    return output


def named(output: keras.KerasTensor, name: str) -> keras.KerasTensor:
    """Names the operation of `keras.ops` that gives a tensor, and gives the tensor back.

    Such operations are numbered by the process, and so may be called like one of a model that was loaded.
    """
    output._keras_history.operation.name = name
    return output


def by_place(call: LayerCall) -> LayerCall:
    """The call with its first argument given by its place, where it was given by its name."""
    names = list(inspect.signature(call.operation.call).parameters)
    if call.args or not names or names[0] not in call.kwargs:
        return call
    kwargs = dict(call.kwargs)
    return dataclasses.replace(call, args=(kwargs.pop(names[0]),), kwargs=kwargs)


def called(call: LayerCall) -> str:
    """A call in a line of the report: "block3_conv (Conv2D)"."""
    return f"{call.operation.name} ({type(call.operation).__name__})"
