"""Summary of a .tflite file's graphs, signatures, metadata and bytes."""

import dataclasses
import io
import struct
import zipfile
from collections import Counter
from pathlib import Path

from tfslim._support.text import text_table
from tfslim.litert.flatbuffer.byte_counts import count_bytes
from tfslim.litert.flatbuffer.graph import Graph, Operator, Tensor, buffer_content, operator_name
from tfslim.litert.flatbuffer.model_file import OpenFile, open_file
from tfslim.litert.flatbuffer.reader import Table, read_tables

__all__ = ["FileSummary", "associated_files", "read", "summarize"]

_PLAIN_FIELDS = (
    "bytes",
    "description",
    "producer",
    "min_runtime_version",
    "buffer_bytes",
    "signatures",
    "metadata",
    "associated_files",
    "bytes_by_kind",
)
_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 65_557  # a zip's last record begins within this many bytes of the file's end
_MAX_CELL = 60  # characters
_DEFAULT_VALUES = (0, False, "", "NONE", "DEFAULT", None)
_HIDDEN_OPTIONS = ("pot_scale_int16",)
# title, options for height and width, default that is not shown
_OPTION_PAIRS = (
    ("stride", "stride_h", "stride_w", 1),
    ("dilation", "dilation_h_factor", "dilation_w_factor", 1),
    ("window", "filter_height", "filter_width", 0),
)


@dataclasses.dataclass(frozen=True, eq=False)
class FileSummary:
    """Content of a .tflite file; `print` shows it as tables.

    Attributes:
        path: the file.
        bytes: its size.
        description: the writer's description, usually "MLIR Converted.".
        producer: "TensorFlow 2.21.0" if the file states it, else "".
        min_runtime_version: the TensorFlow version that the file requires, else "".
        graphs: its subgraphs; an interpreter runs the first.
        operator_codes: (name, version, uses) of each listed code; uses is 0 for an unused one.
        buffer_bytes: bytes of each buffer.
        signatures: name -> {"graph": number, "inputs" and "outputs": name -> tensor number}.
        metadata: name -> bytes of the buffer.
        associated_files: name -> bytes of each file in the appended zip (usually labels).
        bytes_by_kind: bytes by use (weights, scales, names, ...); sums to `bytes`.
        bytes_by_operator: (graph, operator) -> bytes by kind; (-1, -1) for bytes of no operator; sums to `bytes`.
    """

    path: Path
    bytes: int
    description: str
    producer: str
    min_runtime_version: str
    graphs: tuple[Graph, ...]
    operator_codes: list[tuple[str, int, int]]
    buffer_bytes: list[int]
    signatures: dict[str, dict]
    metadata: dict[str, int]
    associated_files: dict[str, int]
    bytes_by_kind: dict[str, int]
    bytes_by_operator: dict[tuple[int, int], dict[str, int]]

    def __str__(self) -> str:
        return _summary_text(self)

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        plain = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        codes = [{"name": name, "version": version, "uses": uses} for name, version, uses in self.operator_codes]
        by_operator = [
            {"graph": graph, "operator": operator, **counts}
            for (graph, operator), counts in self.bytes_by_operator.items()
        ]
        graphs = [graph.to_dict() for graph in self.graphs]
        return {
            "path": str(self.path),
            **plain,
            "operator_codes": codes,
            "bytes_by_operator": by_operator,
            "graphs": graphs,
        }


def read(path: str | Path) -> FileSummary:
    """Read a .tflite file without running it.

    Args:
        path: The file, made by any converter.

    Returns:
        Its graphs with operators, versions, tensors and scales; signatures, metadata, and bytes by use.

    Raises:
        ModelFileError: If the file is missing, not a .tflite file, truncated or damaged.

    Example:
        >>> print(tfslim.litert.read("face-int8.tflite"))  # doctest: +SKIP
        >>> tfslim.litert.read("face-int8.tflite").bytes_by_kind["scales and zero points"]  # doctest: +SKIP
        153640
    """
    return summarize(open_file(path))


def summarize(opened: OpenFile) -> FileSummary:
    """Summarize an open file; see `read`."""
    model = opened.model
    files, archive = associated_files(opened.data)
    metadata = {_text(entry["name"]): entry["buffer"] for entry in model["metadata"] or ()}
    contents = [buffer_content(buffer, opened.data, number) for number, buffer in enumerate(model["buffers"])]
    outside = [
        (buffer["offset"], buffer["offset"] + buffer["size"], ("buffers", number, "data"))
        for number, (buffer, (_, is_outside)) in enumerate(zip(model["buffers"], contents, strict=True))
        if is_outside
    ]
    regions = opened.regions + outside + ([(archive, len(opened.data), ("files",))] if files else [])
    by_kind, by_operator = count_bytes(len(opened.data), regions, opened.graphs, set(metadata.values()))
    uses = Counter(operator["opcode_index"] for graph in model["subgraphs"] for operator in graph["operators"] or ())

    sizes = [0 if data is None else int(data.size) for data, _ in contents]

    def content(name: str) -> bytes:
        array = contents[metadata[name]][0] if name in metadata else None
        return b"" if array is None else array.tobytes()

    return FileSummary(
        path=opened.path,
        bytes=len(opened.data),
        description=_text(model["description"]),
        producer=_producer(content("CONVERSION_METADATA")),
        min_runtime_version=_text(content("min_runtime_version").rstrip(b"\0")),
        graphs=opened.graphs,
        operator_codes=[
            (operator_name(code), code["version"], uses[index])
            for index, code in enumerate(model["operator_codes"] or ())
        ],
        buffer_bytes=sizes,
        signatures={_text(item["signature_key"]): _signature(item) for item in model["signature_defs"] or ()},
        metadata={name: sizes[buffer] for name, buffer in metadata.items()},
        associated_files=files,
        bytes_by_kind=by_kind,
        bytes_by_operator=by_operator,
    )


def associated_files(data: bytes) -> tuple[dict[str, int], int]:
    """List the files zipped to a .tflite file's end.

    Args:
        data: The whole .tflite file.

    Returns:
        Name -> bytes of each file, and the byte at which the zip begins; ({}, 0) without a zip.
    """
    if _ZIP_END not in data[-_ZIP_END_BYTES:]:
        return {}, 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, ValueError, RuntimeError, EOFError, OSError, OverflowError, struct.error):
        return {}, 0
    if not entries:
        return {}, 0
    return {entry.filename: entry.file_size for entry in entries}, max(0, min(entry.header_offset for entry in entries))


def _signature(table: Table) -> dict:
    ends = {
        end: {_text(item["name"]): item["tensor_index"] for item in table[end] or ()} for end in ("inputs", "outputs")
    }
    return {"graph": table["subgraph_index"], **ends}


def _producer(content: bytes) -> str:
    try:
        conversion, _ = read_tables(content, "ConversionMetadata")
    except ValueError:
        return ""
    version = (conversion["environment"] or {}).get("tensorflow_version")
    return f"TensorFlow {_text(version)}" if version else ""


def _text(value: bytes | None) -> str:
    return "" if value is None else value.decode("utf-8", "replace")


def _summary_text(summary: "FileSummary") -> str:
    parts = [f"{summary.path.name}  {summary.bytes:,} bytes{_origin(summary)}"]
    for graph in summary.graphs:
        parts.append(_graph_text(graph, summary))
    parts.append(_bytes_text(summary))
    for name, signature in summary.signatures.items():
        ends = [", ".join(signature[end]) or "nothing" for end in ("inputs", "outputs")]
        parts.append(f"signature {name!r}: {' -> '.join(ends)}")
    for title, sizes in (("metadata", summary.metadata), ("associated files", summary.associated_files)):
        if sizes:
            parts.append(f"{title}: " + ", ".join(f"{name} ({size:,} bytes)" for name, size in sizes.items()))
    unused = [f"{name} v{version}" for name, version, uses in summary.operator_codes if not uses]
    if unused:
        parts.append(f"unused operator codes: {', '.join(unused)}")
    return "\n\n".join(parts)


def _origin(summary: "FileSummary") -> str:
    parts = [summary.producer, summary.description]
    if summary.min_runtime_version:
        parts.append(f"requires runtime {summary.min_runtime_version}")
    return "".join(f", {part}" for part in parts if part)


def _graph_text(graph: Graph, summary: "FileSummary") -> str:
    title = f"graph {graph.index} {graph.name}".rstrip() if len(summary.graphs) > 1 else ""
    ends = [
        f"{end} {graph.tensors[index].name!r}: {_tensor_text(graph.tensors[index])}"
        for end, indices in (("input", graph.inputs), ("output", graph.outputs))
        for index in indices
    ]
    rows = [
        [
            str(operator.index),
            f"{operator.custom_code or operator.name} v{operator.version}",
            _results_text(graph, operator),
            _operands_text(graph, operator),
            _options_text(operator),
            f"{sum(summary.bytes_by_operator.get((graph.index, operator.index), {}).values()):,}",
        ]
        for operator in graph.operators
    ]
    table = text_table(rows, align="><<<<>", head=["", "operator", "output", "constants", "options", "bytes"])
    return "\n".join([title, *ends, "", table] if title else [*ends, "", table])


def _results_text(graph: Graph, operator: Operator) -> str:
    return _shorten("; ".join(_tensor_text(tensor) for tensor in graph.results(operator)))


def _operands_text(graph: Graph, operator: Operator) -> str:
    constants = [tensor for tensor in graph.operands(operator) if tensor is not None and tensor.constant]
    return _shorten("; ".join(_tensor_text(tensor) for tensor in constants))


def _options_text(operator: Operator) -> str:
    others = dict(operator.options)
    words = [operator.activation or ""]
    for title, height, width, default in _OPTION_PAIRS:
        pair = others.pop(height, default), others.pop(width, default)
        if pair != (default, default):
            words.append(f"{title} {pair[0]}x{pair[1]}")
    words += [
        f"{name} {value}"
        for name, value in others.items()
        if value not in _DEFAULT_VALUES and name not in _HIDDEN_OPTIONS
    ]
    return _shorten(", ".join(word for word in words if word))


def _bytes_text(summary: "FileSummary") -> str:
    by_kind = [
        [kind, f"{count:,}", f"{count / summary.bytes:.1%}"] for kind, count in summary.bytes_by_kind.items() if count
    ]
    sums: Counter = Counter()
    for (graph, operator), counts in summary.bytes_by_operator.items():
        name = summary.graphs[graph].operators[operator].name if graph >= 0 else "(none)"
        sums[name] += sum(counts.values())
    by_name = [[name, f"{count:,}", f"{count / summary.bytes:.1%}"] for name, count in sums.most_common()]
    total = ["total", f"{summary.bytes:,}", ""]
    return "\n\n".join(
        text_table(rows, align="<>>", head=[title, "bytes", ""], total=total)
        for title, rows in (("kind", by_kind), ("operator", by_name))
    )


def _tensor_text(tensor: Tensor) -> str:
    """Describe a tensor: "INT8 1x16x16x3, scale 0.5 zero 3"."""
    shape = "x".join(str(size) for size in tensor.shape_signature or tensor.shape) or "scalar"
    text = f"{tensor.dtype} {shape}"
    if len(tensor.scales) == 1:
        zero = int(tensor.zero_points[0]) if len(tensor.zero_points) else 0
        return f"{text}, scale {tensor.scales[0]:.6g} zero {zero}"
    return f"{text}, {len(tensor.scales)} scales" if len(tensor.scales) else text


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_CELL else text[: _MAX_CELL - 3] + "..."
