"""Copy layers one by one, with their plain Python functions."""

import contextlib
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import keras

from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.traversal import graph_inputs, is_graph

__all__ = [
    "LayerCopier",
    "UnsupportedLayer",
    "copy_operation",
    "freeze_alike",
    "new_input",
    "new_inputs",
    "plain_functions",
    "read_config",
    "take_weights",
]

# What Keras, and classes of the user's own, raise of a config that they don't take or can't write.
_REFUSALS = (RuntimeError, TypeError, ValueError, KeyError, AttributeError)
# Settings that may be a plain function, by the ends of their names.
_MAY_BE_FUNCTIONS = ("activation", "_initializer", "_regularizer", "_constraint")
_OF_LAMBDAS = ("function", "mask", "_output_shape")


class UnsupportedLayer(ValueError):
    """Raised for a layer that can't be copied or translated.

    The message names the layer and the reason.
    """

    def __init__(self, name: str, kind: str, reason: str):
        super().__init__(f"layer {name!r} ({kind}): {reason}")


def copy_operation(
    operation: keras.Operation,
    name: str | None = None,
    change: Callable[[dict], None] | None = None,
    kind: type | None = None,
) -> keras.Operation:
    """Copy a layer or operation without its weights.

    Custom functions need not be registered: the copy, and the layers inside it, use the same ones.

    Args:
        operation: the original, a layer or an operation of `keras.ops`.
        name: of the copy; the original's by default.
        change: changes the config that the copy is made from.
        kind: class of the copy, which takes the same settings; the original's by default.

    Raises:
        UnsupportedLayer: its class does not take what its get_config() returns.

    Example:
        >>> copy_operation(keras.layers.ReLU(), "again").name
        'again'
    """
    made_by: Any = kind or type(operation)
    refusal: Exception | None = None
    # A class may take functions as they are, or deserialize them; some write theirs in a way of their own.
    for read in (_with_functions, _with_names, _without_functions):
        try:
            config, functions = read(operation)
            if name is not None:
                config["name"] = name
            if change is not None:
                change(config)
            with keras.saving.custom_object_scope(functions):
                # Keras would make functions of a Lambda from their code alone, and does so only on request.
                made = made_by(**config) if isinstance(operation, keras.layers.Lambda) else made_by.from_config(config)
        except _REFUSALS as error:
            refusal = error
            continue
        if not isinstance(operation, keras.layers.Layer):
            made.name = name or operation.name  # not in the config of an operation
        return made
    if not isinstance(operation, keras.layers.Layer) and change is None:
        return _shallow_copy(operation, name)  # of one that holds an array, which Keras doesn't write in a config
    raise UnsupportedLayer(operation.name, type(operation).__name__, _reason(operation, refusal)) from refusal


class LayerCopier:
    """Copies each layer of a model once.

    So shared layers stay shared.

    Args:
        copy: makes the copy of a layer or operation; models are opened and never given to it.

    Example:
        >>> copier = LayerCopier()
        >>> smaller = copier.copy_graph(model, new_inputs(model))
        >>> copier.take_weights(smaller)
    """

    def __init__(self, copy: Callable[[keras.Operation], keras.Operation] = copy_operation):
        self._copy = copy
        self._pairs: dict[int, tuple[keras.Operation, keras.Operation]] = {}

    def of(self, operation: keras.Operation, kind: type | None = None, **changes: Any) -> keras.Operation:
        """Return the copy of an operation, made on first use.

        Args:
            operation: the original: a layer, a model or an operation of `keras.ops`.
            kind: class of the copy, which takes the same settings; the original's by default.
            changes: settings that are different in the copy.
        """
        if id(operation) not in self._pairs:
            if is_graph(operation):
                copy = self.copy_graph(operation, new_inputs(operation))
            elif kind or changes:
                copy = copy_operation(operation, change=lambda config: config.update(changes), kind=kind)
            else:
                copy = self._copy(operation)
            self._pairs[id(operation)] = operation, copy
        return self._pairs[id(operation)][1]

    def copy_graph(
        self, graph: keras.Model | keras.Function, inputs: list[keras.KerasTensor]
    ) -> keras.Model | keras.Function:
        """Copy a model, or `keras.Function`, onto new inputs.

        Args:
            graph: a functional or Sequential model, or a `keras.Function`.
            inputs: one for each of `graph.inputs`; none for a Sequential model that is not built, which stays so.
        """
        if isinstance(graph, keras.Sequential):
            copy = keras.Sequential([*inputs, *self._chain(graph, inputs)], name=graph.name)
        else:
            # Without what a model was compiled with, which Keras may not be able to clone, and what its class adds.
            bare = keras.Model(graph._inputs_struct, graph._outputs_struct, name=graph.name)
            copy = keras.models.clone_model(
                bare,
                input_tensors=keras.tree.pack_sequence_as(graph._inputs_struct, inputs),
                clone_function=lambda operation: operation if is_graph(operation) else self.of(operation),
                call_function=self._call,
            )
            if not isinstance(graph, keras.Model):
                copy = keras.Function(copy._inputs_struct, copy._outputs_struct, name=graph.name)
        self._pairs[id(graph)] = graph, copy
        return copy

    def take_weights(self, model: keras.Model) -> None:
        """Give the called copies the weights of their originals.

        What is frozen in the originals is frozen in the copies.

        Args:
            model: the model of the copies, whose cached state is refreshed.

        Raises:
            UnsupportedLayer: a copy has other weights than its original.
        """
        for original, copy in self._pairs.values():
            if not is_graph(original) and getattr(original, "weights", None):
                take_weights(original, copy)
        self.freeze_alike()
        refresh_cached_state(model)

    def freeze_alike(self) -> None:
        """Freeze in the copies what is frozen in the originals.

        This goes for models, layers and single weights.
        """
        # A model comes after what is inside it, which it would freeze or thaw: first, then.
        for original, copy in reversed(self._pairs.values()):
            if isinstance(original, keras.layers.Layer):
                freeze_alike(original, copy)

    def _call(self, operation: keras.Operation, *args: Any, **kwargs: Any) -> Any:
        return self._fitting(operation, args, kwargs)(*args, **kwargs)

    def _fitting(self, operation: keras.Operation, args: tuple, kwargs: dict) -> keras.Operation:
        """Return what to call in the copy.

        A model is copied where it is called, with inputs that take what it is called with.
        """
        if not is_graph(operation):
            return operation
        if id(operation) not in self._pairs:
            given = zip(operation.inputs, graph_inputs(operation, args, kwargs), strict=True)
            inputs = [new_input(tensor, _fitted(tensor.shape, value)) for tensor, value in given]
            self.copy_graph(operation, inputs)
        return self._pairs[id(operation)][1]

    def _chain(self, model: keras.Sequential, inputs: list[keras.KerasTensor]) -> list[keras.layers.Layer]:
        """Copy the layers of a Sequential model."""
        if not any(map(is_graph, model.layers)) or not inputs or inputs[0].shape == model.inputs[0].shape:
            return [self.of(layer) for layer in model.layers]
        copies, x = [], keras.KerasTensor(inputs[0].shape, inputs[0].dtype)
        for layer in model.layers:
            copies.append(self._fitting(layer, (x,), {}) if is_graph(layer) else self.of(layer))
            x = (copies[-1] if is_graph(layer) else layer).compute_output_spec(x)
        return copies


def take_weights(original: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Give a copied layer the weights of its original.

    Args:
        original: a layer; its inner layers may be built where those of the copy are not.
        copy: of the same class, or of one that has more weights after the same ones.

    Raises:
        UnsupportedLayer: the copy has other weights.
    """
    # Layers in a Sequential model that is not built, and inside others (an activation, say), are built when called.
    for old, new in zip(original._flatten_layers(), copy._flatten_layers(), strict=False):
        if old.built and not new.built:
            new.build_from_config(old.get_build_config())
    values = original.get_weights()
    try:
        copy.set_weights([*values, *copy.get_weights()[len(values) :]])  # a class of `replace` may have more
    except ValueError as error:
        found, expected = ([tuple(weight.shape) for weight in layer.weights] for layer in (copy, original))
        raise UnsupportedLayer(
            original.name,
            type(original).__name__,
            f"can't be copied: made again from its get_config() it has weights of the shapes {found}, expected "
            f"{expected}; say all settings in get_config()",
        ) from error


def freeze_alike(original: keras.layers.Layer, copy: keras.layers.Layer) -> None:
    """Freeze in a copy what is frozen in its original.

    Args:
        original: a layer, of which inner layers and single weights are compared too, or a model by itself.
        copy: the copy, which is changed.
    """
    pairs = [(original, copy)]
    if not is_graph(original):  # the layers of a graph are copied one by one
        inner = [layer._flatten_layers(include_self=False) for layer in (original, copy)]
        pairs += [*zip(*inner, strict=False), *zip(original.weights, copy.weights, strict=False)]
    for old, new in pairs:
        if new.trainable != old.trainable:
            new.trainable = old.trainable


def new_inputs(graph: keras.Model | keras.Function) -> list[keras.KerasTensor]:
    """Make inputs like those of a model."""
    return [new_input(tensor, tensor.shape) for tensor in graph.inputs]


def new_input(tensor: keras.KerasTensor, shape: tuple, dtype: str | None = None) -> keras.KerasTensor:
    """Make an input like another, of a given shape.

    Args:
        tensor: the other input, whose name it has.
        shape: its shape with the batch.
        dtype: its type; that of `tensor` by default.
    """
    layer = getattr(tensor, "_keras_history", (None,))[0]
    made = keras.Input(
        batch_shape=shape,
        dtype=dtype or tensor.dtype,
        sparse=tensor.sparse,
        ragged=tensor.ragged,
        name=getattr(layer, "name", tensor.name),
        optional=getattr(layer, "optional", False),
    )
    made.name = tensor.name  # Keras numbers the tensor and the layer of an input without a name apart
    return made


def _fitted(declared: tuple, given: Any) -> tuple:
    """Fit a nested model's input shape to a tensor."""
    shape = getattr(given, "shape", declared)
    if len(shape) != len(declared):
        return declared
    return tuple(old if old is None else new for old, new in zip(declared, shape, strict=True))


def read_config(operation: keras.Operation) -> dict:
    """Return a layer's config with custom functions themselves in it.

    Args:
        operation: a layer or an operation of `keras.ops`.

    Returns:
        The config; functions of layers inside the layer are in it by names that only `copy_operation` knows.

    Example:
        >>> read_config(keras.layers.Dense(2, kernel_regularizer=abs))["kernel_regularizer"]
        <built-in function abs>
    """
    return _with_functions(operation)[0]


def plain_functions(operation: keras.Operation) -> dict[str, Any]:
    """Return the activation, regularizers and so on that are custom.

    Args:
        operation: a layer or an operation of `keras.ops`.

    Returns:
        Attribute -> function or object that is not one of Keras.

    Example:
        >>> plain_functions(keras.layers.Dense(2, activation="relu", kernel_regularizer=abs))
        {'kernel_regularizer': <built-in function abs>}
    """
    return {key: value for key, value in vars(operation).items() if key.endswith(_MAY_BE_FUNCTIONS) and _is_own(value)}


# Three ways to read a config, each with the objects that its names stand for.


def _with_functions(operation: keras.Operation) -> tuple[dict, dict[str, Any]]:
    config, functions = _with_names(operation)
    return {key: functions.get(_name_of(value), value) for key, value in config.items()}, functions


def _with_names(operation: keras.Operation) -> tuple[dict, dict[str, Any]]:
    with _functions_by_name(operation) as functions:
        config = _config(operation)
    # A layer in the place of a function may have weights.
    copies = {
        name: copy_operation(value) if isinstance(value, keras.Operation) else value
        for name, value in functions.items()
    }
    return config, copies


def _without_functions(operation: keras.Operation) -> tuple[dict, dict[str, Any]]:
    return _config(operation), {}


def _config(operation: keras.Operation) -> dict:
    if isinstance(operation, keras.layers.Lambda):
        own = {key: getattr(operation, key) for key in ("function", "mask", "arguments")}
        return {**keras.layers.Layer.get_config(operation), **own, "output_shape": operation._output_shape}
    with warnings.catch_warnings():
        # Keras warns that code of a lambda in a wrapped layer can't be made again, and then refuses to make it.
        warnings.simplefilter("ignore", UserWarning)
        return operation.get_config()


@contextlib.contextmanager
def _functions_by_name(operation: keras.Operation) -> Iterator[dict[str, Any]]:
    """Give custom functions names under which Keras finds them.

    Keras writes a function by its `__name__`, which may be that of one of its own, or by its code, which it refuses to
    run; and layers inside wrappers are written by their wrapper, out of our reach. So functions of a layer and of those
    inside it are replaced while a config is read, by others that call them and whose names no other object has.

    Yields:
        Name -> function.
    """
    functions: dict[str, Any] = {}
    names: dict[int, str] = {}
    replaced = []
    try:
        for layer in operation._flatten_layers() if isinstance(operation, keras.layers.Layer) else [operation]:
            found = plain_functions(layer)
            if layer is not operation and isinstance(layer, keras.layers.Lambda):
                found |= {key: getattr(layer, key) for key in _OF_LAMBDAS if callable(getattr(layer, key))}
            for key, value in found.items():
                name = names.setdefault(id(value), f"tfslim_function_{len(names)}")
                functions[name] = value
                replaced.append((layer, key, value))
                vars(layer)[key] = _calling(value, name)
        yield functions
    finally:
        for layer, key, value in replaced:
            vars(layer)[key] = value


def _calling(function: Callable, name: str) -> Callable:
    def call(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    call.__name__ = name
    return call


def _name_of(written: Any) -> str:
    """Return the name of a function in a config."""
    if isinstance(written, dict) and written.get("class_name") == "function":
        written = written.get("config")
    return written if isinstance(written, str) else getattr(written, "__name__", "")


def _is_own(value: object) -> bool:
    known = type(value).__module__.startswith("keras.")
    known = known or getattr(keras.activations, getattr(value, "__name__", ""), None) is value
    return callable(value) and not known


def _shallow_copy(operation: keras.Operation, name: str | None) -> keras.Operation:
    """Copy an operation that shares what it holds.

    It has no weights, and is called in a graph of its own.
    """
    made = object.__new__(type(operation))
    made.__dict__.update(vars(operation), _inbound_nodes=[], _outbound_nodes=[])
    made.name = name or operation.name
    return made


def _reason(operation: keras.Operation, refusal: Exception | None) -> str:
    """Return why a layer can't be copied.

    If a layer inside it can't be, that one is named.
    """
    inner = operation._flatten_layers(include_self=False) if isinstance(operation, keras.layers.Layer) else []
    for layer in inner:
        try:
            copy_operation(layer)
        except UnsupportedLayer as error:
            return f"can't be copied with the layer inside it: {error}"
    return f"can't be copied, as its class has no get_config() that from_config() takes: {_summary(refusal)}"


def _summary(error: Exception | None) -> str:
    """Shorten an error of Keras to one line.

    Keras prints the code of a lambda in base64.
    """
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"[A-Za-z0-9+/=\\]{60,}", "...", text)
    return text.rpartition("Exception encountered: ")[2][:300]
