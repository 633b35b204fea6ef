"""A functional model gone through call by call, with something else put in the place of each."""

from collections.abc import Callable
from typing import Any

import keras

from tfslim.calls import Call, calls
from tfslim.derived_state import renew_derived_state

# A call of the old model, with its arguments and keyword arguments in the new one -> what it gives there.
Place = Callable[[Call, tuple, dict], Any]


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
    for call in calls(model, model.inputs, opened=False):
        args, kwargs = keras.tree.map_structure(
            lambda value: made[id(value)] if isinstance(value, keras.KerasTensor) else value, (call.args, call.kwargs)
        )
        results = keras.tree.flatten(place(call, args, kwargs))
        made.update((id(old), new) for old, new in zip(call.outputs, results, strict=True))
    return [made[id(tensor)] for tensor in model.outputs]


class Copies:
    """Copies of the layers of a model, each made once, so that shared layers stay shared."""

    def __init__(self):
        self._pairs: dict[int, tuple[keras.Operation, keras.Operation]] = {}

    def of(self, operation: keras.Operation, kind: type | None = None, **changes: Any) -> keras.Operation:
        """The copy of a layer, or of an operation of `keras.ops`.

        Args:
            operation: the original.
            kind: class of the copy, which takes the same settings; the original's by default.
            changes: settings that are different in the copy.
        """
        if id(operation) not in self._pairs:
            copy = (kind or type(operation)).from_config({**operation.get_config(), **changes})
            self._pairs[id(operation)] = operation, copy
        return self._pairs[id(operation)][1]

    def take_weights(self, model: keras.Model) -> None:
        """Gives every copy that has been called, in `model`, the weights of its original."""
        for original, copy in self._pairs.values():
            if getattr(original, "weights", None):
                values = original.get_weights()
                copy.set_weights([*values, *copy.get_weights()[len(values) :]])
        renew_derived_state(model)


def new_inputs(model: keras.Model) -> list[keras.KerasTensor]:
    """Inputs of the shapes, types and names of a model's own."""
    return [
        keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor._keras_history.operation.name)
        for tensor in model.inputs
    ]


def model_like(model: keras.Model, inputs: list, outputs: list) -> keras.Model:
    """A functional model of new inputs and outputs, in the structure (a tensor, list or dictionary) of another's."""
    return keras.Model(
        keras.tree.pack_sequence_as(model.input, inputs),
        keras.tree.pack_sequence_as(model.output, outputs),
        name=model.name,
    )
