"""A model in plain layers: `keras.ops` in its graph, layers for activations, and hard activations become layers.

Legacy tf_keras has none of them, and int8 needs a range for each of the steps that such an activation takes.
"""

from collections import Counter
from collections.abc import Callable

import keras
import numpy as np

from tfslim.graph.layer_copier import LayerCopier, UnsupportedLayer, copy_operation, new_inputs
from tfslim.graph.rebuilding import model_like, rebuild
from tfslim.graph.stock_layers import is_as_stock
from tfslim.graph.traversal import LayerCall, iter_layer_calls, tensors_of

DECOMPOSED_ACTIVATIONS = ("hard_sigmoid", "hard_silu", "hard_swish", "relu6")
# Layers that give what their activation gives; others, as LSTM, use theirs in the midst of what they compute.
_CONVOLUTIONS = [f"Conv{rank}D{kind}" for rank in (1, 2, 3) for kind in ("", "Transpose")]
_CONVOLUTIONS += [f"{kind}Conv{rank}D" for rank in (1, 2) for kind in ("Depthwise", "Separable")]
_ENDING_IN_ACTIVATION = tuple(
    getattr(keras.layers, name) for name in (*_CONVOLUTIONS, "Dense", "EinsumDense", "Activation")
)


def decompose_operations(model: keras.Model) -> keras.Model:
    """Rebuilds a functional model so that its graph holds layers alone, with no hard activation and no layer for one.

    Args:
        model: a functional model without nested models and tfslim's layers, as `tfslim.flatten` gives it.

    Returns:
        A model of the same outputs; the same model where there is nothing to do.

    Raises:
        UnsupportedLayer: the graph holds an operation of `keras.ops` for which there is no layer, or a mask.

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
        times[prefix] += 1  # a layer that is called again has its activation again
        return prefix if times[prefix] == 1 else f"{prefix}_{times[prefix]}"

    def place(call: LayerCall, args: tuple, kwargs: dict):
        layer = call.operation
        if id(layer) in masks:
            maker, reader = masks[id(layer)]
            reason = f"it makes a mask, which {reader!r} reads, and masks are not carried"
            raise UnsupportedLayer(maker.name, type(maker).__name__, reason)
        if not isinstance(layer, keras.layers.Layer):
            return _as_layer(call, args, kwargs)
        activation = own_step(layer)
        if activation is None:
            return copies.of(layer)(*args, **kwargs)
        x, prefix, regularizer = args[0], layer.name, layer.activity_regularizer  # of what the activation gives
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
    """The activation of a layer that becomes a step of its own: the name of a hard one, or a layer."""
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
    """An activation of SPELLED_ACTIVATIONS as layers: hard_sigmoid(x) is relu6(x + 3) / 6, hard_swish x times that.

    The regularizer is of what it gives.
    """
    if name == "relu6":
        return keras.layers.ReLU(6.0, name=prefix, activity_regularizer=regularizer)(x)
    shifted = keras.layers.Rescaling(1.0, offset=3.0, name=f"{prefix}_shift")(x)
    product = keras.layers.ReLU(6.0, name=f"{prefix}_relu6")(shifted)
    if name != "hard_sigmoid":
        product = keras.layers.Multiply(name=f"{prefix}_product")([x, product])
    return keras.layers.Rescaling(1 / 6, name=prefix, activity_regularizer=regularizer)(product)


def making_masks(listed: list[LayerCall]) -> dict[int, tuple[keras.layers.Layer, str]]:
    """Finds the operations that work out a mask: id -> layer that the mask belongs to, and name of one that reads it.

    Layers make masks with operations beside their own; their graph does not say whose those are.
    """
    readers, others = {}, set()
    for call in listed:
        if not isinstance(call.operation, keras.layers.Layer):
            continue
        masks = [value for key, value in call.kwargs.items() if key.endswith("mask")]
        of_masks = {id(value) for value in keras.tree.flatten(masks) if isinstance(value, keras.KerasTensor)}
        readers |= dict.fromkeys(of_masks, call.operation.name)
        others |= {id(tensor) for tensor in tensors_of(call)} - of_masks
    found = {}
    for call in reversed(listed):
        read = [readers[id(tensor)] for tensor in call.outputs if id(tensor) in readers and id(tensor) not in others]
        if isinstance(call.operation, keras.layers.Layer) or not read:
            continue
        given = {id(tensor) for tensor in tensors_of(call)}
        readers |= dict.fromkeys(given, read[0])
        for made in listed:
            masking = isinstance(made.operation, keras.layers.Masking) or getattr(made.operation, "mask_zero", False)
            if masking and given & {id(tensor) for tensor in tensors_of(made)}:
                found[id(call.operation)] = made.operation, read[0]
    return found


def _without_activation(config: dict) -> None:
    config.update(activation="linear", activity_regularizer=None)


def _own_weights(layer: keras.layers.Layer) -> list[np.ndarray]:
    """A layer's weights without those of a layer that is its activation."""
    others = {id(weight) for weight in getattr(layer.activation, "weights", ())}
    return [keras.ops.convert_to_numpy(weight) for weight in layer.weights if id(weight) not in others]


def _as_layer(call: LayerCall, args: tuple, kwargs: dict):
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


def _with_constant(call: LayerCall, args: tuple, x: keras.KerasTensor) -> keras.KerasTensor:
    """Arithmetic of a tensor and a number, or an array of one number a channel, as a Rescaling."""
    kind, name = type(call.operation).__name__, call.operation.name
    _check_floats(call)
    operands = list(args)[:2]
    if len(operands) != 2 or sum(operand is x for operand in operands) != 1:
        raise UnsupportedLayer(name, f"keras.ops {kind}", "its operands are no tensor and a constant")
    first = operands[0] is x
    constant = _plain(keras.ops.convert_to_numpy(operands[1] if first else operands[0]), x, name, kind)
    scale, offset = _WITH_CONSTANT[kind](constant, first)
    if scale is None:
        raise UnsupportedLayer(name, f"keras.ops {kind}", "it divides a constant by a tensor")
    return keras.layers.Rescaling(_listed(scale), offset=_listed(offset), name=name)(x)


def _check_floats(call: LayerCall) -> None:
    """Refuses arithmetic of whole numbers, which runs over or is cut off where a rescaling's would not."""
    dtype = call.outputs[0].dtype
    if "float" not in dtype:
        reason = f"it computes in {dtype}, a layer would in floats; cast its operand to float first"
        raise UnsupportedLayer(call.operation.name, f"keras.ops {type(call.operation).__name__}", reason)


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
        raise UnsupportedLayer(name, "keras.ops Cast", f"it casts to {call.outputs[0].dtype}")
    # A rescaling casts what it is given to float first.
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
