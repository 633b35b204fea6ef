"""Traverse the layer calls of a Keras model."""

import dataclasses
import difflib
import inspect
from collections.abc import Iterator

import keras

__all__ = [
    "LayerCall",
    "UnreadableLayer",
    "channel_axis",
    "graph_inputs",
    "has_own_code",
    "is_graph",
    "iter_layer_calls",
    "layer_call",
    "tensors_of",
]


@dataclasses.dataclass(frozen=True)
class LayerCall:
    """One call of one layer (or operation of `keras.ops`).

    Attributes:
        operation: the layer or operation.
        path: its name, after those of the models and layers that hold it: "backbone/conv1".
        args, kwargs: arguments of the call, with KerasTensors for tensors.
        outputs: the tensors that the call returns.
        composite: whether the calls inside it are listed too.
        opaque: whether the layer's own code could not be read.
    """

    operation: keras.Operation
    path: str
    args: tuple
    kwargs: dict
    outputs: list[keras.KerasTensor]
    composite: bool = False
    opaque: bool = False


def iter_layer_calls(model: keras.Model, inputs: list[keras.KerasTensor], opened: bool = True) -> Iterator[LayerCall]:
    """Yield the calls of a functional model in topological order.

    Args:
        model: a functional or a built Sequential model, or a `keras.Function`.
        inputs: the tensors that the model is called with, one for each of `model.inputs`; they may fix sizes that the
            model leaves open.
        opened: whether to yield the calls inside nested models and layers too.

    Example:
        >>> [call.path for call in iter_layer_calls(model, model.inputs)]
        ['conv', 'relu', 'logits']
    """
    return _walk(model.inputs, model.outputs, inputs, "", opened=opened)


def graph_inputs(graph: keras.Model | keras.Function, args: tuple, kwargs: dict) -> list:
    """Match the arguments of a graph's call to its inputs.

    Args:
        graph: a functional model or a `keras.Function`.
        args: positional arguments of the call.
        kwargs: keyword arguments of the call. A dictionary of tensors may use the inputs' names as keys.

    Returns:
        The argument for each of `graph.inputs`.

    Raises:
        TypeError: if `graph.call` does not accept the arguments.

    Example:
        >>> graph_inputs(model, (), {"inputs": x}) == [x]
        True
    """
    argument = inspect.signature(graph.call).bind(*args, **kwargs).arguments["inputs"]
    if isinstance(argument, dict) and not isinstance(getattr(graph, "_inputs_struct", None), dict):
        return [argument[declared.name] for declared in graph.inputs]
    return keras.tree.flatten(argument)


def is_graph(operation: object) -> bool:
    """Return whether an operation has a traversable graph.

    That is a functional model, a built Sequential model or a `keras.Function`.
    """
    if isinstance(operation, keras.Sequential):
        # A Sequential has no graph before it is built, or if it was built by calling it on arrays.
        try:
            return bool(operation.outputs) and hasattr(operation.outputs[0], "_keras_history")
        except (AttributeError, ValueError):
            return False
    if not isinstance(operation, (keras.Model, keras.Function)) or not hasattr(operation, "outputs"):
        return False
    # A custom class may be made from inputs and outputs and compute something else in its own `call`.
    own = (kind for kind in type(operation).__mro__ if not kind.__module__.startswith("keras."))
    return not any("call" in vars(kind) for kind in own)


def _walk(declared_inputs, declared_outputs, inputs, prefix, lasting_names=True, opened=True) -> Iterator[LayerCall]:
    actual = {id(declared): tensor for declared, tensor in zip(declared_inputs, inputs, strict=True)}
    for node in _nodes(declared_inputs, declared_outputs):
        operation = node.operation
        args, kwargs = node.arguments.fill_in(actual)
        outputs = node.outputs
        if any(tensor.shape != actual[id(tensor)].shape for tensor in node.input_tensors):
            outputs = keras.tree.flatten(operation.compute_output_spec(*args, **kwargs))
        actual.update((id(declared), tensor) for declared, tensor in zip(node.outputs, outputs, strict=True))
        # Operations that a layer's code creates at each symbolic call get new numbers; only layers keep their names.
        lasting = lasting_names or isinstance(operation, keras.layers.Layer)
        path = prefix + (operation.name if lasting else type(operation).__name__)
        call = LayerCall(operation, path, args, kwargs, outputs)
        yield from _open(call) if opened else (call,)


def _open(call: LayerCall) -> Iterator[LayerCall]:
    """Yield the calls inside a call, then the call itself."""
    prefix = f"{call.path}/"
    if is_graph(call.operation):
        declared = call.operation.inputs
        actual = graph_inputs(call.operation, call.args, call.kwargs)
        # An optional input may be None, and a constant an array.
        inputs = [own if _is_symbolic(own) else like for own, like in zip(actual, declared, strict=True)]
        yield from _walk(declared, call.operation.outputs, inputs, prefix)
        yield dataclasses.replace(call, composite=True)
    elif isinstance(call.operation, keras.layers.Layer) and has_own_code(call.operation):
        try:
            inside = _calls_inside(call, prefix)
        except UnreadableLayer:
            yield dataclasses.replace(call, opaque=True)
            return
        yield from inside
        yield dataclasses.replace(call, composite=True)
    else:
        yield call


class UnreadableLayer(Exception):
    """Raised if a layer's `call` fails on symbolic tensors."""


def has_own_code(layer: keras.layers.Layer) -> bool:
    """Return whether a layer overrides its Keras base's `call`.

    True also for a direct subclass of `keras.layers.Layer` and for a Lambda.
    """
    stock = next(base for base in type(layer).__mro__ if getattr(keras.layers, base.__name__, None) is base)
    return stock in (keras.layers.Layer, keras.layers.Lambda) or type(layer).call is not stock.call


def _calls_inside(call: LayerCall, prefix: str) -> list[LayerCall]:
    """List the calls inside a custom layer.

    The layer is called on symbolic tensors. Such a call adds nodes to the layers inside; these are removed, so that the
    model stays unchanged.
    """
    layer = call.operation
    node_lists = [nodes for inner in layer._flatten_layers() for nodes in (inner._inbound_nodes, inner._outbound_nodes)]
    lengths = [len(nodes) for nodes in node_lists]
    fresh = []

    def new_tensor(value):
        if not _is_symbolic(value):
            return value
        fresh.append(keras.KerasTensor(value.shape, value.dtype))
        return fresh[-1]

    try:
        args, kwargs = keras.tree.map_structure(new_tensor, (call.args, call.kwargs))
        if "training" in inspect.signature(layer.call).parameters:
            kwargs = {**kwargs, "training": False}
        outputs = [tensor for tensor in keras.tree.flatten(layer.call(*args, **kwargs)) if _is_symbolic(tensor)]
        return list(_walk(fresh, outputs, fresh, prefix, lasting_names=False))
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UnreadableLayer(f"{call.path}: {error}") from error
    finally:
        for nodes, length in zip(node_lists, lengths, strict=True):
            del nodes[length:]


def _nodes(inputs, outputs) -> list:
    """List the nodes between inputs and outputs in topological order."""
    known = {id(tensor) for tensor in inputs}
    order, seen = [], set()
    waiting = [(tensor, False) for tensor in reversed(outputs)]
    while waiting:
        tensor, parents_done = waiting.pop()
        if id(tensor) in known:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if parents_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((tensor, True))
            waiting.extend((parent, False) for parent in reversed(node.input_tensors))
    return order


def _is_symbolic(value: object) -> bool:
    return isinstance(value, keras.KerasTensor)


def layer_call(model: keras.Model, name: str) -> LayerCall:
    """Find a layer's only call in a model's graph.

    Keras' `layer.output` belongs to the layer's first call, which may be in another model that shares the layer.

    Args:
        model: a functional or a built Sequential model.
        name: the layer's name; layers inside nested models are not found.

    Raises:
        ValueError: if the model has no such layer, listing similar names, or the layer is not called exactly
            once.

    Example:
        >>> layer_call(tfslim.models.VGG11(), "embedding").outputs[0].shape
        (None, 128)
    """
    known = [layer.name for layer in model.layers]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=4) or known[-4:]
        raise ValueError(f"{model.name}: has no layer {name!r}; its layers include {', '.join(near)}")
    layer = model.get_layer(name)
    calls = [call for call in iter_layer_calls(model, model.inputs, opened=False) if call.operation is layer]
    if len(calls) != 1:
        raise ValueError(f"{model.name}: layer {name!r} is used {len(calls)} times; expected once")
    return calls[0]


def tensors_of(call: LayerCall) -> list[keras.KerasTensor]:
    """Return all input tensors of a call, in order."""
    return [value for value in keras.tree.flatten((call.args, call.kwargs)) if isinstance(value, keras.KerasTensor)]


def channel_axis(layer: keras.layers.Layer, rank: int) -> int:
    """Return the channel axis of a layer's input.

    Args:
        layer: a layer, with or without a `data_format`.
        rank: number of axes of its input, batch included.
    """
    kind = getattr(layer, "data_format", "channels_last") or keras.config.image_data_format()
    return 1 if kind == "channels_first" else rank - 1
