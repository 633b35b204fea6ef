"""A .tflite file, opened and checked before the interpreter runs."""

import dataclasses
import stat
from pathlib import Path

from tfslim._support.files import check_path
from tfslim.litert.flatbuffer.graph import Graph, read_graphs
from tfslim.litert.flatbuffer.reader import Region, Table, read_tables

__all__ = ["ModelFileError", "OpenFile", "check_tflite_path", "float_operators", "open_file"]

_FLOATS = {"FLOAT32", "FLOAT16", "FLOAT64", "BFLOAT16"}
# Offsets of a flatbuffer are signed 32-bit integers.
_MAX_BYTES = 2**31 - 1


class ModelFileError(ValueError):
    """Error for a .tflite file that cannot be read.

    The file is missing, truncated, damaged or of another format.
    """


@dataclasses.dataclass(frozen=True, eq=False)
class OpenFile:
    """A checked .tflite file: bytes, tables, graphs and regions.

    `regions` is as returned by `tfslim.litert.flatbuffer.reader.read_tables`.
    """

    path: Path
    data: bytes = dataclasses.field(repr=False)
    model: Table = dataclasses.field(repr=False)
    graphs: tuple[Graph, ...] = dataclasses.field(repr=False)
    regions: list[Region] = dataclasses.field(repr=False)


def open_file(path: str | Path) -> OpenFile:
    """Read and check a whole .tflite file.

    Every offset, length and reference is checked to stay within the file.

    Args:
        path: The file.

    Raises:
        TypeError: If `path` is not a path.
        ModelFileError: If the file is missing, not a regular file, over 2 GiB, truncated, not a .tflite file, or refers
            to parts that it does not have.

    Example:
        >>> [operator.name for operator in open_file("face.tflite").graphs[0].operators]  # doctest: +SKIP
        ['CONV_2D', 'MEAN', 'FULLY_CONNECTED']
    """
    check_tflite_path(path)
    path = Path(path)
    data = _content(path)
    if len(data) < 8 or data[4:8] != b"TFL3":
        raise ModelFileError(
            f"{path}: not a .tflite file: bytes 4 to 8 of its {len(data)} bytes are {data[4:8]!r}, expected b'TFL3'; "
            "convert the model again"
        )
    try:
        model, regions = read_tables(data)
        graphs = read_graphs(model, data)
        _check_other_references(model)
    except ValueError as error:
        raise ModelFileError(
            f"{path}: truncated or damaged .tflite file of {len(data)} bytes: {error}; convert or copy it again"
        ) from None
    return OpenFile(path, data, model, graphs, regions)


def check_tflite_path(path: object) -> None:
    """Raise a TypeError unless this is a path."""
    check_path(path, "a .tflite file", "write one with tfslim.litert.convert(model, path)")


def float_operators(path: str | Path) -> dict[str, str]:
    """List a file's operators that compute in floating point.

    QUANTIZE and DEQUANTIZE are not listed: they lead to a float operator and back, or convert the file's own inputs and
    outputs.

    Args:
        path: The file, usually one quantized to int8.

    Returns:
        Name of the output tensor -> name of the operator ("EXP"), in order of execution; empty for a full int8 file.

    Raises:
        ModelFileError: If the file is damaged.
    """
    float_outputs = {}
    for graph in open_file(path).graphs:
        for operator in graph.operators:
            results = graph.results(operator)
            used = [tensor for tensor in graph.operands(operator) if tensor is not None] + results
            if operator.name not in ("QUANTIZE", "DEQUANTIZE") and any(tensor.dtype in _FLOATS for tensor in used):
                name = (results[0].name if results else "") or f"operator {operator.index}"
                float_outputs[name] = operator.name
    return float_outputs


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        # A pipe or a device may never end.
        if not stat.S_ISREG(status.st_mode):
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise ModelFileError(f"{path}: cannot be read (it is {kind}); expected a .tflite file")
        if status.st_size > _MAX_BYTES:
            raise ModelFileError(f"{path}: cannot be read ({status.st_size:,} bytes; a flatbuffer has at most 2 GiB)")
        return path.read_bytes()
    except FileNotFoundError:
        raise ModelFileError(f"{path}: no such file; expected a .tflite file") from None
    except OSError as error:
        raise ModelFileError(f"{path}: cannot be read ({error.strerror})") from error


def _check_other_references(model: Table) -> None:
    """Check that metadata and signatures refer to existing parts."""
    buffers, graphs = len(model["buffers"]), model["subgraphs"]
    for entry in model["metadata"] or ():
        if entry["buffer"] >= buffers:
            raise ValueError(
                f"metadata {entry['name']!r} refers to buffer {entry['buffer']}; the file has {buffers} buffers"
            )
    for signature in model["signature_defs"] or ():
        if signature["subgraph_index"] >= len(graphs):
            raise ValueError(
                f"a signature refers to graph {signature['subgraph_index']}; the file has {len(graphs)} graphs"
            )
        tensors = len(graphs[signature["subgraph_index"]]["tensors"] or ())
        for end in (*(signature["inputs"] or ()), *(signature["outputs"] or ())):
            if end["tensor_index"] >= tensors:
                raise ValueError(f"a signature refers to tensor {end['tensor_index']}; its graph has {tensors} tensors")
