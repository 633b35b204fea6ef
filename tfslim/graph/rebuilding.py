"""A functional model gone through call by call, with something else put in the place of each."""

from collections.abc import Callable
from typing import Any

import keras

from tfslim.graph.traversal import LayerCall, iter_layer_calls

# A call of the old model, with its arguments and keyword arguments in the new one -> what it gives there.
Place = Callable[[LayerCall, tuple, dict], Any]


def rebuild(model: keras.Model, inputs: list, place: Place) -> list:
    """Puts what `place` makes of each call in the place of that call.

    Args:
        model: a functional model; nested models and layers are not opened.
        inputs: what stands for each of `model.inputs`: tensors of any kind that `place` can take.
        place: called for each call in an order in which they can be run.

    Returns:
        What then stands for each of `model.outputs`.

    Example:
        >>> outputs = rebuild(model, model.inputs, lambda call, args, kwargs: call.operation(*args, **kwargs))
    """
    made = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    for call in iter_layer_calls(model, model.inputs, opened=False):
        args, kwargs = keras.tree.map_structure(
            lambda value: made[id(value)] if isinstance(value, keras.KerasTensor) else value, (call.args, call.kwargs)
        )
        results = keras.tree.flatten(place(call, args, kwargs))
        made.update((id(old), new) for old, new in zip(call.outputs, results, strict=True))
    return [made[id(tensor)] for tensor in model.outputs]


def model_like(model: keras.Model, inputs: list, outputs: list) -> keras.Model:
    """A functional model of new inputs and outputs, in the structure (a tensor, list or dictionary) of another's."""
    return keras.Model(
        keras.tree.pack_sequence_as(model.input, inputs),
        keras.tree.pack_sequence_as(model.output, outputs),
        name=model.name,
    )
