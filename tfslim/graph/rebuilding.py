"""A functional model gone through call by call, with something else put in the place of each."""

from collections.abc import Callable
from typing import Any

import keras

from tfslim.graph.derived_state import refresh_cached_state
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


def copy_operation(
    operation: keras.Operation,
    name: str | None = None,
    change: Callable[[dict], None] | None = None,
    kind: type | None = None,
) -> keras.Operation:
    """A layer, or an operation of `keras.ops`, of the same settings, with weights of its own where it has any.

    Functions in the place of Keras' own need not be registered. An operation that holds an array, which Keras doesn't
    write in a config, is given as it is.

    Args:
        operation: the original.
        name: of the copy; the original's by default.
        change: changes the config that the copy is made from.
        kind: class of the copy, which takes the same settings; the original's by default.

    Raises:
        ValueError: its class has no get_config() that from_config() takes.

    Example:
        >>> copy_operation(keras.layers.ReLU(), "again").name
        'again'
    """
    try:
        config = _config(operation)
        if name is not None:
            config["name"] = name
        if change is not None:
            change(config)
        kind = kind or type(operation)
        # Keras would make functions of a Lambda from their code alone, and does so only on request.
        return kind(**config) if isinstance(operation, keras.layers.Lambda) else kind.from_config(config)
    except (RuntimeError, TypeError) as error:  # what Keras says of a class without get_config is a RuntimeError
        if not isinstance(operation, keras.layers.Layer) and change is None:
            return operation
        raise ValueError(
            f"{operation.name} ({type(operation).__name__}) can't be copied, as its class has no get_config() that "
            f"from_config() takes: {error}"
        ) from error


def _config(operation: keras.Operation) -> dict:
    """What a copy is made from, with somebody's own functions themselves in place of what Keras writes of them."""
    if isinstance(operation, keras.layers.Lambda):
        own = {key: getattr(operation, key) for key in ("function", "mask", "arguments")}
        return {**keras.layers.Layer.get_config(operation), **own, "output_shape": operation._output_shape}
    own = {key: value for key, value in vars(operation).items() if _is_own(key, value)}
    if not own:
        return operation.get_config()
    # Keras would write out the code of these functions, if it can find it, and warn of it.
    bare = object.__new__(type(operation))
    bare.__dict__.update(vars(operation), **{key: _STAND_INS.get(key) for key in own})
    config = bare.get_config()
    return {**config, **{key: value for key, value in own.items() if key in config}}


_STAND_INS = {"activation": keras.activations.linear}


def _is_own(key: str, value: object) -> bool:
    named = key == "activation" or key.endswith(("_initializer", "_regularizer", "_constraint"))
    known = type(value).__module__.startswith("keras.") or isinstance(value, keras.Operation)
    known = known or getattr(keras.activations, getattr(value, "__name__", ""), None) is value
    return named and callable(value) and not known


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
            change = (lambda config: config.update(changes)) if changes else None
            self._pairs[id(operation)] = operation, copy_operation(operation, change=change, kind=kind)
        return self._pairs[id(operation)][1]

    def take_weights(self, model: keras.Model) -> None:
        """Gives every copy that has been called, in `model`, the weights of its original."""
        for original, copy in self._pairs.values():
            if getattr(original, "weights", None):
                values = original.get_weights()
                copy.set_weights([*values, *copy.get_weights()[len(values) :]])
        refresh_cached_state(model)


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
