"""Rules for what treats every channel by itself: activations, arithmetic, pooling, padding, resizing."""

import keras
import numpy as np

from tfslim.calls import Call
from tfslim.pruning.tracing import Channels, Tracer, channel_axis, tensors_of

# fmt: off
ACTIVATIONS = frozenset({
    "celu", "elu", "exponential", "gelu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh",
    "leaky_relu", "linear", "log_sigmoid", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
})
SAME_SHAPE_LAYERS = (
    keras.layers.ReLU, keras.layers.LeakyReLU, keras.layers.ELU, keras.layers.Identity, keras.layers.Dropout,
    keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D,
    keras.layers.GaussianDropout, keras.layers.GaussianNoise, keras.layers.ActivityRegularization,
)
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
    "Abs", "Absolute", "Cast", "Celu", "Clip", "Elu", "Exp", "Expm1", "Gelu", "HardShrink", "HardSigmoid", "HardSilu",
    "HardTanh", "Identity", "LeakyRelu", "Log1p", "LogSigmoid", "Mish", "Negative", "Relu", "Relu6", "Rsqrt", "Selu",
    "Sigmoid", "Sign", "Silu", "SoftShrink", "Softplus", "Softsign", "Sqrt", "Square", "Squareplus", "StopGradient",
    "Tanh", "TanhShrink",
})
BINARY_OPERATIONS = frozenset({"Add", "Divide", "Maximum", "Minimum", "Multiply", "Subtract", "TrueDivide"})
WINDOW_OPERATIONS = frozenset({"AveragePool", "MaxPool", "Resize"})
# fmt: on


def same_shape(call: Call, tracer: Tracer) -> list[Channels | None]:
    """Each output element comes from the input element in its place."""
    return [tracer.channels(tensors_of(call)[0])]


def activation(call: Call, tracer: Tracer) -> list[Channels | None]:
    """`keras.layers.Activation`, channel by channel if it is one of Keras' own that are."""
    channels = tracer.channels(tensors_of(call)[0])
    freeze_mixing_activation(call.operation, channels, tracer)
    return [channels]


def freeze_mixing_activation(layer: keras.layers.Layer, channels: Channels | None, tracer: Tracer) -> None:
    """Keeps channels that go into an activation which looks at several of them, or may do so."""
    name = getattr(layer.activation, "__name__", type(layer.activation).__name__) if layer.activation else "linear"
    known = name in ACTIVATIONS and getattr(keras.activations, name, None) is not None
    own = known and not (layer.activation.__module__ if layer.activation else "keras").startswith("keras")
    if (not known or own) and channels is not None:
        tracer.units.freeze(channels.units, f"{layer.name}'s activation {name} may mix channels")


def softmax(call: Call, tracer: Tracer) -> list[Channels | None]:
    """Softmax along another axis leaves channels apart."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    axes = np.atleast_1d(call.operation.axis) % len(tensor.shape)
    if channels is not None and channels.axis in axes:
        tracer.units.freeze(channels.units, f"{call.operation.name} takes a softmax over the channels")
    return [channels]


def window(call: Call, tracer: Tracer) -> list[Channels | None]:
    """Pooling, padding, cropping and resizing of the axes beside the channels."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    layer = call.operation
    if channels is not None and channels.axis != channel_axis(layer, len(tensor.shape)):
        tracer.units.freeze(channels.units, f"{layer.name} works along axis {channels.axis}, where the channels are")
        return [tracer.staying(call.outputs[0], f"comes out of {layer.name}")]
    return [channels]


def pad(call: Call, tracer: Tracer) -> list[Channels | None]:
    """`keras.ops.pad` beside the channels."""
    tensor = tensors_of(call)[0]
    channels = tracer.channels(tensor)
    widths = np.broadcast_to(call.operation.pad_width, (len(tensor.shape), 2))
    if channels is not None and widths[channels.axis].any():
        tracer.units.freeze(channels.units, f"{call.operation.name} pads the channels")
        return [tracer.staying(call.outputs[0], f"comes out of {call.operation.name}")]
    return [channels]


def rescaling(call: Call, tracer: Tracer) -> list[Channels | None]:
    """A factor and an offset, for all channels or one for each."""
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


def merge(call: Call, tracer: Tracer) -> list[Channels | None]:
    """Arithmetic of tensors, which broadcasts as numpy does: channels that meet go together."""
    rank = len(call.outputs[0].shape)
    tensors = tensors_of(call)
    each = [(tracer.channels(tensor), rank - len(tensor.shape)) for tensor in tensors]
    moved = [Channels(channels.axis + shift, channels.units) for channels, shift in each if channels is not None]
    name = call.operation.name
    if not moved or len(moved) < len(tensors):
        tracer.freeze(tensors, f"{name} joins it with a tensor whose channels are not known")
        return [tracer.staying(call.outputs[0], f"comes out of {name}")]
    wide = [channels for channels in moved if len(channels.units) > 1] or moved
    axis = wide[0].axis
    if any(channels.axis != axis for channels in wide):
        tracer.freeze(tensors, f"{name} joins channels of different axes")
        return [tracer.staying(call.outputs[0], f"comes out of {name}")]
    for other in wide[1:]:
        tracer.units.unite(wide[0].units, other.units)
    for narrow in moved:
        if len(narrow.units) == 1 and len(wide[0].units) > 1:
            tracer.units.freeze(narrow.units, f"{name} spreads this single channel over others")
    for value in keras.tree.flatten((call.args, call.kwargs)):
        shape = () if isinstance(value, (keras.KerasTensor, str)) else np.shape(value)
        place = len(shape) - (rank - axis)
        if shape and place >= 0 and shape[place] > 1:
            tracer.units.freeze(wide[0].units, f"{name} joins it with a constant for each channel")
    return [Channels(axis, wide[0].units)]
