"""A model in plain layers: `keras.ops` in its graph, and activations made of simpler ones, become layers.

Legacy tf_keras has neither, and int8 needs a range for each of the steps that such an activation takes.
"""

from collections import Counter
from collections.abc import Callable

import keras
import numpy as np

from tfslim.calls import Call, calls
from tfslim.pruning.tracing import tensors_of
from tfslim.rebuilding import Copies, model_like, new_inputs, rebuild

SPELLED_ACTIVATIONS = ("hard_sigmoid", "hard_silu", "hard_swish", "relu6")


class UnsupportedLayer(ValueError):
    """A layer that can't be translated; the message names it and says why."""

    def __init__(self, name: str, kind: str, reason: str):
        super().__init__(f"layer {name!r} ({kind}): {reason}")


def spelled_out(model: keras.Model) -> keras.Model:
    """Rebuilds a functional model so that its graph holds layers alone, none of them with a hard activation.

    Args:
        model: a functional model without nested models and tfslim's layers, as `tfslim.flatten` gives it.

    Returns:
        A model of the same outputs; the same model where there is nothing to do.

    Raises:
        UnsupportedLayer: the graph holds an operation of `keras.ops` for which there is no layer.

    Example:
        >>> [layer.name for layer in spelled_out(model).layers]  # of x + 3.0
        ['image', 'add']
    """
    if not any(_has_to_change(call) for call in calls(model, model.inputs, opened=False)):
        return model
    copies, inputs, times = Copies(), new_inputs(model), Counter()

    def numbered(prefix: str) -> str:
        times[prefix] += 1  # a layer that is called again has its activation again
        return prefix if times[prefix] == 1 else f"{prefix}_{times[prefix]}"

    def place(call: Call, args: tuple, kwargs: dict):
        operation = call.operation
        if not isinstance(operation, keras.layers.Layer):
            return _as_layer(call, args, kwargs)
        name = hard_activation(operation)
        if name is None:
            return copies.of(operation)(*args, **kwargs)
        if isinstance(operation, keras.layers.Activation):
            return activation_layers(name, args[0], numbered(operation.name))
        x = copies.of(operation, activation="linear")(*args, **kwargs)
        return activation_layers(name, x, numbered(f"{operation.name}_{name}"))

    changed = model_like(model, inputs, rebuild(model, inputs, place))
    copies.take_weights(changed)
    return changed


def hard_activation(layer: keras.layers.Layer) -> str | None:
    """Name of a layer's own activation if it is one that is spelled out."""
    activation = getattr(layer, "activation", None)
    name = getattr(activation, "__name__", None)
    known = name in SPELLED_ACTIVATIONS and activation is getattr(keras.activations, name, None)
    return name if known else None


def activation_layers(name: str, x: keras.KerasTensor, prefix: str) -> keras.KerasTensor:
    """An activation of SPELLED_ACTIVATIONS as layers: hard_sigmoid(x) is relu6(x + 3) / 6, hard_swish x times that."""
    if name == "relu6":
        return keras.layers.ReLU(6.0, name=prefix)(x)
    shifted = keras.layers.Rescaling(1.0, offset=3.0, name=f"{prefix}_shift")(x)
    six = keras.layers.ReLU(6.0, name=f"{prefix}_relu6")(shifted)
    if name == "hard_sigmoid":
        return keras.layers.Rescaling(1 / 6, name=prefix)(six)
    product = keras.layers.Multiply(name=f"{prefix}_product")([x, six])
    return keras.layers.Rescaling(1 / 6, name=prefix)(product)


def _has_to_change(call: Call) -> bool:
    return not isinstance(call.operation, keras.layers.Layer) or hard_activation(call.operation) is not None


def _as_layer(call: Call, args: tuple, kwargs: dict):
    kind, name = type(call.operation).__name__, call.operation.name
    given = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, keras.KerasTensor)]
    for table in (_MERGES, _UNARY):
        if kind in table and len(given) == (2 if table is _MERGES else 1):
            if table is _MERGES and len(given[0].shape) != len(given[1].shape):
                raise UnsupportedLayer(name, f"keras.ops {kind}", "its two tensors have different numbers of axes")
            return table[kind](call, name)(given if table is _MERGES else given[0])
    if kind in _WITH_CONSTANT and len(given) == 1:
        return _with_constant(call, args, given[0])
    if kind in ("HardSigmoid", "HardSilu"):
        return activation_layers({"HardSigmoid": "hard_sigmoid", "HardSilu": "hard_silu"}[kind], given[0], name)
    if kind == "Concatenate":
        return keras.layers.Concatenate(axis=call.operation.axis, name=name)(given)
    raise UnsupportedLayer(name, f"keras.ops {kind}", "there is no layer that does this; write it with keras.layers")


def _with_constant(call: Call, args: tuple, x: keras.KerasTensor) -> keras.KerasTensor:
    """Arithmetic of a tensor and a number, or an array of one number a channel, as a Rescaling."""
    kind, name = type(call.operation).__name__, call.operation.name
    operands = list(args)[:2]
    if len(operands) != 2 or sum(operand is x for operand in operands) != 1:
        raise UnsupportedLayer(name, f"keras.ops {kind}", "its operands are no tensor and a constant")
    first = operands[0] is x
    constant = _plain(keras.ops.convert_to_numpy(operands[1] if first else operands[0]), x, name, kind)
    scale, offset = _WITH_CONSTANT[kind](constant, first)
    if scale is None:
        raise UnsupportedLayer(name, f"keras.ops {kind}", "it divides a constant by a tensor")
    return keras.layers.Rescaling(_listed(scale), offset=_listed(offset), name=name)(x)


def _plain(constant: np.ndarray, x: keras.KerasTensor, name: str, kind: str) -> np.ndarray:
    constant = np.asarray(constant, "float64")
    if constant.size == 1 and constant.ndim <= len(x.shape):
        return constant.reshape(())
    last = constant.size == constant.shape[-1] == x.shape[-1] and constant.ndim <= len(x.shape)
    if not last:
        raise UnsupportedLayer(name, f"keras.ops {kind}", f"its constant has shape {constant.shape}, not one a channel")
    return constant.reshape(-1)


def _listed(value: np.ndarray | float) -> float | list[float]:
    return np.asarray(value, "float64").tolist()


def _pooling(average: str, call: Call, name: str) -> keras.layers.Layer:
    operation, x = call.operation, tensors_of(call)[0]
    axes = operation.axis if isinstance(operation.axis, list | tuple) else [operation.axis]
    if None in axes or sorted(axis % len(x.shape) for axis in axes) != [1, 2] or len(x.shape) != 4:
        raise UnsupportedLayer(name, f"keras.ops {type(operation).__name__}", "it is not over height and width")
    pool = keras.layers.GlobalAveragePooling2D if average == "mean" else keras.layers.GlobalMaxPooling2D
    return pool(keepdims=operation.keepdims, data_format="channels_last", name=name)


def _cast(call: Call, name: str) -> keras.layers.Layer:
    if tensors_of(call)[0].dtype != call.outputs[0].dtype and "float" not in call.outputs[0].dtype:
        raise UnsupportedLayer(name, "keras.ops Cast", f"it casts to {call.outputs[0].dtype}")
    # A rescaling casts what it is given to float first.
    return keras.layers.Rescaling(1.0, name=name)


def _fixed_reshape(call: Call, name: str) -> keras.layers.Layer:
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
    "Negative": lambda call, name: keras.layers.Rescaling(-1.0, name=name),
    "Cast": _cast,
    "Identity": _activation("linear"),
    "Mean": lambda call, name: _pooling("mean", call, name),
    "Max": lambda call, name: _pooling("max", call, name),
    "Reshape": _fixed_reshape,
    "Squeeze": _fixed_reshape,
    "ExpandDims": _fixed_reshape,
    "Softmax": lambda call, name: keras.layers.Softmax(call.operation.axis, name=name),
} | {kind: _activation(kind.lower()) for kind in ("Sigmoid", "Tanh", "Silu", "Softplus", "Softsign", "Selu")}
