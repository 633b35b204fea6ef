"""A copy of a model that computes the same."""

import contextlib
from collections.abc import Callable

import keras

from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.rebuilding import copy_operation, new_inputs
from tfslim.graph.traversal import is_graph


def copy_of(model: keras.Model, rebuilt: Callable[[keras.Operation], keras.Operation] = copy_operation) -> keras.Model:
    """Clones a model with its weights, and with what layers work out from these, which a clone alone has not.

    Nested models stay nested, and a layer that is shared with them stays shared.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        rebuilt: gives the copy of a layer; by default one of the same configuration.

    Returns:
        The copy, with variables of its own; compiled if `model` is, where Keras can make again what it was compiled
        with, as it can't a function that is not registered.

    Example:
        >>> copy_of(model).get_weights()[0] is model.get_weights()[0]
        False
    """
    copies = _Copies(rebuilt)
    copy = copies.of(model)
    copies.freeze_alike()
    copy.set_weights(model.get_weights())
    refresh_cached_state(copy)
    if model.compiled:
        # What Keras says of a function or class that it can't find by its name.
        with contextlib.suppress(TypeError, ValueError):
            copy.compile_from_config(model.get_compile_config())
    return copy


class _Copies:
    """Copies of layers and models, each made once."""

    def __init__(self, rebuilt: Callable[[keras.Operation], keras.Operation]):
        self._rebuilt = rebuilt
        self._pairs: dict[int, tuple[keras.Operation, keras.Operation]] = {}

    def of(self, operation: keras.Operation) -> keras.Operation:
        if id(operation) not in self._pairs:
            opened = is_graph(operation) and isinstance(operation, keras.Model)
            self._pairs[id(operation)] = operation, self._model(operation) if opened else self._rebuilt(operation)
        return self._pairs[id(operation)][1]

    def _model(self, model: keras.Model) -> keras.Model:
        if isinstance(model, keras.Sequential):
            return keras.Sequential([*new_inputs(model), *map(self.of, model.layers)], name=model.name)
        # Without what the model was compiled with, which Keras may not be able to clone.
        bare = keras.Model(model.input, model.output, name=model.name)
        return keras.models.clone_model(bare, clone_function=self.of)

    def freeze_alike(self) -> None:
        for original, copy in reversed(self._pairs.values()):  # models before what is inside, which they would freeze
            if isinstance(original, keras.layers.Layer) and copy.trainable != original.trainable:
                copy.trainable = original.trainable
