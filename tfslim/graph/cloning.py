"""Copy Keras models: the only copier of this package."""

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

import keras

from tfslim.graph.checks import check_graph_model
from tfslim.graph.layer_copier import LayerCopier, copy_operation, new_input
from tfslim.graph.traversal import is_graph, iter_layer_calls

__all__ = ["clone_model"]

PIXEL_LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)
_FLOAT32_LAYERS = (*PIXEL_LAYERS, keras.layers.UnitNormalization)
_FLOAT_POLICIES = ("float16", "bfloat16", "float32", "float64", "mixed_float16", "mixed_bfloat16")


def clone_model(
    model: keras.Model,
    *,
    dtype: str | None = None,
    batch_size: int | None | Literal["same"] = "same",
    input_shape: tuple[int | None, ...] | Mapping[str, tuple[int | None, ...]] | None = None,
    input_dtype: Callable[[str], str] | None = None,
    replace: Mapping[type, type] | None = None,
    keep_compiled: bool = False,
) -> keras.Model:
    """Copy a model and its weights.

    The copy has variables of its own.

    Nested models stay nested, shared layers shared, frozen layers frozen, names the same. A layer's regularizer,
    initializer, constraint or activation may be a plain Python function, and a Lambda may hold one: the copy uses the
    same function. Dropout and other random layers draw new seeds unless they were made with one.

    Args:
        model: a functional or Sequential model; it is not changed.
        dtype: Keras dtype policy of the copy's layers, those inside wrappers included; by default each keeps its own.
            The layers that return the outputs, those that normalize pixels (Rescaling, Normalization), and all from a
            UnitNormalization on stay float32: a rounded 1/127.5 shifts the whole image, and a margin loss looks at
            cosines close to 1, where bfloat16 has steps of 0.004. Layers of integers or strings keep their type.
        batch_size: of the copy's inputs, None for any; by default that of the model's.
        input_shape: shape of the copy's input without the batch, None where any extent will do; of several inputs a
            dictionary from their names to their shapes. By default the model's own.
        input_dtype: type of a model's input -> type of the copy's; by default the same.
        replace: layer class -> class to put in its place, which must take the same configuration and variables.
        keep_compiled: compile the copy as `model` is, where Keras can make again what it was compiled with; it can't
            make a function that is not registered.

    Returns:
        A new model, Sequential if `model` is, else functional. It is not compiled without `keep_compiled`.

    Raises:
        TypeError: `model` is not a functional or Sequential keras.Model.
        UnsupportedLayer: a layer can't be copied; it is a ValueError that names the layer and the reason.
        ValueError: `input_shape` does not fit the inputs, or `dtype` is given for weights quantized by Keras.

    Example:
        >>> fast = clone_model(tfslim.models.SlimNet(), dtype="mixed_bfloat16", input_shape=(None, None, 3))
        >>> fast.input_shape
        (None, None, None, 3)
    """
    if not isinstance(model, keras.Sequential):  # one that is not built can be copied as well
        check_graph_model(model)
    copier = LayerCopier(_copy_function(model, dtype, replace or {}))
    with _float32_inside(dtype):
        copy = copier.copy_graph(model, _inputs(model, batch_size, input_shape, input_dtype))
    copier.take_weights(copy)
    if keep_compiled and model.compiled:
        # What Keras raises of a function or class that it can't find by its name.
        with contextlib.suppress(TypeError, ValueError):
            copy.compile_from_config(model.get_compile_config())
    return copy


def _inputs(model, batch_size, input_shape, input_dtype) -> list[keras.KerasTensor]:
    """Make the inputs of a clone."""
    if not is_graph(model):  # a Sequential model that is not built
        if input_shape is None:
            return []
        return [keras.Input(input_shape, batch_size=None if batch_size == "same" else batch_size)]
    inputs = []
    for tensor, shape in zip(model.inputs, _shapes(model, input_shape), strict=True):
        batch = tensor.shape[0] if batch_size == "same" else batch_size
        inputs.append(new_input(tensor, (batch, *shape), input_dtype and input_dtype(tensor.dtype)))
    return inputs


def _shapes(model: keras.Model, input_shape: Any) -> list[tuple]:
    shapes = {tensor._keras_history.operation.name: tuple(tensor.shape[1:]) for tensor in model.inputs}
    if input_shape is None:
        return list(shapes.values())
    if not isinstance(input_shape, Mapping):
        if len(shapes) > 1:
            raise ValueError(
                f"input_shape={tuple(input_shape)}, and model {model.name!r} has {len(shapes)} inputs; give a "
                f"dictionary from their names to their shapes: {', '.join(shapes)}"
            )
        input_shape = dict.fromkeys(shapes, input_shape)
    for name, shape in input_shape.items():
        if name not in shapes:
            raise ValueError(f"input_shape: model {model.name!r} has no input {name!r}; it has {', '.join(shapes)}")
        if len(shape) != len(shapes[name]):
            raise ValueError(
                f"input_shape: {tuple(shape)} for input {name!r}, whose shape is {shapes[name]}; expected as many sizes"
            )
    return [tuple(input_shape.get(name, shape)) for name, shape in shapes.items()]


@contextlib.contextmanager
def _float32_inside(dtype: str | None) -> Iterator[None]:
    """Make float32 the global policy, for a copy in float32.

    Some layers leave the policy of their inner layers to it.
    """
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32" if dtype == "float32" else before)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _copy_function(
    model: keras.Model, dtype: str | None, replace: Mapping[type, type]
) -> Callable[[keras.Operation], keras.Operation]:
    """Return the function that copies a layer or operation."""
    if dtype is not None:
        _refuse_quantized(model)
    # Where all become float32, none need be looked for.
    exact = _float32_operations(model) if dtype not in (None, "float32") else set()

    def copy(operation: keras.Operation) -> keras.Operation:
        kind = replace.get(type(operation))
        if dtype is None or not isinstance(operation, keras.layers.Layer):
            return copy_operation(operation, kind=kind)
        policy = "float32" if id(operation) in exact or isinstance(operation, _FLOAT32_LAYERS) else dtype
        return copy_operation(operation, change=functools.partial(_set_policy, operation, policy), kind=kind)

    return copy


def _refuse_quantized(model: keras.Model) -> None:
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer.dtype_policy, keras.dtype_policies.QuantizedDTypePolicy):
            raise ValueError(
                f"layer {layer.name!r} of model {model.name!r} holds Keras-quantized weights "
                f"({layer.dtype_policy.name}), which have no other type; take the model as it was before "
                "model.quantize()"
            )


def _float32_operations(model: keras.Model) -> set[int]:
    """Return the ids of the operations that stay float32.

    These are the operations of the outputs, and all from a UnitNormalization on.
    """
    if not is_graph(model):  # a Sequential model that is not built
        return {id(layer) for layer in model.layers[-1:]}
    found = set()
    waiting = list(model.outputs)
    while waiting:
        operation, _, index = waiting.pop()._keras_history
        if is_graph(operation):
            waiting.append(operation.outputs[index])
        found.add(id(operation))
    tensors, paths = set(), set()
    calls = list(iter_layer_calls(model, model.inputs))  # all at once: a tensor that was freed leaves its id to another
    for call in calls:
        given = {id(value) for value in keras.tree.flatten((call.args, call.kwargs))}
        if is_graph(call.operation):
            ends = zip(call.operation.outputs, call.outputs, strict=True)
            tensors |= {id(outer) for inner, outer in ends if id(inner) in tensors}
            continue
        unit = isinstance(call.operation, keras.layers.UnitNormalization)
        if unit or given & tensors or any(path.startswith(f"{call.path}/") for path in paths):
            found.add(id(call.operation))
            paths.add(call.path)
            tensors |= {id(output) for output in call.outputs}
    return found


def _set_policy(layer: keras.layers.Layer, policy: str, config: dict) -> None:
    # The arguments of a Lambda are its function's.
    keys = config.keys() & {"dtype"} if isinstance(layer, keras.layers.Lambda) else config.keys()
    config.update(_in_policy({key: config[key] for key in keys}, policy))


def _in_policy(config: Any, policy: str) -> Any:
    """Replace every policy of floats in a config, however deep.

    Returns:
        A new config, in which layers of `_FLOAT32_LAYERS` are float32.
    """
    if isinstance(config, list | tuple):
        return type(config)(_in_policy(item, policy) for item in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"].get("name") in _FLOAT_POLICIES:
        return {**config, "config": {**config["config"], "name": policy}}
    if config.get("class_name") in {kind.__name__ for kind in _FLOAT32_LAYERS}:
        policy = "float32"
    changed = {}
    for key, item in config.items():
        named = key == "dtype" and isinstance(item, str) and item in _FLOAT_POLICIES
        changed[key] = policy if named else _in_policy(item, policy)
    return changed
