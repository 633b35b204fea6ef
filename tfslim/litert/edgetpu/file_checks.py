"""Checks of the rules about a whole file.

They concern open sizes, the sizes of parameters and activations, and the file's producer.
"""

from collections.abc import Callable, Iterator
from math import prod

from tfslim.litert.edgetpu.estimates import CACHE_BYTES, estimate
from tfslim.litert.edgetpu.hit import Hit, shape_text
from tfslim.litert.edgetpu.operators import BIAS
from tfslim.litert.flatbuffer.graph import Graph, Tensor
from tfslim.litert.flatbuffer.summary import FileSummary

__all__ = ["FILE_CHECKS"]

# Reports of operators left on the CPU begin at tensors of about this many bytes; no limit is published.
_LARGE_ACTIVATION = 1_000_000
_LARGE_OUTPUT = 100_000  # bytes: about 1 ms at 87 MiB/s
_CHANNELS = 64
_SIZE_LIMITED = ("MEAN", "RESHAPE", "RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR", "MAX_POOL_2D", "AVERAGE_POOL_2D")
_BYTES = {"INT8": 1, "UINT8": 1, "BOOL": 1, "INT16": 2, "FLOAT16": 2, "BFLOAT16": 2, "INT64": 8, "FLOAT64": 8}


def several_graphs(summary: FileSummary) -> Iterator[Hit]:
    """Check E2: several subgraphs or control flow."""
    if len(summary.graphs) > 1:
        names = ", ".join(repr(graph.name) for graph in summary.graphs[:4])
        yield Hit(f"{len(summary.graphs)} subgraphs ({names}{', ...' if len(summary.graphs) > 4 else ''})")


def open_sizes(summary: FileSummary) -> Iterator[Hit]:
    """Check E6: open size."""
    for graph in summary.graphs:
        for tensor in graph.tensors:
            if any(size < 1 for size in tensor.shape) or -1 in (tensor.shape_signature or ())[1:]:
                found = f"a tensor of shape {shape_text(tensor.shape_signature or tensor.shape)}"
                yield Hit(found, graph, None, tensor)
                break


def open_batch(summary: FileSummary) -> Iterator[Hit]:
    """Check W9: open batch of inputs and outputs."""
    for graph in summary.graphs:
        for index in (*graph.inputs, *graph.outputs):
            signature = graph.tensors[index].shape_signature
            if signature and signature[0] == -1 and -1 not in signature[1:]:
                found = f"an input or output of shape {shape_text(signature)}"
                yield Hit(found, graph, None, graph.tensors[index])
                break


def float_ends(summary: FileSummary) -> Iterator[Hit]:
    """Check W2: float inputs or outputs."""
    graph = summary.graphs[0]
    for end, indices in (("input", graph.inputs), ("output", graph.outputs)):
        for tensor in (graph.tensors[index] for index in indices):
            if tensor.dtype not in ("INT8", "UINT8"):
                yield Hit(f"an {end} of {tensor.dtype}", graph, None, tensor)
    for operator in graph.operators:
        data, results = graph.operand(operator, 0), graph.results(operator)
        if operator.name == "QUANTIZE" and data is not None and data.dtype in ("INT8", "UINT8") and results:
            yield Hit(f"from {data.dtype} to {results[0].dtype}", graph, operator, data)


def parameters(summary: FileSummary) -> Iterator[Hit]:
    """Check W3: parameters do not fit the chip's memory."""
    estimates = estimate(summary.graphs[0])
    if estimates.streamed_bytes:
        sizes = (estimates.parameter_bytes, CACHE_BYTES, estimates.streamed_bytes)
        total, room, streamed = (f"{size / 2**20:.1f} MiB" for size in sizes)
        yield Hit(f"estimate: {total} of parameters, room for {room}, {streamed} sent at every inference")


def large_activations(summary: FileSummary) -> Iterator[Hit]:
    """Check W4: large activation."""
    graph = summary.graphs[0]
    for operator in graph.operators:
        data = graph.operand(operator, 0)
        if operator.name in _SIZE_LIMITED and data is not None and _size(data) > _LARGE_ACTIVATION:
            yield Hit(f"an input of {shape_text(data.shape)} ({_size(data):,} bytes)", graph, operator, data)


def resizing(summary: FileSummary) -> Iterator[Hit]:
    """Check W5: resizing."""
    graph = summary.graphs[0]
    for operator in graph.operators:
        if operator.name in ("RESIZE_BILINEAR", "RESIZE_NEAREST_NEIGHBOR"):
            half = " with half-pixel centers" if operator.options.get("half_pixel_centers") else ""
            sizes = [
                shape_text(tensor.shape) for tensor in (graph.operand(operator, 0), *graph.results(operator)) if tensor
            ]
            yield Hit(f"{' to '.join(sizes)}{half}", graph, operator)


def few_channels(summary: FileSummary) -> Iterator[Hit]:
    """Check W6: few channels."""
    graph = summary.graphs[0]
    filters = [
        results[0].shape[-1]
        for operator, results in ((operator, graph.results(operator)) for operator in graph.operators)
        if operator.name in BIAS and results and results[0].shape
    ]
    few = [count for count in filters if count < _CHANNELS]
    if few:
        yield Hit(f"{len(few)} of {len(filters)} convolutions and dense layers have fewer than {_CHANNELS} channels")


def large_outputs(summary: FileSummary) -> Iterator[Hit]:
    """Check W7: large outputs."""
    graph = summary.graphs[0]
    total = sum(_size(graph.tensors[index]) for index in graph.outputs)
    if total > _LARGE_OUTPUT:
        yield Hit(f"{total:,} bytes of outputs")


def producer(summary: FileSummary) -> Iterator[Hit]:
    """Check I1: producer."""
    writer = ", ".join(part for part in (summary.producer, summary.description) if part)
    if writer:
        yield Hit(f"made by {writer}")
    codes = summary.operator_codes
    if len(codes) > 1 and all(version == 1 for _, version, _ in codes) and _is_quantized(summary.graphs[0]):
        yield Hit("all operators of this quantized file have version 1, so their versions prove nothing")


FILE_CHECKS: dict[str, Callable[[FileSummary], Iterator[Hit]]] = {
    "E2": several_graphs,
    "E6": open_sizes,
    "W2": float_ends,
    "W3": parameters,
    "W4": large_activations,
    "W5": resizing,
    "W6": few_channels,
    "W7": large_outputs,
    "W9": open_batch,
    "I1": producer,
}


def _size(tensor: Tensor) -> int:
    return prod(max(size, 0) for size in tensor.shape) * _BYTES.get(tensor.dtype, 4)


def _is_quantized(graph: Graph) -> bool:
    return any(len(tensor.scales) for tensor in graph.tensors)
