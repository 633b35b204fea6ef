"""Checks of Keras layer calls for the Edge TPU compiler."""

from collections.abc import Callable, Iterator

import keras

from tfslim.graph.activations import activation_name
from tfslim.graph.traversal import LayerCall
from tfslim.litert.edgetpu.hit import effective_shape, shape_text
from tfslim.litert.edgetpu.keras_operations import ACTIVATIONS, OPERATIONS
from tfslim.litert.edgetpu.rewrites.activations import fuses_into_pool, rewritable_activation
from tfslim.litert.edgetpu.rewrites.convolutions import has_unequal_dilation, is_dense_on_map, is_grouped
from tfslim.litert.edgetpu.rewrites.rewrite import with_positional_input
from tfslim.litert.edgetpu.rewrites.shapes import is_nearest_upsampling, is_pooling, subsampling_steps

__all__ = ["Violation", "find_violations"]

# (id of the rule, what was found, cure or "", whether prepare_for_edgetpu rewrites it)
Violation = tuple[str, str, str, bool]
_SOFTMAX_LIMIT = 16_000
_REDUCTIONS = ("Mean", "Sum", "Max", "Min", "Amax", "Amin")
_CHANGES_SHAPE = ("Reshape", "Transpose", "Permute", "Stack", "ExpandDims", "GetItem", "Flatten")


def find_violations(call: LayerCall, before: keras.Operation | None) -> Iterator[Violation]:
    """Yield the rules that a call breaks.

    Args:
        call: a call with the shapes of batch 1.
        before: the layer or operation that computes the call's first argument; None for an input.
    """
    call = with_positional_input(call)
    if not call.args:
        return
    for check in _CHECKS:
        yield from check(call)
    yield from _pooled_relu(call, before)


def _activation(call: LayerCall) -> Iterator[Violation]:
    name = activation_name(call.operation)
    exact = rewritable_activation(call.operation) is not None
    if exact and name != rewritable_activation(call.operation):
        name = rewritable_activation(call.operation)  # a ReLU with a negative slope
    if name in ACTIVATIONS and type(call.operation).__name__ not in OPERATIONS:
        rule, becomes, cure = ACTIVATIONS[name]
        yield rule, f"{name} becomes {becomes}", cure, exact


def _operation(call: LayerCall) -> Iterator[Violation]:
    kind = type(call.operation).__name__
    if kind in OPERATIONS and (isinstance(call.operation, keras.layers.Layer) or not hasattr(keras.layers, kind)):
        rule, becomes, cure = OPERATIONS[kind]
        yield rule, f"{kind} becomes {becomes}", cure, False


def _grouped(call: LayerCall) -> Iterator[Violation]:
    if is_grouped(call.operation):
        yield "E17", f"{call.operation.groups} groups become CONV_2D version 6", "", _channels_last(call)


def _dilation(call: LayerCall) -> Iterator[Violation]:
    if has_unequal_dilation(call.operation):
        yield "E18", f"dilation {call.operation.dilation_rate}", "", True


def _dense(call: LayerCall) -> Iterator[Violation]:
    operation, rank = call.operation, len(_shape(call))
    if is_dense_on_map(call):
        yield "E16", f"Dense on each position of {shape_text(_shape(call))}", "a convolution of size 1", True
    elif isinstance(operation, (keras.layers.Dense, keras.layers.EinsumDense)) and rank > 2:
        yield "E16", f"{type(operation).__name__} on each position of {shape_text(_shape(call))}", "", False


def _upsampling(call: LayerCall) -> Iterator[Violation]:
    if is_nearest_upsampling(call.operation):
        cure = 'keras.layers.Resizing(height, width, interpolation="nearest")'
        yield "E5", "UpSampling2D (nearest) becomes TILE version 3", cure, _channels_last(call)


def _softmax(call: LayerCall) -> Iterator[Violation]:
    if activation_name(call.operation) != "softmax" and not isinstance(call.operation, keras.layers.Softmax):
        return
    shape = effective_shape(tuple(call.outputs[0].shape))
    if len(shape) > 1:
        yield "E22", f"softmax over a map of {shape_text(shape)}", "", False
    elif shape and shape[0] > _SOFTMAX_LIMIT:
        yield "E22", f"softmax over {shape[0]:,} elements", "", False


def _prelu(call: LayerCall) -> Iterator[Violation]:
    if isinstance(call.operation, keras.layers.PReLU):
        slopes = tuple(call.operation.alpha.shape)
        if len(effective_shape(slopes)) > 1:
            yield "E24", f"PReLU with slopes of shape {shape_text(slopes)}", "", False


def _relu_threshold(call: LayerCall) -> Iterator[Violation]:
    if isinstance(call.operation, keras.layers.ReLU) and call.operation.threshold:
        yield "E19", "ReLU with a threshold becomes GREATER and SELECT_V2", "ReLU without a threshold", False


def _pooled_relu(call: LayerCall, before: keras.Operation | None) -> Iterator[Violation]:
    if before is not None and is_pooling(before) and fuses_into_pool(call.operation):
        yield "E20", f"ReLU is fused into {type(before).__name__} '{before.name}'", "move the ReLU before it", True


def _slices(call: LayerCall) -> Iterator[Violation]:
    if type(call.operation).__name__ != "GetItem" or len(call.args) < 2:
        return
    key = call.args[1] if isinstance(call.args[1], tuple) else (call.args[1],)
    if any(isinstance(item, slice) and (item.step or 1) != 1 for item in key):
        yield "E23", "slice with steps becomes STRIDED_SLICE with steps", "", subsampling_steps(call) is not None


def _padding(call: LayerCall) -> Iterator[Violation]:
    if type(call.operation).__name__ != "Pad":
        return
    mode = getattr(call.operation, "mode", "constant")
    value = call.kwargs.get("constant_values", 0)
    if mode != "constant":
        yield "E19", f"padding by {mode} becomes MIRROR_PAD", "ZeroPadding2D", False
    elif value:
        yield "E19", f"padding by {value} becomes PADV2", "ZeroPadding2D", False
    elif any(call.operation.pad_width[0]):
        yield "E25", "padding along the batch", "", False


def _division(call: LayerCall) -> Iterator[Violation]:
    divides = type(call.operation).__name__ in ("TrueDivide", "Divide", "FloorDivide")
    if divides and len(call.args) > 1 and isinstance(call.args[1], keras.KerasTensor):
        yield "E19", "division becomes DIV", "multiply by the inverse", False


def _power(call: LayerCall) -> Iterator[Violation]:
    if type(call.operation).__name__ == "Power":
        exponent = call.args[1]
        if isinstance(exponent, keras.KerasTensor) or exponent not in (1, 2, 3):
            yield "E19", "a power becomes POW", "multiply", False


def _reductions(call: LayerCall) -> Iterator[Violation]:
    if type(call.operation).__name__ not in _REDUCTIONS or not _shape(call):
        return
    rank, axes = len(_shape(call)), call.operation.axis
    axes = range(rank) if axes is None else [axis % rank for axis in ([axes] if isinstance(axes, int) else axes)]
    if 0 in axes:
        yield "E21", "reduction over the batch", "", False
    elif rank - 1 in axes and type(call.operation).__name__ == "Mean" and _shape(call)[-1] % 4:
        yield "E21", f"mean over {_shape(call)[-1]} channels, not a multiple of 4", "", False


def _axes(call: LayerCall) -> Iterator[Violation]:
    kind = type(call.operation).__name__
    if kind not in _CHANGES_SHAPE or not all(isinstance(output, keras.KerasTensor) for output in call.outputs):
        return
    shapes = {tuple(output.shape) for output in call.outputs}
    for shape in shapes:
        if len(effective_shape(shape)) > 3:
            yield "E27", f"{kind} to {shape_text(shape)}: more than 3 axes longer than 1", "", False


_CHECKS: tuple[Callable[[LayerCall], Iterator[Violation]], ...] = (
    _activation,
    _operation,
    _grouped,
    _dilation,
    _dense,
    _upsampling,
    _softmax,
    _prelu,
    _relu_threshold,
    _slices,
    _padding,
    _division,
    _power,
    _reductions,
    _axes,
)


def _shape(call: LayerCall) -> tuple:
    return tuple(call.args[0].shape) if call.args and isinstance(call.args[0], keras.KerasTensor) else ()


def _channels_last(call: LayerCall) -> bool:
    return call.operation.data_format == "channels_last"
