"""Table of the rules for layers and operations.

A rule follows channels through a layer or an operation.
"""

from collections.abc import Callable

import keras
import numpy as np

from tfslim.cost.macs import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED
from tfslim.graph.stock_layers import is_as_stock
from tfslim.graph.traversal import LayerCall, tensors_of
from tfslim.pruning.dependency import elementwise_rules, layer_rules, reshape_rules
from tfslim.pruning.dependency.tracing import Channels, Tracer

LayerRule = Callable[[LayerCall, Tracer], list[Channels | None]]

# The first match is used; transposed and depthwise convolutions are not subclasses of plain ones.
LAYER_RULES: tuple[tuple[type | tuple[type, ...], LayerRule], ...] = (
    (CONVOLUTIONS, layer_rules.convolution),
    (TRANSPOSED, layer_rules.transposed_convolution),
    (DEPTHWISE, layer_rules.depthwise_convolution),
    (SEPARABLE, layer_rules.separable_convolution),
    (keras.layers.Dense, layer_rules.dense),
    (keras.layers.BatchNormalization, layer_rules.batch_normalization),
    (keras.layers.GroupNormalization, layer_rules.group_normalization),
    ((keras.layers.LayerNormalization, keras.layers.RMSNormalization), layer_rules.layer_normalization),
    (keras.layers.UnitNormalization, elementwise_rules.unit_normalization),
    (keras.layers.PReLU, layer_rules.prelu),
    (keras.layers.Normalization, layer_rules.normalization),
    (keras.layers.Rescaling, elementwise_rules.rescaling),
    (keras.layers.Activation, elementwise_rules.activation),
    (keras.layers.Softmax, elementwise_rules.softmax),
    (elementwise_rules.SAME_SHAPE_LAYERS, elementwise_rules.same_shape),
    (elementwise_rules.DROPOUT_LAYERS, elementwise_rules.dropout),
    (elementwise_rules.WINDOW_LAYERS, elementwise_rules.window),
    (elementwise_rules.MERGING_LAYERS, elementwise_rules.merge),
    (keras.layers.Concatenate, reshape_rules.concatenate),
    (keras.layers.Flatten, reshape_rules.flatten),
    (keras.layers.Reshape, reshape_rules.reshape),
    (keras.layers.Permute, reshape_rules.permute),
    (reshape_rules.GLOBAL_POOLING, reshape_rules.global_pooling),
)
OPERATION_RULES: tuple[tuple[frozenset[str], LayerRule], ...] = (
    (elementwise_rules.UNARY_OPERATIONS, elementwise_rules.unary),
    (elementwise_rules.BINARY_OPERATIONS, elementwise_rules.merge),
    (elementwise_rules.WINDOW_OPERATIONS, elementwise_rules.window),
    (frozenset({"Pad"}), elementwise_rules.pad),
    (frozenset({"Softmax", "LogSoftmax"}), elementwise_rules.softmax),
    (frozenset({"Concatenate"}), reshape_rules.concatenate),
    (frozenset({"Reshape"}), reshape_rules.reshape),
    (frozenset({"GetItem"}), reshape_rules.take),
    (reshape_rules.MOVES, reshape_rules.move),
    (reshape_rules.REDUCTIONS, reshape_rules.reduction),
)


def follow(call: LayerCall, tracer: Tracer) -> None:
    """Record how a call transforms channels.

    A layer without a rule freezes all channels that it reads.
    """
    found = _rule(call.operation) or _unknown
    for tensor, channels in zip(call.outputs, found(call, tracer), strict=True):
        if channels is not None and len(channels.units) != tensor.shape[channels.axis]:
            # One channel was spread over several indices that have no units of their own.
            reason = f"{call.operation.name} makes {tensor.shape[channels.axis]} of {len(channels.units)} channels"
            tracer.units.freeze(channels.units, reason)
            channels = tracer.staying(tensor, reason)
        tracer.set(tensor, channels)


def _rule(operation: keras.Operation) -> LayerRule | None:
    if isinstance(operation, keras.layers.Layer):
        if not is_as_stock(operation) or _is_special(operation):
            return None
        return next((rule for kinds, rule in LAYER_RULES if isinstance(operation, kinds)), None)
    if not type(operation).__module__.startswith("keras."):
        return None
    return next((rule for names, rule in OPERATION_RULES if type(operation).__name__ in names), None)


def _is_special(layer: keras.layers.Layer) -> bool:
    """Check whether a layer's variables don't suit its rule.

    They may differ from those that the rule expects, or can't be created in another size.
    """
    fixed = any(_makes_one_shape(layer, key) for key in vars(layer) if key.endswith("_initializer"))
    return fixed or bool(getattr(layer, "quantization_mode", None)) or getattr(layer, "lora_enabled", False)


def _makes_one_shape(layer: keras.layers.Layer, key: str) -> bool:
    """Check whether an initializer supports only its variable's present size."""
    initializer, name = getattr(layer, key), key.removesuffix("_initializer")
    if isinstance(initializer, keras.initializers.Constant):
        return bool(np.ndim(initializer.value))
    if isinstance(initializer, keras.initializers.Initializer) and type(initializer).__module__.startswith("keras."):
        return False
    variables = [getattr(layer, each, None) for each in (name, f"{name}_kernel")]
    if isinstance(layer, DEPTHWISE) and name == "depthwise":
        variables = [layer.kernel]
    for variable in variables:
        if initializer is not None and isinstance(variable, keras.Variable):
            smaller = (*variable.shape[:-2], *(max(1, extent - 1) for extent in variable.shape[-2:]))
            try:
                if np.shape(initializer(smaller, dtype=variable.dtype)) != smaller:
                    return True
            except Exception:  # user code may raise anything
                return True
    return False


def _unknown(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    kind, name = type(call.operation).__name__, call.operation.name
    tracer.freeze(tensors_of(call), f"goes into {name} ({kind}), which can't be followed")
    return [tracer.staying(output, f"comes out of {name} ({kind}), which can't be followed") for output in call.outputs]
