"""What is in a .tflite file, as plain values and as text: graphs, signatures, metadata, and what its bytes are for."""

import dataclasses
import io
import struct
import zipfile
from collections import Counter
from pathlib import Path

from tfslim.litert.file_bytes import count_bytes
from tfslim.litert.flat_reader import Table, read_tables
from tfslim.litert.flatfile import OpenFile, open_file
from tfslim.litert.summary_text import summary_text
from tfslim.litert.tflite_graph import Graph, buffer_content, operator_name

_ZIP_END = b"PK\x05\x06"
_ZIP_END_ROOM = 65_557  # bytes from a file's end within which a zip's last record begins


@dataclasses.dataclass(frozen=True, eq=False)
class FileSummary:
    """What a .tflite file holds; `print` shows it as tables, `to_dict` gives it for JSON.

    Attributes:
        path: the file.
        bytes: its size.
        description: what its writer wrote there, usually "MLIR Converted.".
        producer: "TensorFlow 2.21.0" where the file says so, else "".
        min_runtime_version: the TensorFlow version that the file asks for, else "".
        graphs: its subgraphs; the first is what an interpreter runs.
        operator_codes: (name, version, uses) of each code the file lists; uses is 0 for one that nobody needs.
        buffer_bytes: bytes of each buffer.
        signatures: name -> {"graph": number, "inputs" and "outputs": name -> tensor number}.
        metadata: name -> bytes of the buffer.
        associated_files: name -> bytes of the files in the zip that is appended (labels, mostly).
        bytes_by_kind: bytes by what they are for (weights, scales, names, ...); sums to `bytes`.
        bytes_by_operator: (graph, operator) -> bytes by kind; (-1, -1) for what belongs to none; sums to `bytes`.
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
        return summary_text(self)

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        plain = {name: getattr(self, name) for name in _PLAIN}
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


_PLAIN = (
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


def read(path: str | Path) -> FileSummary:
    """Reads what is in a .tflite file, anybody's, without running it.

    Args:
        path: The file.

    Returns:
        Its graphs with operators, versions, tensors, scales; signatures, metadata, and what its bytes are for.

    Raises:
        ModelFileError: If the file is missing, no .tflite file, cut short or damaged.

    Example:
        >>> print(tfslim.litert.read("face-int8.tflite"))  # doctest: +SKIP
        >>> tfslim.litert.read("face-int8.tflite").bytes_by_kind["scales and zero points"]  # doctest: +SKIP
        153640
    """
    return summarise(open_file(path))


def summarise(opened: OpenFile) -> FileSummary:
    """The summary of a file that is open already."""
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
        found = contents[metadata[name]][0] if name in metadata else None
        return b"" if found is None else found.tobytes()

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
    """Names and sizes of the files in a zip appended to a .tflite file, and where it begins; ({}, 0) without one."""
    if _ZIP_END not in data[-_ZIP_END_ROOM:]:
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
