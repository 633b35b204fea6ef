"""Rules for operations that treat channels separately.

These are activations, arithmetic, pooling, padding and resizing.
"""

import keras
import numpy as np

from tfslim.graph.traversal import LayerCall, channel_axis, tensors_of
from tfslim.pruning.dependency.tracing import Channels, Measured, Tracer

# fmt: off
ACTIVATIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
})
SAME_SHAPE_LAYERS = (
    keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.Identity, keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D, keras.layers.GaussianDropout,
    keras.layers.GaussianNoise, keras.layers.ActivityRegularization,
)
DROPOUT_LAYERS = (keras.layers.Dropout, keras.layers.AlphaDropout)
WINDOW_LAYERS = tuple(
    getattr(keras.layers, f"{name}{rank}D")
    for name in ("MaxPooling", "AveragePooling", "AdaptiveMaxPooling", "AdaptiveAveragePooling", "ZeroPadding",
                 "Cropping", "UpSampling")
    for rank in (1, 2, 3)
    if hasattr(keras.layers, f"{name}{rank}D")
) + (keras.layers.Resizing,)
MERGING_LAYERS = (
    keras.layers.Add, keras.layers.Subtract, keras.layers.Multiply, keras.layers.Maximum, keras.layers.Minimum,
    keras.layers.Average,
)
# Operations of keras.ops, by class name; their classes are not public.
UNARY_OPERATIONS = frozenset({
    "Abs", "Absolute", "Arctan", "Cast", "Ceil", "Celu", "Clip", "Cos", "Elu", "Erf", "Exp", "Expm1", "Floor", "Gelu",
    "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "Identity", "LeakyRelu", "Log", "Log1p", "LogSigmoid",
    "Negative", "OnesLike", "Reciprocal", "Relu", "Relu6", "Round", "Rsqrt", "Selu", "Sigmoid", "Sign", "Silu", "Sin",
    "SoftShrink", "Softplus", "Softsign", "SparsePlus", "SparseSigmoid", "Sqrt", "Square", "Squareplus",
    "StopGradient", "Tanh", "TanhShrink", "Threshold", "ZerosLike",
})
# They broadcast, and nothing else matters here: a condition has channels as well.
BINARY_OPERATIONS = frozenset({
    "Add", "Divide", "DivideNoNan", "Equal", "Greater", "GreaterEqual", "Less", "LessEqual", "LogicalAnd", "LogicalNot",
    "LogicalOr", "Maximum", "Minimum", "Multiply", "NotEqual", "Power", "Subtract", "TrueDivide", "Where",
})
WINDOW_OPERATIONS = frozenset({"AveragePool", "MaxPool", "Resize"})
# fmt: on


def same_shape(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow an operation whose outputs match its inputs elementwise."""
    return [tracer.channels(tensors_of(call)[0])]


def unit_normalization(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a division by the length over the channels.

    A channel that is 0 adds nothing to that length.
    """
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    if channels is not None and channels.axis in np.atleast_1d(layer.axis) % len(tensor.shape):
        tracer.measured.append(Measured(layer.name, tensor, channels.units))
    return [channels]


def unary(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow an operation of `keras.ops` on one tensor.

    Channels stay if the operation holds a constant for each of them.
    """
    name, settings = call.operation.name, vars(call.operation)
    if any(np.ndim(value) for key, value in settings.items() if not key.startswith("_")):
        tracer.freeze(tensors_of(call), f"{name} holds a constant for each channel")
    return same_shape(call, tracer)


def dropout(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow dropout; a fixed noise shape freezes the channels."""
    channels = tracer.channels(tensors_of(call)[0])
    shape = call.operation.noise_shape
    if channels is not None and shape is not None and shape[channels.axis] not in (None, 1):
        tracer.units.freeze(channels.units, f"{call.operation.name} has a noise of shape {tuple(shape)}")
    return [channels]


def activation(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `keras.layers.Activation` if it works channel by channel."""
    channels = tracer.channels(tensors_of(call)[0])
    freeze_mixing_activation(call.operation, channels, tracer)
    return [channels]


def freeze_mixing_activation(layer: keras.layers.Layer, channels: Channels | None, tracer: Tracer) -> None:
    """Freeze channels whose activation may mix several of them.

    Keras' own elementwise activations are known not to; any other function may.
    """
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__) if layer.activation else "linear"
    known = name in ACTIVATIONS and getattr(keras.activations, name, None) is not None
    own = known and not (layer.activation.__module__ if layer.activation else "keras.").startswith("keras.")
    if (not known or own) and channels is not None:
        tracer.units.freeze(channels.units, f"{layer.name}'s activation {name} may mix channels")


def softmax(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a softmax; one over the channels freezes them."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    axes = np.atleast_1d(call.operation.axis) % len(tensor.shape)
    if channels is not None and channels.axis in axes:
        tracer.units.freeze(channels.units, f"{call.operation.name} takes a softmax over the channels")
    return [channels]


def window(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow pooling, padding, cropping and resizing of spatial axes."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    layer = call.operation
    if channels is not None and channels.axis != channel_axis(layer, len(tensor.shape)):
        tracer.units.freeze(channels.units, f"{layer.name} works along axis {channels.axis}, where the channels are")
        return [tracer.staying(call.outputs[0], f"comes out of {layer.name}")]
    return [channels]


def pad(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow `keras.ops.pad`; padding the channels freezes them."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    widths = np.broadcast_to(call.operation.pad_width, (len(tensor.shape), 2))
    if channels is not None and widths[channels.axis].any():
        tracer.units.freeze(channels.units, f"{call.operation.name} pads the channels")
        return [tracer.staying(call.outputs[0], f"comes out of {call.operation.name}")]
    return [channels]


def rescaling(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow a factor and an offset, shared or per channel."""
    layer, tensor = call.operation, tensors_of(call)[0]
    channels = tracer.channels(tensor)
    for key in ("scale", "offset"):
        shape = np.shape(getattr(layer, key))
        if channels is None or not shape or shape[-1] == 1:
            continue
        if len(shape) == 1 and channels.axis == len(tensor.shape) - 1:
            tracer.edit(layer, key, channels.units, _cut_list(key))
        else:
            tracer.units.freeze(channels.units, f"{layer.name} has a {key} of shape {shape}")
    return [channels]


def _cut_list(key: str):
    def change(config: dict, kept: np.ndarray) -> None:
        config[key] = np.asarray(config[key])[kept].tolist()

    return change


def merge(call: LayerCall, tracer: Tracer) -> list[Channels | None]:
    """Follow arithmetic between tensors, which broadcasts as in numpy.

    Channels that meet are removed together.
    """
    name, rank = call.operation.name, len(call.outputs[0].shape)
    tensors = tensors_of(call)
    axis = _meeting_axis(tensors, rank, tracer)
    along = []
    for tensor in tensors:
        place = len(tensor.shape) - rank + (axis or 0)
        if place >= 0:  # else the tensor is the same for all channels
            along.append(tracer.along(tensor, place) if axis else None)
    met = [channels for channels in along if channels is not None]
    if axis is None or len(met) < len(along):
        tracer.freeze(tensors, f"{name} joins channels of different axes")
        return [tracer.staying(call.outputs[0], f"comes out of {name}")]
    widest = max(met, key=lambda channels: len(channels.units))
    for other in met:
        if len(other.units) == len(widest.units):
            tracer.units.unite(widest.units, other.units)
        else:
            tracer.units.freeze(other.units, f"{name} spreads this single channel over others")
    for shape in _constants(call):
        place = len(shape) - rank + axis
        if place >= 0 and shape[place] > 1:
            tracer.units.freeze(widest.units, f"{name} joins it with a constant for each channel")
    return [Channels(axis, widest.units)]


def _meeting_axis(tensors: list[keras.KerasTensor], rank: int, tracer: Tracer) -> int | None:
    """Return the axis of the result that holds removable channels.

    This is the last axis if no channel can be removed, and None if there are several such axes.
    """
    wide, single = set(), set()
    for tensor in tensors:
        channels = tracer.channels(tensor)
        if channels is not None and tracer.staying_reason(tensor) is None:
            (wide if len(channels.units) > 1 else single).add(channels.axis + rank - len(tensor.shape))
    axes = wide or single or {rank - 1}
    return axes.pop() if len(axes) == 1 else None


def _constants(call: LayerCall) -> list[tuple[int, ...]]:
    """Return shapes of arguments that are not the model's tensors."""
    shapes = []
    for argument in (*call.args, *call.kwargs.values()):
        inside = keras.tree.flatten(argument)
        tensors = [isinstance(value, keras.KerasTensor) for value in inside]
        # A list of numbers is one constant; a list that contains a tensor is a list of arguments.
        constants = [value for value, is_tensor in zip(inside, tensors, strict=True) if not is_tensor]
        shapes += [np.shape(value) for value in (constants if any(tensors) else [argument])]
    return shapes
