"""Which rule follows the channels through which layer or operation."""

from collections.abc import Callable

import keras
import numpy as np

from tfslim.calls import Call
from tfslim.macs import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED
from tfslim.pruning import elementwise, reshaping, weighted
from tfslim.pruning.stock import is_as_stock
from tfslim.pruning.tracing import Channels, Tracer, tensors_of

Rule = Callable[[Call, Tracer], list[Channels | None]]

# The first that fits counts; transposed and depthwise convolutions are no subclasses of plain ones.
LAYER_RULES: tuple[tuple[type | tuple[type, ...], Rule], ...] = (
    (CONVOLUTIONS, weighted.convolution),
    (TRANSPOSED, weighted.transposed_convolution),
    (DEPTHWISE, weighted.depthwise_convolution),
    (SEPARABLE, weighted.separable_convolution),
    (keras.layers.Dense, weighted.dense),
    (keras.layers.BatchNormalization, weighted.batch_normalization),
    (keras.layers.GroupNormalization, weighted.group_normalization),
    ((keras.layers.LayerNormalization, keras.layers.RMSNormalization), weighted.layer_normalization),
    (keras.layers.UnitNormalization, elementwise.unit_normalization),
    (keras.layers.PReLU, weighted.prelu),
    (keras.layers.Normalization, weighted.normalization),
    (keras.layers.Rescaling, elementwise.rescaling),
    (keras.layers.Activation, elementwise.activation),
    (keras.layers.Softmax, elementwise.softmax),
    (elementwise.SAME_SHAPE_LAYERS, elementwise.same_shape),
    (elementwise.DROPOUT_LAYERS, elementwise.dropout),
    (elementwise.WINDOW_LAYERS, elementwise.window),
    (elementwise.MERGING_LAYERS, elementwise.merge),
    (keras.layers.Concatenate, reshaping.concatenate),
    (keras.layers.Flatten, reshaping.flatten),
    (keras.layers.Reshape, reshaping.reshape),
    (keras.layers.Permute, reshaping.permute),
    (reshaping.GLOBAL_POOLING, reshaping.global_pooling),
)
OPERATION_RULES: tuple[tuple[frozenset[str], Rule], ...] = (
    (elementwise.UNARY_OPERATIONS, elementwise.unary),
    (elementwise.BINARY_OPERATIONS, elementwise.merge),
    (elementwise.WINDOW_OPERATIONS, elementwise.window),
    (frozenset({"Pad"}), elementwise.pad),
    (frozenset({"Softmax", "LogSoftmax"}), elementwise.softmax),
    (frozenset({"Concatenate"}), reshaping.concatenate),
    (frozenset({"Reshape"}), reshaping.reshape),
    (frozenset({"GetItem"}), reshaping.take),
    (reshaping.MOVES, reshaping.move),
    (reshaping.REDUCTIONS, reshaping.reduction),
)


def follow(call: Call, tracer: Tracer) -> None:
    """Notes what a call makes of the channels; a layer that is not known keeps all that go into it."""
    found = _rule(call.operation) or _unknown
    for tensor, channels in zip(call.outputs, found(call, tracer), strict=True):
        if channels is not None and len(channels.units) != tensor.shape[channels.axis]:
            # One channel was spread over several places that no unit stands for.
            reason = f"{call.operation.name} makes {tensor.shape[channels.axis]} of {len(channels.units)} channels"
            tracer.units.freeze(channels.units, reason)
            channels = tracer.staying(tensor, reason)
        tracer.set(tensor, channels)


def _rule(operation: keras.Operation) -> Rule | None:
    if isinstance(operation, keras.layers.Layer):
        if not is_as_stock(operation) or _is_special(operation):
            return None
        return next((rule for kinds, rule in LAYER_RULES if isinstance(operation, kinds)), None)
    if not type(operation).__module__.startswith("keras."):
        return None
    return next((rule for names, rule in OPERATION_RULES if type(operation).__name__ in names), None)


def _is_special(layer: keras.layers.Layer) -> bool:
    """Whether a layer's variables are not those that its rule expects, or can't be made in another size."""
    fixed = any(_makes_one_shape(layer, key) for key in vars(layer) if key.endswith("_initializer"))
    return fixed or bool(getattr(layer, "quantization_mode", None)) or getattr(layer, "lora_enabled", False)


def _makes_one_shape(layer: keras.layers.Layer, key: str) -> bool:
    """Whether an initializer gives its variable in no other size than it has."""
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
            except Exception:  # somebody's own code
                return True
    return False


def _unknown(call: Call, tracer: Tracer) -> list[Channels | None]:
    kind, name = type(call.operation).__name__, call.operation.name
    tracer.freeze(tensors_of(call), f"goes into {name} ({kind}), which can't be followed")
    return [tracer.staying(output, f"comes out of {name} ({kind}), which can't be followed") for output in call.outputs]
