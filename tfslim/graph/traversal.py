"""Traversal of all layer calls in a Keras model."""

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
    """One call of a layer or a `keras.ops` operation.

    Attributes:
        operation: the layer or operation.
        path: its name, prefixed by the names of the models and layers that hold it, such as "backbone/conv1".
        args: positional arguments of the call, with KerasTensors for tensors.
        kwargs: keyword arguments of the call, likewise.
        outputs: the outputs, with their shapes in this call.
        composite: whether the calls inside are listed as well.
        opaque: whether the layer's own code could not be traced.
    """

    operation: keras.Operation
    path: str
    args: tuple
    kwargs: dict
    outputs: list[keras.KerasTensor]
    composite: bool = False
    opaque: bool = False


def iter_layer_calls(model: keras.Model, inputs: list[keras.KerasTensor], opened: bool = True) -> Iterator[LayerCall]:
    """Yield the layer calls of a model in execution order.

    Args:
        model: a functional or built Sequential model, or a `keras.Function`.
        inputs: the tensors to call it with, one for each of `model.inputs`; their shapes may be more specific than the
            declared ones.
        opened: whether to also yield the calls inside nested models and layers.

    Example:
        >>> [call.path for call in iter_layer_calls(model, model.inputs)]
        ['conv', 'relu', 'logits']
    """
    return _walk(model.inputs, model.outputs, inputs, "", opened=opened)


def graph_inputs(graph: keras.Model | keras.Function, args: tuple, kwargs: dict) -> list:
    """Match call arguments to the inputs of a graph.

    A dictionary is matched by input names.

    Raises:
        TypeError: if `graph` does not accept these arguments.

    Example:
        >>> graph_inputs(model, (), {"inputs": x}) == [x]
        True
    """
    inputs = inspect.signature(graph.call).bind(*args, **kwargs).arguments["inputs"]
    if isinstance(inputs, dict) and not isinstance(getattr(graph, "_inputs_struct", None), dict):
        return [inputs[declared.name] for declared in graph.inputs]
    return keras.tree.flatten(inputs)


def is_graph(operation: object) -> bool:
    """Return whether an object has a graph of layers.

    True for functional models, built Sequential models and `keras.Function`.
    """
    if isinstance(operation, keras.Sequential):
        # A Sequential has no graph if it is unbuilt or was built by a call on arrays.
        try:
            return bool(operation.outputs) and hasattr(operation.outputs[0], "_keras_history")
        except (AttributeError, ValueError):
            return False
    if not isinstance(operation, (keras.Model, keras.Function)) or not hasattr(operation, "outputs"):
        return False
    # A custom class may be constructed from inputs and outputs and still override `call`.
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
        # Operations in a layer's code get a new number at each symbolic call; only layers keep their names.
        lasting = lasting_names or isinstance(operation, keras.layers.Layer)
        path = prefix + (operation.name if lasting else type(operation).__name__)
        call = LayerCall(operation, path, args, kwargs, outputs)
        yield from _open(call) if opened else (call,)


def _open(call: LayerCall) -> Iterator[LayerCall]:
    """Yield the calls inside a call, then the call itself."""
    prefix = f"{call.path}/"
    if is_graph(call.operation):
        declared = call.operation.inputs
        values = graph_inputs(call.operation, call.args, call.kwargs)
        # An optional input may be None, and a constant an array.
        inputs = [each if _is_symbolic(each) else like for each, like in zip(values, declared, strict=True)]
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
    """Error for a layer whose `call` fails on symbolic tensors."""


def has_own_code(layer: keras.layers.Layer) -> bool:
    """Return whether a layer overrides its stock layer's `call`.

    True as well for direct subclasses of `keras.layers.Layer`, and for a Lambda.
    """
    stock = next(base for base in type(layer).__mro__ if getattr(keras.layers, base.__name__, None) is base)
    return stock in (keras.layers.Layer, keras.layers.Lambda) or type(layer).call is not stock.call


def _calls_inside(call: LayerCall, prefix: str) -> list[LayerCall]:
    """Trace a custom layer by one call on symbolic tensors.

    A symbolic call appends nodes to the layers inside; they are removed again, so the model stays unchanged.
    """
    layer = call.operation
    nodes = [nodes for inner in layer._flatten_layers() for nodes in (inner._inbound_nodes, inner._outbound_nodes)]
    lengths = [len(each) for each in nodes]
    fresh = []

    def fresh_tensor(value):
        if not _is_symbolic(value):
            return value
        fresh.append(keras.KerasTensor(value.shape, value.dtype))
        return fresh[-1]

    try:
        args, kwargs = keras.tree.map_structure(fresh_tensor, (call.args, call.kwargs))
        if "training" in inspect.signature(layer.call).parameters:
            kwargs = {**kwargs, "training": False}
        outputs = [tensor for tensor in keras.tree.flatten(layer.call(*args, **kwargs)) if _is_symbolic(tensor)]
        return list(_walk(fresh, outputs, fresh, prefix, lasting_names=False))
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UnreadableLayer(f"{call.path}: {error}") from error
    finally:
        for each, length in zip(nodes, lengths, strict=True):
            del each[length:]


def _nodes(inputs, outputs) -> list:
    """Return the nodes between inputs and outputs in topological order."""
    known = {id(tensor) for tensor in inputs}
    order, seen = [], set()
    stack = [(tensor, False) for tensor in reversed(outputs)]
    while stack:
        tensor, parents_done = stack.pop()
        if id(tensor) in known:
            continue
        operation, index, _ = tensor._keras_history
        node = operation._inbound_nodes[index]
        if parents_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            stack.append((tensor, True))
            stack.extend((parent, False) for parent in reversed(node.input_tensors))
    return order


def _is_symbolic(value: object) -> bool:
    return isinstance(value, keras.KerasTensor)


def layer_call(model: keras.Model, name: str) -> LayerCall:
    """Return the only call of a layer in a model.

    Calls outside the model's own graph don't count.

    Keras' `layer.output` belongs to the layer's first call anywhere, in this model or in another that shares the layer.

    Args:
        model: a functional or built Sequential model.
        name: name of a layer that is not inside a nested model.

    Raises:
        ValueError: if the layer does not exist (similar names are suggested), or is not called exactly once.

    Example:
        >>> layer_call(tfslim.models.VGG11(), "embedding").outputs[0].shape
        (None, 128)
    """
    known = [layer.name for layer in model.layers]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=4) or known[-4:]
        raise ValueError(f"{model.name}: has no layer {name!r}; there are {', '.join(near)}")
    layer = model.get_layer(name)
    found = [call for call in iter_layer_calls(model, model.inputs, opened=False) if call.operation is layer]
    if len(found) != 1:
        raise ValueError(f"{model.name}: layer {name!r} is used {len(found)} times; expected once")
    return found[0]


def tensors_of(call: LayerCall) -> list[keras.KerasTensor]:
    """Return all tensors among a call's arguments, in order."""
    return [value for value in keras.tree.flatten((call.args, call.kwargs)) if isinstance(value, keras.KerasTensor)]


def channel_axis(layer: keras.layers.Layer, rank: int) -> int:
    """Return the channel axis of a layer with a `data_format`."""
    kind = getattr(layer, "data_format", "channels_last") or keras.config.image_data_format()
    return 1 if kind == "channels_first" else rank - 1
