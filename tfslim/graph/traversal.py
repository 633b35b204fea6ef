"""Every call of every layer in a Keras model, with the shapes that the tensors have there."""

import dataclasses
import difflib
import inspect
from collections.abc import Iterator

import keras


@dataclasses.dataclass(frozen=True)
class LayerCall:
    """One call of one layer (or operation of `keras.ops`).

    `path` is the layer's name, after those of the models and layers that hold it: "backbone/conv1". `args` and `kwargs`
    are those of the call with KerasTensors for tensors. `composite` says that the calls inside are listed too, and
    `opaque` that the layer's own code could not be read.
    """

    operation: keras.Operation
    path: str
    args: tuple
    kwargs: dict
    outputs: list[keras.KerasTensor]
    composite: bool = False
    opaque: bool = False


def iter_layer_calls(model: keras.Model, inputs: list[keras.KerasTensor], opened: bool = True) -> Iterator[LayerCall]:
    """Yields the calls of a functional model in an order in which they can be run.

    Args:
        model: a functional or a built Sequential model, or a `keras.Function`.
        inputs: what the model is called with, one for each of `model.inputs`; the shapes may be more definite than the
            declared ones.
        opened: whether to yield the calls inside nested models and layers too.

    Example:
        >>> [call.path for call in iter_layer_calls(model, model.inputs)]
        ['conv', 'relu', 'logits']
    """
    return _walk(model.inputs, model.outputs, inputs, "", opened=opened)


def graph_inputs(graph: keras.Model | keras.Function, args: tuple, kwargs: dict) -> list:
    """What each of `graph.inputs` gets where the graph is called so: a dictionary may go by the inputs' names.

    Raises:
        TypeError: `graph` takes no such arguments.

    Example:
        >>> graph_inputs(model, (), {"inputs": x}) == [x]
        True
    """
    given = inspect.signature(graph.call).bind(*args, **kwargs).arguments["inputs"]
    if isinstance(given, dict) and not isinstance(getattr(graph, "_inputs_struct", None), dict):
        return [given[declared.name] for declared in graph.inputs]
    return keras.tree.flatten(given)


def is_graph(operation: object) -> bool:
    """Whether this is a functional model, a built Sequential model or a `keras.Function`: something with a graph."""
    if isinstance(operation, keras.Sequential):
        # An unbuilt Sequential has no graph, and neither has one that was built by calling it on arrays.
        try:
            return bool(operation.outputs) and hasattr(operation.outputs[0], "_keras_history")
        except (AttributeError, ValueError):
            return False
    if not isinstance(operation, (keras.Model, keras.Function)) or not hasattr(operation, "outputs"):
        return False
    # A class of somebody's own may be made from inputs and outputs and do something else when called.
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
        # What a layer's code does anew at each symbolic call is numbered anew; only layers keep their names there.
        lasting = lasting_names or isinstance(operation, keras.layers.Layer)
        path = prefix + (operation.name if lasting else type(operation).__name__)
        call = LayerCall(operation, path, args, kwargs, outputs)
        yield from _open(call) if opened else (call,)


def _open(call: LayerCall) -> Iterator[LayerCall]:
    """The call itself, after the calls that it is made of."""
    prefix = f"{call.path}/"
    if is_graph(call.operation):
        declared = call.operation.inputs
        given = graph_inputs(call.operation, call.args, call.kwargs)
        # An optional input may be None, and a constant an array.
        inputs = [each if _is_symbolic(each) else like for each, like in zip(given, declared, strict=True)]
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
    """A layer whose `call` does not work on symbolic tensors, so that what it does is unknown."""


def has_own_code(layer: keras.layers.Layer) -> bool:
    """Whether the layer does something else when called than one of `keras.layers` that it is, or is made from."""
    stock = next(base for base in type(layer).__mro__ if getattr(keras.layers, base.__name__, None) is base)
    return stock in (keras.layers.Layer, keras.layers.Lambda) or type(layer).call is not stock.call


def _calls_inside(call: LayerCall, prefix: str) -> list[LayerCall]:
    """What somebody's own layer does, seen by calling it once on symbolic tensors.

    A symbolic call leaves marks (nodes) on the layers inside; these are wiped off, so that the model stays unchanged.
    """
    layer = call.operation
    marks = [marks for inner in layer._flatten_layers() for marks in (inner._inbound_nodes, inner._outbound_nodes)]
    lengths = [len(each) for each in marks]
    fresh = []

    def renewed(value):
        if not _is_symbolic(value):
            return value
        fresh.append(keras.KerasTensor(value.shape, value.dtype))
        return fresh[-1]

    try:
        args, kwargs = keras.tree.map_structure(renewed, (call.args, call.kwargs))
        if "training" in inspect.signature(layer.call).parameters:
            kwargs = {**kwargs, "training": False}
        outputs = [tensor for tensor in keras.tree.flatten(layer.call(*args, **kwargs)) if _is_symbolic(tensor)]
        return list(_walk(fresh, outputs, fresh, prefix, lasting_names=False))
    except (TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UnreadableLayer(f"{call.path}: {error}") from error
    finally:
        for each, length in zip(marks, lengths, strict=True):
            del each[length:]


def _nodes(inputs, outputs) -> list:
    """The calls between `inputs` and `outputs`, each after those that it needs."""
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
    """Finds the one call of a layer in a model's own graph.

    Keras' `layer.output` is of the layer's first call anywhere: in this model, or in another that shares the layer.

    Args:
        model: a functional or a built Sequential model.
        name: the layer's name; layers inside nested models have none here.

    Raises:
        ValueError: if there is no such layer, naming those with a similar name, or it is not called exactly once.

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
    """All tensors that a call takes, in order."""
    return [value for value in keras.tree.flatten((call.args, call.kwargs)) if isinstance(value, keras.KerasTensor)]


def channel_axis(layer: keras.layers.Layer, rank: int) -> int:
    """The axis that a layer with a `data_format` takes for the channels."""
    kind = getattr(layer, "data_format", "channels_last") or keras.config.image_data_format()
    return 1 if kind == "channels_first" else rank - 1
