"""Smaller .tflite files with the same outputs.

Removed are tensor names, repeated zero points and scales, and empty and duplicate buffers.
"""

import dataclasses
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tfslim._support.files import replacing
from tfslim._support.text import text_table
from tfslim.litert.flatbuffer.byte_counts import KINDS
from tfslim.litert.flatbuffer.graph import Graph, Tensor, buffer_content
from tfslim.litert.flatbuffer.model_file import ModelFileError, OpenFile, open_file
from tfslim.litert.flatbuffer.reader import Table
from tfslim.litert.flatbuffer.summary import FileSummary, associated_files, read, summarize
from tfslim.litert.flatbuffer.writer import write_tables
from tfslim.litert.runtime.isolated import CannotRun, compare_files
from tfslim.report import Report

__all__ = ["KEPT_METADATA", "Slimming", "slim_file"]

# Metadata that apps and interpreters read; CONVERSION_METADATA only records how the file was made.
KEPT_METADATA = ("TFLITE_METADATA", "min_runtime_version")
_RUNS = 3
_MAX_UNPACKED = 2**28


@dataclasses.dataclass
class Slimming(Report):
    """Report of `slim_file`; `kinds` has bytes before and after."""

    kinds: dict[str, tuple[int, int]] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        rows = [[kind, f"{old:,}", f"{new:,}"] for kind, (old, new) in self.kinds.items() if old or new]
        total = ["total", *(f"{sum(column):,}" for column in zip(*self.kinds.values(), strict=True))]
        return super().__str__() + "\n" + text_table(rows, align="<>>", head=["bytes", "before", "after"], total=total)

    def to_dict(self) -> dict:
        """Return the report as plain values for JSON."""
        kinds = {kind: {"before": old, "after": new} for kind, (old, new) in self.kinds.items()}
        return {**super().to_dict(), "bytes_by_kind": kinds}


def slim_file(
    path: str | Path, out: str | Path, keep_names: bool = False, keep_metadata: Sequence[str] = KEPT_METADATA
) -> Slimming:
    """Rewrite a .tflite file without overhead; its outputs stay bit-equal.

    Equal scales, zero points, shapes and options are stored once; tensors without values share the empty buffer, and
    equal constants one buffer; names of intermediate tensors, unused operator codes and unread buffers are dropped.
    Buffers outside the flatbuffer are moved into it. Before the file appears under its name, every tensor and operator
    in it is compared with the original's, and both files are run on random inputs.

    Args:
        path: The file.
        out: The file to write, in an existing folder. It may be `path`.
        keep_names: Whether to keep the names of all tensors.
        keep_metadata: Names of the metadata to keep, if the file has them. An appended zip of files is always kept.

    Returns:
        A report: bytes and gzipped bytes before and after, and bytes by use.

    Raises:
        ModelFileError: If the file is damaged, has fields newer than the supported schema, keeps weights in other
            files, or the written file would return other outputs.
        FileNotFoundError: If the folder of `out` does not exist.

    Example:
        >>> report = tfslim.litert.slim_file("face-int8.tflite", "face-slim.tflite")  # doctest: +SKIP
        >>> report.figures["bytes"]  # doctest: +SKIP
        651284
    """
    opened, out = open_file(path), Path(out)
    _check_known(opened)
    before = summarize(opened)
    content = _append_files(write_tables(_slim_tables(opened, keep_names, keep_metadata)), opened)
    skipped = {}
    with replacing(out) as beside:
        Path(beside).write_bytes(content)
        after = read(beside)
        _check_same(opened.graphs, after.graphs, path)
        try:
            difference = compare_files(path, beside, runs=_RUNS)
        except CannotRun as error:
            skipped["running both files"] = f"{error}; their tensors and operators are the same"
        else:
            if difference:
                raise ModelFileError(
                    f"{path}: outputs of the smaller file differ (by {difference}), so it was not written; use the "
                    "original file"
                )
    return _report(before, after, out, opened.data, content, skipped)


def _slim_tables(opened: OpenFile, keep_names: bool, keep_metadata: Sequence[str]) -> Table:
    model = Table("Model", opened.model)
    wanted = {name.encode() for name in keep_metadata}
    entries = [entry for entry in model["metadata"] or () if entry["name"] in wanted]
    buffers = _Buffers(opened)
    # Old writers list their metadata here too.
    model["metadata_buffer"] = None
    model["metadata"] = [Table("Metadata", entry | {"buffer": buffers.number(entry["buffer"])}) for entry in entries]
    model["metadata"] = model["metadata"] or None
    codes = _Codes(model["operator_codes"] or [])
    model["subgraphs"] = [_graph(graph, buffers, codes, keep_names) for graph in model["subgraphs"]]
    model["operator_codes"] = codes.used
    model["buffers"] = buffers.tables
    return model


def _graph(graph: Table, buffers: "_Buffers", codes: "_Codes", keep_names: bool) -> Table:
    ends = {int(index) for end in ("inputs", "outputs") if graph[end] is not None for index in graph[end]}
    tensors = [
        Table(
            "Tensor",
            tensor
            | {
                "buffer": buffers.number(tensor["buffer"]),
                "name": tensor["name"] if keep_names or index in ends else None,
            },
        )
        for index, tensor in enumerate(graph["tensors"] or ())
    ]
    operators = [
        Table("Operator", operator | {"opcode_index": codes.number(operator["opcode_index"])})
        for operator in graph["operators"] or ()
    ]
    return Table("SubGraph", graph | {"tensors": tensors, "operators": operators})


class _Buffers:
    """Buffers of the new file, one for each content."""

    def __init__(self, opened: OpenFile):
        self.old = [
            buffer_content(buffer, opened.data, number)[0] for number, buffer in enumerate(opened.model["buffers"])
        ]
        # By convention buffer 0 is the empty one.
        self.tables = [Table("Buffer")]
        self.by_content: dict[bytes, int] = {b"": 0}
        self.by_old_number: dict[int, int] = {}

    def number(self, old: int) -> int:
        """Return a buffer's new number, adding it at first use."""
        if old not in self.by_old_number:
            data = self.old[old]
            content = b"" if data is None else data.tobytes()
            if content not in self.by_content:
                self.by_content[content] = len(self.tables)
                self.tables.append(Table("Buffer", {"data": self.old[old]}))
            self.by_old_number[old] = self.by_content[content]
        return self.by_old_number[old]


class _Codes:
    """Operator codes in use, each once."""

    def __init__(self, old: list[Table]):
        self.old = old
        self.used: list[Table] = []

    def number(self, old: int) -> int:
        """Return a code's new number, adding it at first use."""
        if self.old[old] not in self.used:
            self.used.append(self.old[old])
        return self.used.index(self.old[old])


def _check_known(opened: OpenFile) -> None:
    for table in _tables(opened.model):
        if table.more:
            raise ModelFileError(
                f"{opened.path}: a {table.kind} table has fields newer than the supported schema, so nothing was "
                "written; use the file as it is"
            )
        if table.kind == "Operator" and table["large_custom_options_offset"] > 1:
            raise ModelFileError(
                f"{opened.path}: options of a custom operator lie outside the flatbuffer, which slim_file does not "
                "support; nothing was written"
            )
    if opened.model["external_buffers"]:
        raise ModelFileError(
            f"{opened.path}: its weights are stored in other files, which slim_file does not support; nothing was "
            "written"
        )


def _tables(value) -> Iterator[Table]:
    if isinstance(value, Table):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _tables(item)


def _append_files(content: bytes, opened: OpenFile) -> bytes:
    """Append the old file's zip to the new flatbuffer.

    It is written anew, since its offsets count from the beginning of the file.
    """
    files, _ = associated_files(opened.data)
    if not files:
        return content
    if sum(files.values()) > _MAX_UNPACKED:
        raise ModelFileError(
            f"{opened.path}: the zip at its end unpacks to {sum(files.values()):,} bytes; expected at most "
            f"{_MAX_UNPACKED:,}; nothing was written"
        )
    new = io.BytesIO(content)
    try:
        with zipfile.ZipFile(io.BytesIO(opened.data)) as source, zipfile.ZipFile(new, "a") as target:
            for entry in source.infolist():
                target.writestr(entry, source.read(entry))
    except (zipfile.BadZipFile, zlib.error, RuntimeError, EOFError, ValueError, OSError) as error:
        raise ModelFileError(f"{opened.path}: the zip at its end is damaged ({error}); nothing was written") from error
    return new.getvalue()


def _check_same(old: Sequence[Graph], new: Sequence[Graph], path: str | Path) -> None:
    """Raise a ModelFileError if a tensor or operator changed.

    That would be a fault of the writer, not of the file.
    """
    compared: set[tuple[int, int]] = set()
    for before, after in zip(old, new, strict=True):
        same = (before.inputs, before.outputs) == (after.inputs, after.outputs)
        # Operators compare by identity, so their text is compared.
        same &= [repr(operator) for operator in before.operators] == [repr(operator) for operator in after.operators]
        pairs = zip(before.tensors, after.tensors, strict=True)
        if not same or not all(_same_tensor(*pair, compared) for pair in pairs):
            raise ModelFileError(
                f"{path}: graph {before.index} changed when it was rewritten, so nothing was written; please report "
                "this as a bug of slim_file"
            )


def _same_tensor(old: Tensor, new: Tensor, compared: set[tuple[int, int]]) -> bool:
    """Return whether tensors are equal except name and buffer.

    `compared` holds the pairs of buffers known to be equal.
    """
    fields = ("dtype", "shape", "shape_signature", "quantized_dimension", "variable", "sparse", "constant")
    arrays = ("scales", "zero_points") if (old.buffer, new.buffer) in compared else ("scales", "zero_points", "data")
    compared.add((old.buffer, new.buffer))
    return all(getattr(old, name) == getattr(new, name) for name in fields) and all(
        _equal(getattr(old, name), getattr(new, name)) for name in arrays
    )


def _equal(old: np.ndarray | None, new: np.ndarray | None) -> bool:
    # Compare the bytes: a scale of NaN equals itself here.
    return old is new or (old is not None and new is not None and old.tobytes() == new.tobytes())


def _report(before: FileSummary, after: FileSummary, out: Path, old: bytes, new: bytes, skipped: dict) -> Slimming:
    done = [f"{before.path.name} -> {out.name}, every tensor and operator unchanged"]
    if not skipped:
        done.append(f"outputs bit-equal on {_RUNS} random inputs")
    return Slimming(
        step=f"slim {before.path.name}",
        done=done,
        skipped=skipped,
        figures={
            "bytes_before": before.bytes,
            "bytes": after.bytes,
            "gzipped_before": len(gzip.compress(old, 9, mtime=0)),
            "gzipped": len(gzip.compress(new, 9, mtime=0)),
        },
        kinds={kind: (before.bytes_by_kind[kind], after.bytes_by_kind[kind]) for kind in KINDS},
    )
