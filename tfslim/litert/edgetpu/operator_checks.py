"""Checks of operators: code, version, options, axes and shapes."""

from collections.abc import Callable, Iterator
from math import prod

from tfslim.litert.edgetpu.hit import Hit, effective_shape, shape_text
from tfslim.litert.edgetpu.operators import CEILINGS, CONTROL_FLOW, HAS_OWN_RULE, SUPPORTED, VARIABLES, WEIGHTS
from tfslim.litert.edgetpu.rules import REPLACEMENTS
from tfslim.litert.flatbuffer.graph import Graph, Operator, Tensor

__all__ = ["OPERATOR_CHECKS"]

_COMPILED = "edgetpu-custom-op"
_REDUCTIONS = ("MEAN", "SUM", "REDUCE_MAX", "REDUCE_MIN")
_SOFTMAX_LIMIT = 16_000
_LARGEST_CONSTANT = 2**20


def custom(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E1: custom operator."""
    if operator.custom_code == _COMPILED:
        yield _hit(graph, operator, "the file is already compiled", cure="lint the file that it was compiled from")
    elif operator.name in ("CUSTOM", "DELEGATE"):
        yield _hit(graph, operator, f"custom operator {operator.custom_code!r}")


def control_flow(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E2: several subgraphs or control flow."""
    if operator.name in CONTROL_FLOW:
        yield _hit(graph, operator, "runs another subgraph")


def variable(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E3: resource variables left in."""
    if operator.name in VARIABLES:
        yield _hit(graph, operator, "reads or writes a resource variable")


def unknown(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E4: operator newer than the compiler."""
    if operator.name not in CEILINGS and operator.name not in ("CUSTOM", "DELEGATE"):
        yield _hit(graph, operator, "not in TensorFlow 2.6", cure=_replacement(operator))


def version(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E5: operator version newer than the compiler."""
    _, newest = CEILINGS.get(operator.name, (operator.version, operator.version))
    if operator.version > newest:
        found = f"version {operator.version}; TensorFlow 2.6 supports it up to {newest}"
        yield _hit(graph, operator, found, cure=_replacement(operator))


def edge_version(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check W10: operator version at the edge."""
    strict, newest = CEILINGS.get(operator.name, (operator.version, operator.version))
    if strict < operator.version <= newest and operator.name not in VARIABLES:
        found = f"version {operator.version}; TensorFlow 2.5 supports it up to {strict}, 2.6 up to {newest}"
        yield _hit(graph, operator, found, cure=_replacement(operator))


def unsupported(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E19: operator not supported."""
    if operator.name in CEILINGS and operator.name not in SUPPORTED | HAS_OWN_RULE:
        yield _hit(graph, operator, "not an operator of the Edge TPU", cure=_replacement(operator))


def batch(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E8: batch other than 1."""
    for tensor in _activations(graph, operator):
        if len(tensor.shape) == 4 and tensor.shape[0] > 1:
            yield _hit(graph, operator, f"a batch of {tensor.shape[0]} ({shape_text(tensor.shape)})", tensor)
            return


def rank(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E27: too many axes."""
    for tensor in _activations(graph, operator):
        if len(tensor.shape) > 4 and len(effective_shape(tensor.shape)) > 3:
            yield _hit(graph, operator, f"{shape_text(tensor.shape)} has more than 3 axes longer than 1", tensor)
            return


def dense_form(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E16: dense layer of an unsupported form."""
    if operator.name != "FULLY_CONNECTED":
        return
    layout = operator.options.get("weights_format", "DEFAULT")
    if layout != "DEFAULT":
        yield _hit(graph, operator, f"weights in the format {layout}")
    for tensor in graph.results(operator)[:1]:
        if prod(tensor.shape[:-1]) != 1:
            yield _hit(graph, operator, f"an output of {shape_text(tensor.shape)}, not one row", tensor)


def grouped(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E17: grouped convolution."""
    if operator.name != "CONV_2D":
        return
    data, weights = graph.operand(operator, 0), graph.operand(operator, 1)
    if data and weights and len(data.shape) == len(weights.shape) == 4 and data.shape[3] != weights.shape[3]:
        found = f"filters of {weights.shape[3]} channels on an input of {data.shape[3]} channels"
        yield _hit(graph, operator, found, weights)


def dilation(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E18: dilation differs in height and width."""
    height, width = (operator.options.get(f"dilation_{side}_factor", 1) for side in "hw")
    if operator.name in ("CONV_2D", "DEPTHWISE_CONV_2D") and height != width:
        yield _hit(graph, operator, f"dilation {height} in height and {width} in width")


def fused_activation(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E20: fused activation on pooling or concatenation."""
    if operator.name in ("AVERAGE_POOL_2D", "MAX_POOL_2D", "CONCATENATION") and operator.activation:
        yield _hit(graph, operator, f"a fused {operator.activation}")


def reduction(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E21: reduction over an unsupported axis."""
    data, axes = graph.operand(operator, 0), _constant(graph, operator, 1)
    if operator.name not in _REDUCTIONS or data is None or axes is None or not data.shape:
        return
    reduced = {axis % len(data.shape) for axis in axes}
    if 0 in reduced and len(data.shape) > 1:
        yield _hit(graph, operator, f"over the batch (axes {axes})", data)
    last = len(data.shape) - 1
    if operator.name == "MEAN" and last in reduced and last > 0 and data.shape[last] % 4:
        yield _hit(graph, operator, f"over {data.shape[last]} channels, not a multiple of 4", data)


def softmax(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E22: softmax of an unsupported size."""
    data = graph.operand(operator, 0)
    if operator.name == "SOFTMAX" and data is not None:
        if len(effective_shape(data.shape)) > 1:
            yield _hit(graph, operator, f"an input of {shape_text(data.shape)}, not one vector", data)
        elif prod(data.shape) > _SOFTMAX_LIMIT:
            yield _hit(graph, operator, f"an input of {prod(data.shape):,} elements", data)


def strided_slice(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E23: strided slice with steps or masks."""
    if operator.name != "STRIDED_SLICE":
        return
    strides = _constant(graph, operator, 3)
    if strides and any(stride != 1 for stride in strides):
        yield _hit(graph, operator, f"steps of {strides}")
    for mask in ("ellipsis_mask", "new_axis_mask"):
        if operator.options.get(mask):
            yield _hit(graph, operator, f"{mask} {operator.options[mask]}")


def prelu(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E24: PReLU with a slope for each position."""
    slopes = graph.operand(operator, 1)
    if operator.name == "PRELU" and slopes is not None and len(effective_shape(slopes.shape)) > 1:
        yield _hit(graph, operator, f"slopes of shape {shape_text(slopes.shape)}", slopes)


def along_batch(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E25: split, pack or padding along the batch."""
    # Integers that PACK joins are a computed shape, which E7 reports.
    data = [tensor for tensor in _activations(graph, operator) if tensor.dtype not in ("INT32", "INT64")]
    rank = max((len(tensor.shape) for tensor in data), default=0)
    if operator.name == "PACK" and rank and operator.options.get("axis", 0) % rank == 0:
        yield _hit(graph, operator, "along axis 0")
    if operator.name == "SPLIT" and rank and [axis % rank for axis in _constant(graph, operator, 0) or ()] == [0]:
        yield _hit(graph, operator, "along axis 0")
    paddings = _constant(graph, operator, 1) if operator.name == "PAD" else None
    if paddings and any(paddings[:2]):
        yield _hit(graph, operator, f"of the batch by {paddings[:2]}", graph.operand(operator, 1))


def constant_concatenation(graph: Graph, operator: Operator) -> Iterator[Hit]:
    """Check E26: concatenation with a constant."""
    constants = [tensor for tensor in graph.operands(operator) if tensor is not None and tensor.constant]
    if operator.name != "CONCATENATION" or not constants:
        return
    if len(operator.inputs) != 2:
        yield _hit(graph, operator, f"a constant among {len(operator.inputs)} inputs", constants[0])
        return
    # A constant of zeros is as large as an activation; larger constants are not searched.
    data = constants[0].data
    values = constants[0].values() if data is not None and data.size <= _LARGEST_CONSTANT else None
    zero = int(constants[0].zero_points[0]) if len(constants[0].zero_points) else 0
    if values is None or (values != zero).any():
        yield _hit(graph, operator, "a constant that is not all zeros", constants[0])


OPERATOR_CHECKS: dict[str, Callable[[Graph, Operator], Iterator[Hit]]] = {
    "E1": custom,
    "E2": control_flow,
    "E3": variable,
    "E4": unknown,
    "E5": version,
    "E8": batch,
    "E16": dense_form,
    "E17": grouped,
    "E18": dilation,
    "E19": unsupported,
    "E20": fused_activation,
    "E21": reduction,
    "E22": softmax,
    "E23": strided_slice,
    "E24": prelu,
    "E25": along_batch,
    "E26": constant_concatenation,
    "E27": rank,
    "W10": edge_version,
}


def _hit(graph: Graph, operator: Operator, found: str, tensor: Tensor | None = None, cure: str = "") -> Hit:
    return Hit(found, graph, operator, tensor, cure)


def _replacement(operator: Operator) -> str:
    return REPLACEMENTS.get(operator.name, "")


def _activations(graph: Graph, operator: Operator) -> Iterator[Tensor]:
    parameters = WEIGHTS.get(operator.name, {})
    operands = [tensor for place, tensor in enumerate(graph.operands(operator)) if place not in parameters]
    for tensor in operands + graph.results(operator):
        if tensor is not None and not tensor.constant and tensor.index not in graph.unpacked:
            yield tensor


def _constant(graph: Graph, operator: Operator, place: int) -> list[int] | None:
    """Return the integers of a small constant operand.

    None if it is not a constant, not of integers, or too long for axes and steps.
    """
    tensor = graph.operand(operator, place)
    if tensor is None or tensor.data is None or tensor.data.size > 1024 or tensor.dtype not in ("INT32", "INT64"):
        return None
    values = tensor.values()
    return None if values is None else values.ravel().tolist()
