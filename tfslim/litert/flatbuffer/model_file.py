"""A .tflite file opened as the flatbuffer it is, with checks that come before the C++ interpreter sees it."""

import dataclasses
import stat
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from tfslim.litert.flatbuffer.graph import Graph, read_graphs
from tfslim.litert.flatbuffer.reader import Region, Table, read_tables

_FLOATS = {"FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16"}
# Offsets of a flatbuffer have 32 bits with a sign.
_LARGEST = 2**31 - 1


class ModelFileError(ValueError):
    """A .tflite file that is missing, truncated, or not one."""


@dataclasses.dataclass(frozen=True, eq=False)
class OpenFile:
    """A whole file, checked: its bytes, its tables, the graphs in them, and which bytes are what.

    `regions` is what `tfslim.litert.flatbuffer.reader.read_tables` gives.
    """

    path: Path
    data: bytes = dataclasses.field(repr=False)
    model: Table = dataclasses.field(repr=False)
    graphs: tuple[Graph, ...] = dataclasses.field(repr=False)
    regions: list[Region] = dataclasses.field(repr=False)


def open_file(path: str | Path) -> OpenFile:
    """Reads and checks a whole .tflite file: every offset, length and reference in it leads to what is there.

    Args:
        path: The file.

    Raises:
        ModelFileError: If the file is missing, no file, over 2 GiB, cut short, no .tflite file, or refers to parts that
            it does not have.

    Example:
        >>> [operator.name for operator in open_file("face.tflite").graphs[0].operators]  # doctest: +SKIP
        ['CONV_2D', 'MEAN', 'FULLY_CONNECTED']
    """
    path = Path(path)
    data = _content(path)
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise ModelFileError(
            f"{path}: {len(data)} bytes that do not begin as a .tflite file does "
            f"(bytes 4 to 8 are {data[4:8]!r}, expected b'TFL3'); convert the model again"
        )
    try:
        model, regions = read_tables(data)
        graphs = read_graphs(model, data)
        _check_other_references(model)
    except ValueError as error:
        raise ModelFileError(f"{path}: a .tflite file of {len(data)} bytes cut short or damaged: {error}") from None
    return OpenFile(path, data, model, graphs, regions)


def open_flatfile(path: str | Path) -> schema.ModelT:
    """Reads a .tflite file into the classes of `ai_edge_litert.schema_py_generated`, after the checks of `open_file`.

    Args:
        path: The file.

    Raises:
        ModelFileError: If the file is missing, cut short, is no .tflite file, or refers to parts that it does not have.
    """
    return schema.ModelT.InitFromPackedBuf(open_file(path).data)


def float_operators(path: str | Path) -> dict[str, str]:
    """Lists the operators of a .tflite file that still compute in floating point, by the name of their output tensor.

    QUANTIZE and DEQUANTIZE, which lead to an island and back or are the file's own inputs and outputs, are not listed.

    Args:
        path: The file; of interest is one quantised to int8.

    Returns:
        Name of the output tensor -> name of the operator ("EXP"), in order of execution; empty for a full int8 file.

    Raises:
        ModelFileError: If the file is damaged.
    """
    islands = {}
    for graph in open_file(path).graphs:
        for operator in graph.operators:
            results = graph.results(operator)
            used = [tensor for tensor in graph.operands(operator) if tensor is not None] + results
            if operator.name not in ("QUANTIZE", "DEQUANTIZE") and any(tensor.dtype in _FLOATS for tensor in used):
                name = (results[0].name if results else "") or f"operator {operator.index}"
                islands[name] = operator.name
    return islands


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        # A pipe or a device may give bytes without end.
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "no regular file"
            raise ModelFileError(f"{path}: cannot be read (it is {kind}); expected a .tflite file")
        if status.st_size > _LARGEST:
            raise ModelFileError(f"{path}: cannot be read ({status.st_size:,} bytes; a flatbuffer has at most 2 GiB)")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from error


def _check_other_references(model: Table) -> None:
    """Raises a ValueError where metadata or a signature refers to what is not there."""
    buffers, graphs = len(model["buffers"]), model["subgraphs"]
    for entry in model["metadata"] or ():
        if entry["buffer"] >= buffers:
            raise ValueError(f"metadata {entry['name']!r} refers to buffer {entry['buffer']} of {buffers}")
    for signature in model["signature_defs"] or ():
        if signature["subgraph_index"] >= len(graphs):
            raise ValueError(f"a signature refers to graph {signature['subgraph_index']} of {len(graphs)}")
        tensors = len(graphs[signature["subgraph_index"]]["tensors"] or ())
        for end in (*(signature["inputs"] or ()), *(signature["outputs"] or ())):
            if end["tensor_index"] >= tensors:
                raise ValueError(f"a signature refers to tensor {end['tensor_index']} of {tensors}")
