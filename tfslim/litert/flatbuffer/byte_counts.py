"""Bytes of a .tflite file by kind and operator."""

from collections import Counter
from collections.abc import Iterable

from tfslim.litert.flatbuffer.graph import Graph
from tfslim.litert.flatbuffer.reader import Region

__all__ = ["KINDS", "count_bytes"]

KINDS = (
    "weights",
    "biases",
    "other constants",
    "scales and zero points",
    "tensor names",
    "graph",
    "metadata",
    "associated files",
    "padding and unread",
)
# Position of the bias among an operator's inputs; its other constants are weights.
_BIAS = {"CONV_2D": 2, "DEPTHWISE_CONV_2D": 2, "FULLY_CONNECTED": 2, "TRANSPOSE_CONV": 3, "CONV_3D": 2}
_SMALL_OPERANDS = {"INT32", "INT64", "BOOL"}
_NO_OPERATOR = (-1, -1)

Owner = tuple[int, int]  # graph and operator, or _NO_OPERATOR


def count_bytes(
    size: int, regions: Iterable[Region], graphs: Iterable[Graph], metadata_buffers: set[int]
) -> tuple[dict[str, int], dict[Owner, dict[str, int]]]:
    """Assign each byte to one kind and one operator.

    Bytes that several tensors share are counted once, for the first. A constant belongs to the first operator that
    reads it; name and scale of a computed tensor belong to the operator that writes it.

    Args:
        size: Size of the file in bytes.
        regions: Regions as listed by `read_tables`, plus regions outside the flatbuffer with the path
            ("buffers", number, "data") or ("files",).
        graphs: The file's graphs.
        metadata_buffers: Numbers of the buffers that hold metadata.

    Returns:
        Bytes by kind, with all of `KINDS`, and bytes by (graph, operator) and kind, with (-1, -1) for bytes that belong
        to no operator. Each sums to `size`.
    """
    tensor_owner, buffer_owner, buffer_kind = _ownership(graphs)
    for buffer in metadata_buffers:
        buffer_kind.setdefault(buffer, "metadata")
    kinds, owners = Counter(dict.fromkeys(KINDS, 0)), {}

    def add(count: int, kind: str, owner: Owner) -> None:
        kinds[kind] += count
        owners.setdefault(owner, Counter())[kind] += count

    end = 0
    for start, stop, path in sorted(regions, key=lambda region: region[0]):
        if start > end:
            add(start - end, "padding and unread", _NO_OPERATOR)
            end = start
        if stop > end:
            add(stop - end, *_kind_and_owner(path, tensor_owner, buffer_owner, buffer_kind))
            end = stop
    if size > end:
        add(size - end, "padding and unread", _NO_OPERATOR)
    return dict(kinds), {owner: dict(counts) for owner, counts in sorted(owners.items())}


def _ownership(graphs: Iterable[Graph]) -> tuple[dict[tuple[int, int], Owner], dict[int, Owner], dict[int, str]]:
    tensor_owner, buffer_owner, buffer_kind = {}, {}, {}
    for graph in graphs:
        for operator in graph.operators:
            owner = (graph.index, operator.index)
            for position, tensor in enumerate(graph.operands(operator)):
                if tensor is not None and tensor.constant:
                    tensor_owner.setdefault((graph.index, tensor.index), owner)
                    buffer_owner.setdefault(tensor.buffer, owner)
                    buffer_kind.setdefault(tensor.buffer, _constant_kind(operator.name, position, tensor.dtype))
            for tensor in graph.results(operator):
                tensor_owner.setdefault((graph.index, tensor.index), owner)
    return tensor_owner, buffer_owner, buffer_kind


def _constant_kind(operator: str, position: int, dtype: str) -> str:
    if _BIAS.get(operator) == position:
        return "biases"
    return "other constants" if dtype in _SMALL_OPERANDS else "weights"


def _kind_and_owner(path: tuple, tensor_owner: dict, buffer_owner: dict, buffer_kind: dict) -> tuple[str, Owner]:
    if not path:
        return "graph", _NO_OPERATOR
    if path[0] == "files":
        return "associated files", _NO_OPERATOR
    if path[0] == "buffers" and len(path) > 1:
        kind = buffer_kind.get(path[1], "other constants") if path[-1] == "data" else "graph"
        return kind, buffer_owner.get(path[1], _NO_OPERATOR)
    if path[0] in ("metadata", "metadata_buffer", "signature_defs", "description"):
        return "metadata", _NO_OPERATOR
    if path[0] != "subgraphs" or len(path) < 4:
        return "graph", _NO_OPERATOR
    graph, part, index = path[1:4]
    if part == "operators":
        return "graph", (graph, index)
    owner = tensor_owner.get((graph, index), _NO_OPERATOR) if part == "tensors" else _NO_OPERATOR
    if "quantization" in path:
        return "scales and zero points", owner
    return ("tensor names" if path[-1] == "name" and part == "tensors" else "graph"), owner
