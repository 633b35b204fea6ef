"""Rewrite models with tfslim's layers in stock Keras layers."""

import inspect

import keras

from tfslim.graph.checks import as_functional, check_graph_model
from tfslim.graph.cloning import clone_model
from tfslim.graph.layer_copier import copy_operation, freeze_alike, take_weights
from tfslim.graph.traversal import graph_inputs, is_graph, iter_layer_calls
from tfslim.layers.composite import Composite

__all__ = ["flatten"]


def flatten(model: keras.Model, keep_unreadable: bool = False) -> keras.Model:
    """Open tfslim layers and nested models into stock layers.

    A saved result loads without tfslim. Shared layers stay shared, frozen ones frozen; layers of other packages are
    kept as they are. The layers of what was opened are named after it: "fire2_squeeze_conv".

    Args:
        model: a functional or a built Sequential model with any number of inputs and outputs.
        keep_unreadable: whether to keep a subclassed model in it, and what other layers hold, as they are, in place of
            an error.

    Returns:
        A new functional model, not compiled, with the same weights and outputs; `model` is not changed.

    Raises:
        TypeError: if `model`, or a model in it, is subclassed and so has no graph to open, or if a tfslim layer sits
            inside another package's layer.
        UnsupportedLayer: if a layer can't be copied, as it has no `get_config()`; it is a ValueError.

    Example:
        >>> inputs = keras.Input((32, 32, 3))
        >>> model = keras.Model(inputs, tfslim.layers.Flame(64, name="flame")(inputs))
        >>> tfslim.flatten(model).layers[1].name
        'flame_squeeze_conv'
    """
    check_graph_model(model)
    bare = _bare(model)
    flat = _Opener({id(operation): operation.name for operation in bare.operations}, keep_unreadable).open(bare, "")
    # Laying out left calls on the layers that are no part of the model; a clone has none of them.
    return clone_model(keras.Model(flat.input, flat.output, name=model.name))


class _Opener:
    """Copies each layer once and opens composite ones."""

    def __init__(self, kept_names: dict[int, str], keep_unreadable: bool):
        self._kept_names = kept_names
        self._keep_unreadable = keep_unreadable
        self._taken = set(kept_names.values())
        self._copies = {}

    def open(self, model: keras.Model, prefix: str) -> keras.Model:
        flat = keras.models.clone_model(
            model, clone_function=lambda operation: self._copy(operation, prefix), call_function=_call
        )
        for operation in model.operations:
            copy = self._copies.get(id(operation))
            if (
                isinstance(copy, keras.layers.Layer)
                and not isinstance(operation, Composite)
                and not is_graph(operation)
            ):
                take_weights(operation, copy)
                freeze_alike(operation, copy)
        return flat

    def _copy(self, operation: keras.Operation, prefix: str) -> keras.Operation:
        if id(operation) not in self._copies:
            self._copies[id(operation)] = self._new_copy(operation, prefix)
        return self._copies[id(operation)]

    def _new_copy(self, operation, prefix):
        if isinstance(operation, Composite):
            return self._lay_out(operation, prefix)
        if is_graph(operation):
            return self.open(_bare(operation), f"{prefix}{operation.name}_")
        if isinstance(operation, keras.Model) and not self._keep_unreadable:
            check_graph_model(operation, "nested model")
        if isinstance(operation, keras.layers.Layer) and not self._keep_unreadable:
            _refuse_hidden(operation)
        return copy_operation(
            operation, self._kept_names.get(id(operation)) or self._free_name(prefix + operation.name)
        )

    def _lay_out(self, layer: Composite, prefix: str) -> keras.Model:
        inputs = keras.Input(batch_shape=layer.body.inputs[0].shape, dtype=layer.body.inputs[0].dtype)
        for name in _numbered(prefix + layer.name):
            part = keras.Model(inputs, copy_operation(layer, name).flat(inputs))
            names = {inner.name for inner in part.layers[1:]}
            if not names & self._taken:
                break
        part.set_weights(layer.body.get_weights())
        for inner, original in zip(part.layers, layer.body.layers, strict=True):
            inner.trainable = original.trainable
        if any(isinstance(inner, (Composite, keras.Model)) for inner in part.layers):
            return self.open(part, "")
        self._taken |= names
        return part

    def _free_name(self, name: str) -> str:
        free = next(candidate for candidate in _numbered(name) if candidate not in self._taken)
        self._taken.add(free)
        return free


def _call(operation, *args, **kwargs):
    """Call a copied layer, or lay out an opened one.

    Raises:
        TypeError: a nested model is called with more than inputs and `training`.
    """
    if not is_graph(operation):
        return operation(*args, **kwargs)
    tensors = graph_inputs(operation, args, kwargs)
    given = inspect.signature(operation.call).bind(*args, **kwargs).arguments
    given = {key: value for key, value in given.items() if key != "inputs" and _is_given(value)}
    if not given.keys() <= {"training"}:
        raise TypeError(
            f"{operation.name}: called with {', '.join(sorted(given))}; only inputs and training can be opened"
        )
    part = _fixed_training(operation, given["training"]) if given else operation
    tensors = [_cast(x, declared, part) for x, declared in zip(tensors, part.inputs, strict=True)]
    return keras.Function(part.inputs, part.output).call(tensors)


def _is_given(value: object) -> bool:
    # Keras passes None, or the same for each of several inputs, for a mask that is not there.
    return any(each is not None for each in keras.tree.flatten(value))


def _cast(x: keras.KerasTensor | None, declared: keras.KerasTensor, part: keras.Model) -> keras.KerasTensor | None:
    """Cast an input as the opened model did.

    Args:
        x: the input; None where an optional one is left out.
        declared: the model's own input.
        part: the opened model.
    """
    if x is None or x.dtype == declared.dtype:
        return x
    if (x.dtype, declared.dtype) in WIDENED and _only_layers_take(declared, part):
        return x
    return keras.ops.cast(x, declared.dtype)


# To such types, layers would cast back what they take, in full; operations of `keras.ops` take what comes.
WIDENED = {("float16", "float32"), ("bfloat16", "float32")}


def _only_layers_take(tensor: keras.KerasTensor, part: keras.Model) -> bool:
    takers = [
        getattr(call.operation, "autocast", False)
        for call in iter_layer_calls(part, part.inputs, opened=False)
        if _is_among(tensor, (call.args, call.kwargs))
    ]
    return all(takers) and not _is_among(tensor, part.outputs)


def _is_among(tensor: keras.KerasTensor, values: object) -> bool:
    return any(each is tensor for each in keras.tree.flatten(values))


def _fixed_training(part: keras.Model, training: bool) -> keras.Model:
    """Rebuild a graph with `training` passed to its layers.

    A model that is called with `training` passes it to the layers inside it; opened, it can't.
    """

    def call(operation, *args, **kwargs):
        if isinstance(operation, keras.layers.Layer) and "training" in inspect.signature(operation.call).parameters:
            kwargs["training"] = training
        return operation(*args, **kwargs)

    return keras.models.clone_model(part, clone_function=lambda operation: operation, call_function=call)


def _bare(model: keras.Model) -> keras.Model:
    """Return a model's graph as a plain, uncompiled functional model."""
    if isinstance(model, keras.Sequential):
        return as_functional(model)
    if isinstance(model, keras.Model):
        return keras.Model(model.input, model.output, name=model.name)
    # Where a keras.Function stands in a model, its `input` is what it was called with.
    return keras.Model(model._inputs_struct, model._outputs_struct, name=model.name)


def _numbered(name: str):
    yield name
    number = 1
    while True:
        yield f"{name}_{number}"
        number += 1


def _refuse_hidden(layer: keras.layers.Layer) -> None:
    for inner in layer._flatten_layers(include_self=False):
        if isinstance(inner, Composite) or (isinstance(inner, keras.Model) and not is_graph(inner)):
            raise TypeError(
                f"layer {layer.name!r} ({type(layer).__name__}) holds the {type(inner).__name__} {inner.name!r} out of "
                "sight of the model's graph; call that layer in the graph itself"
            )
