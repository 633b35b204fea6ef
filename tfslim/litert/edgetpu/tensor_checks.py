"""Checks of operators' tensors: types, scales and storage."""

from collections.abc import Callable, Iterator

import numpy as np

from tfslim.litert.edgetpu.hit import Hit, shape_text
from tfslim.litert.edgetpu.operators import BIAS, SIZES, WEIGHTS
from tfslim.litert.flatbuffer.graph import Graph, Operator, Tensor

__all__ = ["TENSOR_CHECKS", "is_float_end"]

_EIGHT_BITS = ("INT8", "UINT8")
_INTEGERS = ("INT32", "INT64", "BOOL")
# TensorFlow's kernels refuse a bias whose scale differs by more.
_BIAS_TOLERANCE = 0.02
_FILTER_AXIS = {"CONV_2D": 0, "TRANSPOSE_CONV": 0, "DEPTHWISE_CONV_2D": 3, "FULLY_CONNECTED": 0}


def computed_shape(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E7: shape computed at run time."""
    if operator.name == "SHAPE":
        yield Hit("computes a shape", graph, operator)
        return
    for position, role in SIZES.get(operator.name, {}).items():
        tensor = graph.operand(operator, position)
        if tensor is not None and not tensor.constant and tensor.index in graph.computed:
            yield Hit(f"{role} computed at run time", graph, operator, tensor)
            return
    results = graph.results(operator)
    if operator.name in ("STRIDED_SLICE", "PACK", "FILL", "MUL") and results and results[0].dtype in _INTEGERS:
        yield Hit(f"computes a shape ({results[0].dtype})", graph, operator, results[0])


def outside(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E9: parameter stored outside the flatbuffer or missing."""
    for tensor in graph.operands(operator):
        if tensor is not None and tensor.outside:
            yield Hit("its values lie outside the flatbuffer", graph, operator, tensor)
    for position, role in _parameters(operator).items():
        tensor = graph.operand(operator, position)
        if tensor is not None and not tensor.constant and not tensor.outside and tensor.index not in graph.computed:
            yield Hit(f"no values for its {role}", graph, operator, tensor)


def computed_parameter(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E10: parameter not constant."""
    for position, role in WEIGHTS.get(operator.name, {}).items():
        tensor = graph.operand(operator, position)
        if tensor is not None and not tensor.constant and tensor.index in graph.computed - graph.unpacked:
            yield Hit(f"{role} computed at run time", graph, operator, tensor)


def long_integers(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E11: 64-bit operand."""
    for tensor in graph.operands(operator):
        if tensor is not None and tensor.constant and tensor.dtype == "INT64":
            yield Hit("a constant of INT64", graph, operator, tensor)


def eight_bits(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E12: not quantized to 8 bits."""
    if is_float_end(graph, operator):
        return
    # An LSTM keeps its cell state in 16 bits.
    allowed = _EIGHT_BITS + _INTEGERS + (("INT16",) if operator.name.endswith("LSTM") else ())
    for tensor in graph.operands(operator) + graph.results(operator):
        if tensor is not None and tensor.dtype not in allowed and not _is_resource(tensor):
            yield Hit(f"computes in {tensor.dtype}", graph, operator, tensor)
            return
    if operator.name == "DEQUANTIZE":
        yield Hit("inside the graph, not at a float output", graph, operator)


def one_scale(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E13: activation without one scale."""
    for tensor in graph.operands(operator) + graph.results(operator):
        if tensor is None or tensor.constant or tensor.dtype not in _EIGHT_BITS:
            continue
        if len(tensor.scales) != 1 or len(tensor.zero_points) != 1:
            found = f"{len(tensor.scales)} scales and {len(tensor.zero_points)} zero points"
            yield Hit(found, graph, operator, tensor)
            return


def bias_scale(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E14: bias of another scale."""
    bias = graph.operand(operator, BIAS[operator.name]) if operator.name in BIAS else None
    data = graph.operand(operator, 2 if operator.name == "TRANSPOSE_CONV" else 0)
    weights = graph.operand(operator, 1)
    if bias is None or data is None or weights is None or data.dtype not in _EIGHT_BITS:
        return
    if bias.dtype != "INT32":
        yield Hit(f"a bias of {bias.dtype}; expected INT32", graph, operator, bias)
        return
    if len(data.scales) != 1 or not len(weights.scales) or not len(bias.scales):
        return
    if len(bias.scales) not in (1, len(weights.scales)):
        found = f"{len(bias.scales)} scales of the bias for {len(weights.scales)} of the weights; expected as many"
        yield Hit(found, graph, operator, bias)
        return
    expected = data.scales[0] * weights.scales
    with np.errstate(all="ignore"):
        error = np.abs(bias.scales - expected) / np.abs(expected)
    if not (error <= _BIAS_TOLERANCE).all():
        worst = int(np.argmax(np.where(np.isfinite(error), error, np.inf)))
        found = f"scale {np.broadcast_to(bias.scales, expected.shape)[worst]:.4g}; expected {expected[worst]:.4g}"
        yield Hit(found, graph, operator, bias)


def dense_scales(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E15: dense layer with a scale for each unit."""
    weights = graph.operand(operator, 1)
    if operator.name == "FULLY_CONNECTED" and weights is not None and len(weights.scales) > 1:
        yield Hit(f"{len(weights.scales)} scales for its weights", graph, operator, weights)


def filter_scales(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E28: scales along the wrong axis."""
    weights = graph.operand(operator, 1)
    if operator.name not in _FILTER_AXIS or weights is None or len(weights.scales) < 2:
        return
    axis, expected = weights.quantized_dimension, _FILTER_AXIS[operator.name]
    if axis != expected:
        yield Hit(f"scales along axis {axis}; expected axis {expected}", graph, operator, weights)
    elif axis >= len(weights.shape) or weights.shape[axis] != len(weights.scales):
        found = f"{len(weights.scales)} scales along axis {axis} of {shape_text(weights.shape)}"
        yield Hit(found, graph, operator, weights)


def sparse(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check W8: sparse tensors."""
    for tensor in graph.operands(operator):
        if tensor is not None and tensor.sparse:
            yield Hit("reads sparse values", graph, operator, tensor)


TENSOR_CHECKS: dict[str, Callable[[Graph, Operator], Iterator[Hit]]] = {
    "E7": computed_shape,
    "E9": outside,
    "E10": computed_parameter,
    "E11": long_integers,
    "E12": eight_bits,
    "E13": one_scale,
    "E14": bias_scale,
    "E15": dense_scales,
    "E28": filter_scales,
    "W8": sparse,
}


def is_float_end(graph: Graph, operator: Operator) -> bool:
    """Return whether an operator converts a float input or output.

    That is the QUANTIZE after a float input of the file, or the DEQUANTIZE before a float output.
    """
    if operator.name == "QUANTIZE":
        return bool(operator.inputs) and operator.inputs[0] in graph.ends
    if operator.name == "DEQUANTIZE":
        return bool(operator.outputs) and operator.outputs[0] in graph.ends
    return False


def _parameters(operator: Operator) -> dict[int, str]:
    return {**WEIGHTS.get(operator.name, {}), **SIZES.get(operator.name, {})}


def _is_resource(tensor: Tensor) -> bool:
    return tensor.dtype in ("RESOURCE", "VARIANT", "STRING")
