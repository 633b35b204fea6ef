"""Decompose a model into plain layers.

Operations of `keras.ops`, layers used as activations and hard activations become layers of their own. Legacy tf_keras
does not support these, and int8 needs a range for each step of such an activation.
"""

from collections import Counter
from collections.abc import Callable

import keras
import numpy as np

from tfslim.graph.layer_copier import LayerCopier, UnsupportedLayer, copy_operation, new_inputs
from tfslim.graph.rebuilding import model_like, rebuild
from tfslim.graph.stock_layers import is_as_stock
from tfslim.graph.traversal import LayerCall, iter_layer_calls, tensors_of

__all__ = [
    "DECOMPOSED_ACTIVATIONS",
    "UnsupportedLayer",
    "activation_layers",
    "decompose_operations",
    "making_masks",
    "own_step",
]

DECOMPOSED_ACTIVATIONS = ("hard_sigmoid", "hard_silu", "hard_swish", "relu6")
# Layers that end in their activation; others, such as LSTM, apply it inside their computation.
_CONVOLUTIONS = [f"Conv{rank}D{kind}" for rank in (1, 2, 3) for kind in ("", "Transpose")]
_CONVOLUTIONS += [f"{kind}Conv{rank}D" for rank in (1, 2) for kind in ("Depthwise", "Separable")]
_ENDING_IN_ACTIVATION = tuple(
    getattr(keras.layers, name) for name in (*_CONVOLUTIONS, "Dense", "EinsumDense", "Activation")
)


def decompose_operations(model: keras.Model) -> keras.Model:
    """Rebuild a functional model from plain layers only.

    Args:
        model: a functional model without nested models and tfslim's layers, as returned by `tfslim.flatten`.

    Returns:
        A model with the same outputs, without hard activations and layers as activations; the same model if it has
        none of these.

    Raises:
        UnsupportedLayer: if the graph holds an operation of `keras.ops` for which Keras has no layer, or a mask.

    Example:
        >>> [layer.name for layer in decompose_operations(model).layers]  # of x + 3.0
        ['image', 'add']
    """
    listed = list(iter_layer_calls(model, model.inputs, opened=False))
    if all(isinstance(call.operation, keras.layers.Layer) and own_step(call.operation) is None for call in listed):
        return model
    copies, inputs, times = LayerCopier(), new_inputs(model), Counter()
    bare: dict[int, tuple[keras.layers.Layer, keras.layers.Layer]] = {}
    masks = making_masks(listed)

    def numbered(prefix: str) -> str:
        times[prefix] += 1  # a layer that is called again repeats its activation
        return prefix if times[prefix] == 1 else f"{prefix}_{times[prefix]}"

    def place(call: LayerCall, args: tuple, kwargs: dict):
        layer = call.operation
        if id(layer) in masks:
            maker, reader = masks[id(layer)]
            reason = f"it makes a mask, which {reader!r} reads, and masks are not supported"
            raise UnsupportedLayer(maker.name, type(maker).__name__, reason)
        if not isinstance(layer, keras.layers.Layer):
            return _as_layer(call, args, kwargs)
        activation = own_step(layer)
        if activation is None:
            return copies.of(layer)(*args, **kwargs)
        x, prefix, regularizer = args[0], layer.name, layer.activity_regularizer  # it acts on the activation's output
        if not isinstance(layer, keras.layers.Activation):
            bare.setdefault(id(layer), (layer, copy_operation(layer, change=_without_activation)))
            x = bare[id(layer)][1](*args, **kwargs)
            prefix += f"_{activation if isinstance(activation, str) else type(activation).__name__.lower()}"
        if isinstance(activation, str):
            return activation_layers(activation, x, numbered(prefix), regularizer)
        x = copies.of(activation, name=prefix)(x)
        if regularizer is None:
            return x
        name = numbered(f"{prefix}_regularized")
        return keras.layers.Activation("linear", name=name, activity_regularizer=regularizer)(x)

    changed = model_like(model, inputs, rebuild(model, inputs, place))
    for layer, copy in bare.values():
        copy.set_weights(_own_weights(layer))
    copies.take_weights(changed)
    return changed


def own_step(layer: keras.layers.Layer) -> str | keras.layers.Layer | None:
    """Return a layer's activation if it must be separated.

    Returns:
        The name of a hard activation, or a layer used as activation; else None.
    """
    if not isinstance(layer, _ENDING_IN_ACTIVATION) or not is_as_stock(layer):
        return None
    activation = layer.activation
    if isinstance(activation, keras.layers.Layer):
        return activation
    name = getattr(activation, "__name__", None)
    known = name in DECOMPOSED_ACTIVATIONS and activation is getattr(keras.activations, name, None)
    return name if known else None


def activation_layers(
    name: str, x: keras.KerasTensor, prefix: str, regularizer: keras.regularizers.Regularizer | None = None
) -> keras.KerasTensor:
    """Apply a hard activation by plain layers.

    hard_sigmoid(x) is relu6(x + 3) / 6, and hard_swish(x) is x times that.

    Args:
        name: one of `DECOMPOSED_ACTIVATIONS`.
        x: the activation's input.
        prefix: start of the layers' names, and name of the last.
        regularizer: activity regularizer of the output.
    """
    if name == "relu6":
        return keras.layers.ReLU(6.0, name=prefix, activity_regularizer=regularizer)(x)
    shifted = keras.layers.Rescaling(1.0, offset=3.0, name=f"{prefix}_shift")(x)
    product = keras.layers.ReLU(6.0, name=f"{prefix}_relu6")(shifted)
    if name != "hard_sigmoid":
        product = keras.layers.Multiply(name=f"{prefix}_product")([x, product])
    return keras.layers.Rescaling(1 / 6, name=prefix, activity_regularizer=regularizer)(product)


def making_masks(listed: list[LayerCall]) -> dict[int, tuple[keras.layers.Layer, str]]:
    """Find the operations that compute a mask.

    Layers compute masks with separate operations, which the graph does not link to their layers.

    Args:
        listed: the calls of a model's graph, in order.

    Returns:
        The id of each operation -> the layer that the mask belongs to, and the name of a layer that reads it.
    """
    readers, others = {}, set()
    for call in listed:
        if not isinstance(call.operation, keras.layers.Layer):
            continue
        masks = [value for key, value in call.kwargs.items() if key.endswith("mask")]
        of_masks = {id(value) for value in keras.tree.flatten(masks) if isinstance(value, keras.KerasTensor)}
        readers |= dict.fromkeys(of_masks, call.operation.name)
        others |= {id(tensor) for tensor in tensors_of(call)} - of_masks
    masks = {}
    for call in reversed(listed):
        read_by = [readers[id(tensor)] for tensor in call.outputs if id(tensor) in readers and id(tensor) not in others]
        if isinstance(call.operation, keras.layers.Layer) or not read_by:
            continue
        operands = {id(tensor) for tensor in tensors_of(call)}
        readers |= dict.fromkeys(operands, read_by[0])
        for other in listed:
            masking = isinstance(other.operation, keras.layers.Masking) or getattr(other.operation, "mask_zero", False)
            if masking and operands & {id(tensor) for tensor in tensors_of(other)}:
                masks[id(call.operation)] = other.operation, read_by[0]
    return masks


def _without_activation(config: dict) -> None:
    config.update(activation="linear", activity_regularizer=None)


def _own_weights(layer: keras.layers.Layer) -> list[np.ndarray]:
    """Return a layer's weights without those of its activation layer."""
    others = {id(weight) for weight in getattr(layer.activation, "weights", ())}
    return [keras.ops.convert_to_numpy(weight) for weight in layer.weights if id(weight) not in others]


def _as_layer(call: LayerCall, args: tuple, kwargs: dict):
    kind, name = type(call.operation).__name__, call.operation.name
    tensors = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, keras.KerasTensor)]
    for table in (_MERGES, _UNARY):
        if kind in table and len(tensors) == (2 if table is _MERGES else 1):
            if table is _MERGES and len(tensors[0].shape) != len(tensors[1].shape):
                raise UnsupportedLayer(name, f"keras.ops {kind}", "its two tensors have different numbers of axes")
            return table[kind](call, name)(tensors if table is _MERGES else tensors[0])
    if kind in _WITH_CONSTANT and len(tensors) == 1:
        return _with_constant(call, args, tensors[0])
    if kind in ("HardSigmoid", "HardSilu"):
        return activation_layers({"HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu"}[kind], tensors[0], name)
    if kind == "Concatenate":
        return keras.layers.Concatenate(axis=call.operation.axis, name=name)(tensors)
    raise UnsupportedLayer(name, f"keras.ops {kind}", "no Keras layer computes this; write it with keras.layers")


def _with_constant(call: LayerCall, args: tuple, x: keras.KerasTensor) -> keras.KerasTensor:
    """Rewrite arithmetic with a constant as a Rescaling.

    The constant is a number, or an array with one number per channel.
    """
    kind, name = type(call.operation).__name__, call.operation.name
    _check_floats(call)
    operands = list(args)[:2]
    if len(operands) != 2 or sum(operand is x for operand in operands) != 1:
        raise UnsupportedLayer(name, f"keras.ops {kind}", "its operands are not a tensor and a constant")
    first = operands[0] is x
    constant = _channel_constant(keras.ops.convert_to_numpy(operands[1] if first else operands[0]), x, name, kind)
    scale, offset = _WITH_CONSTANT[kind](constant, first)
    if scale is None or offset is None:
        raise UnsupportedLayer(name, f"keras.ops {kind}", "it divides a constant by a tensor")
    return keras.layers.Rescaling(_to_list(scale), offset=_to_list(offset), name=name)(x)


def _check_floats(call: LayerCall) -> None:
    """Refuse integer arithmetic, which overflows or truncates unlike a Rescaling."""
    dtype = call.outputs[0].dtype
    if "float" not in dtype:
        reason = f"it computes in {dtype}, but a layer would compute in float; cast its operand to float first"
        raise UnsupportedLayer(call.operation.name, f"keras.ops {type(call.operation).__name__}", reason)


def _channel_constant(constant: np.ndarray, x: keras.KerasTensor, name: str, kind: str) -> np.ndarray:
    constant = np.asarray(constant, "float64")
    if constant.size == 1 and constant.ndim <= len(x.shape):
        return constant.reshape(())
    last = constant.size == constant.shape[-1] == x.shape[-1] and constant.ndim <= len(x.shape)
    if not last:
        reason = f"its constant has shape {constant.shape}; expected one number, or one per channel"
        raise UnsupportedLayer(name, f"keras.ops {kind}", reason)
    return constant.reshape(-1)


def _to_list(value: np.ndarray | float) -> float | list[float]:
    return np.asarray(value, "float64").tolist()


def _pooling(average: str, call: LayerCall, name: str) -> keras.layers.Layer:
    operation, x = call.operation, tensors_of(call)[0]
    if getattr(operation, "initial", None) is not None:
        raise UnsupportedLayer(name, f"keras.ops {type(operation).__name__}", "a pooling layer has no initial value")
    axes = operation.axis if isinstance(operation.axis, list | tuple) else [operation.axis]
    if None in axes or sorted(axis % len(x.shape) for axis in axes) != [1, 2] or len(x.shape) != 4:
        raise UnsupportedLayer(name, f"keras.ops {type(operation).__name__}", "it is not over height and width")
    pool = keras.layers.GlobalAveragePooling2D if average == "mean" else keras.layers.GlobalMaxPooling2D
    return pool(keepdims=operation.keepdims, data_format="channels_last", name=name)


def _negative(call: LayerCall, name: str) -> keras.layers.Layer:
    _check_floats(call)
    return keras.layers.Rescaling(-1.0, name=name)


def _cast(call: LayerCall, name: str) -> keras.layers.Layer:
    if tensors_of(call)[0].dtype != call.outputs[0].dtype and "float" not in call.outputs[0].dtype:
        raise UnsupportedLayer(name, "keras.ops Cast", f"it casts to {call.outputs[0].dtype}, not to float")
    # A Rescaling casts its input to float first.
    return keras.layers.Rescaling(1.0, name=name)


def _fixed_reshape(call: LayerCall, name: str) -> keras.layers.Layer:
    shape = call.outputs[0].shape
    if shape[0] != tensors_of(call)[0].shape[0] or None in shape[1:]:
        raise UnsupportedLayer(name, f"keras.ops {type(call.operation).__name__}", "it changes the batch axis")
    return keras.layers.Reshape(shape[1:], name=name)


def _activation(activation: str) -> Callable:
    return lambda call, name: keras.layers.Activation(activation, name=name)


def _merge(kind: str) -> Callable:
    return lambda call, name: getattr(keras.layers, kind)(name=name)


_MERGES = {kind: _merge(kind) for kind in ("Add", "Subtract", "Multiply", "Maximum", "Minimum")}
# constant, whether the tensor comes first -> scale and offset of the tensor
_WITH_CONSTANT = {
    "Add": lambda c, first: (1.0, c),
    "Subtract": lambda c, first: (1.0, -c) if first else (-1.0, c),
    "Multiply": lambda c, first: (c, 0.0),
    "Divide": lambda c, first: (1 / c, 0.0) if first else (None, None),
    "TrueDivide": lambda c, first: (1 / c, 0.0) if first else (None, None),
}
_UNARY = {
    "Relu": lambda call, name: keras.layers.ReLU(name=name),
    "Relu6": lambda call, name: keras.layers.ReLU(6.0, name=name),
    "LeakyRelu": lambda call, name: keras.layers.LeakyReLU(call.operation.negative_slope, name=name),
    "Negative": _negative,
    "Cast": _cast,
    "Identity": _activation("linear"),
    "Mean": lambda call, name: _pooling("mean", call, name),
    "Max": lambda call, name: _pooling("max", call, name),
    "Reshape": _fixed_reshape,
    "Squeeze": _fixed_reshape,
    "ExpandDims": _fixed_reshape,
    "Softmax": lambda call, name: keras.layers.Softmax(call.operation.axis, name=name),
} | {kind: _activation(kind.lower()) for kind in ("Sigmoid", "Tanh", "Silu", "Softplus", "Softsign", "Selu")}
