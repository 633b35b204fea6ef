"""Rebuild a functional model call by call."""

from collections.abc import Callable
from typing import Any

import keras

from tfslim.graph.traversal import LayerCall, iter_layer_calls

__all__ = ["Place", "model_like", "rebuild"]

# A call of the old model, with its arguments and keyword arguments in the new one -> its outputs there.
Place = Callable[[LayerCall, tuple, dict], Any]


def rebuild(model: keras.Model, inputs: list, place: Place) -> list:
    """Replace each call of a functional model.

    Args:
        model: a functional model; nested models and layers are not opened.
        inputs: the new value for each of `model.inputs`: tensors of any kind that `place` accepts.
        place: called for each call in topological order; its result replaces the call's outputs.

    Returns:
        The new value for each of `model.outputs`.

    Example:
        >>> outputs = rebuild(model, model.inputs, lambda call, args, kwargs: call.operation(*args, **kwargs))
    """
    values = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    for call in iter_layer_calls(model, model.inputs, opened=False):
        args, kwargs = keras.tree.map_structure(
            lambda value: values[id(value)] if isinstance(value, keras.KerasTensor) else value, (call.args, call.kwargs)
        )
        results = keras.tree.flatten(place(call, args, kwargs))
        values.update((id(old), new) for old, new in zip(call.outputs, results, strict=True))
    return [values[id(tensor)] for tensor in model.outputs]


def model_like(model: keras.Model, inputs: list, outputs: list) -> keras.Model:
    """Build a model with another's input and output structure.

    The structure of inputs and of outputs is a tensor, a list or a dictionary.
    """
    return keras.Model(
        keras.tree.pack_sequence_as(model.input, inputs),
        keras.tree.pack_sequence_as(model.output, outputs),
        name=model.name,
    )
