"""Writer of a flatbuffer that stores equal parts once."""

import flatbuffers
import numpy as np
from flatbuffers import number_types

from tfslim.litert.flatbuffer.reader import Table
from tfslim.litert.flatbuffer.schema import FIELDS, Field

__all__ = ["write_tables"]

_IDENTIFIER = b"TFL3"
# Kernels read weights with wide loads, so the schema requires this alignment of buffer contents.
_BUFFER_ALIGNMENT = 16
_FLAGS = {
    "|b1": number_types.BoolFlags,
    "|i1": number_types.Int8Flags,
    "|u1": number_types.Uint8Flags,
    "<i2": number_types.Int16Flags,
    "<u2": number_types.Uint16Flags,
    "<i4": number_types.Int32Flags,
    "<u4": number_types.Uint32Flags,
    "<i8": number_types.Int64Flags,
    "<u8": number_types.Uint64Flags,
    "<f4": number_types.Float32Flags,
}


def write_tables(root: Table, identifier: bytes = _IDENTIFIER) -> bytes:
    """Write tables to the bytes of a flatbuffer.

    Equal vectors, strings and tables are stored once; fields at their default are left out.

    Args:
        root: The table at the root as returned by `tfslim.litert.flatbuffer.reader.read_tables`; a "Model" table for a
            .tflite file.
        identifier: Bytes 4 to 8 of the flatbuffer, which name its schema.

    Returns:
        The bytes of the flatbuffer; reading them returns equal tables.

    Example:
        >>> content = write_tables(model)  # doctest: +SKIP
    """
    buffers = root.get("buffers") or ()
    writer = _Writer(sum(len(buffer["data"]) for buffer in buffers if buffer["data"] is not None))
    return writer.finish(root, identifier)


class _Writer:
    def __init__(self, weight_bytes: int):
        self.builder = flatbuffers.Builder(weight_bytes + 65536)
        self.written: dict[tuple, int] = {}

    def finish(self, root: Table, identifier: bytes) -> bytes:
        self.builder.Finish(self.table(root), file_identifier=identifier)
        return bytes(self.builder.Output())

    def table(self, table: Table) -> int:
        entries = []
        for field in FIELDS.get(table.kind, ()):
            value = table[field.name]
            if field.kind == "scalar":
                if value != field.default:
                    entries.append((field, value))
            elif value is not None:
                entries.append((field, self._offset(field, value, table.kind)))
        key = (table.kind, *((field.slot, value) for field, value in entries))
        if key not in self.written:
            self.builder.StartObject(max((field.slot for field, _ in entries), default=-1) + 1)
            # Widest first needs the least padding.
            for field, value in sorted(entries, key=lambda entry: -_width(entry[0])):
                if field.kind == "scalar":
                    self.builder.PrependSlot(_FLAGS[field.dtype.str], field.slot, value, field.default)
                else:
                    self.builder.PrependUOffsetTRelativeSlot(field.slot, value, 0)
            self.written[key] = self.builder.EndObject()
        return self.written[key]

    def _offset(self, field: Field, value, owner: str) -> int:
        if field.kind in ("table", "union"):
            return self.table(value)
        if field.kind == "string":
            return self._string(value)
        if field.kind == "scalars":
            return self._numbers(np.ascontiguousarray(value, field.dtype), owner)
        offsets = tuple(self._string(item) if field.kind == "strings" else self.table(item) for item in value)
        key = ("offsets", offsets)
        if key not in self.written:
            self.builder.StartVector(4, len(offsets), 4)
            for offset in reversed(offsets):
                self.builder.PrependUOffsetTRelative(offset)
            self.written[key] = self.builder.EndVector()
        return self.written[key]

    def _string(self, value: bytes) -> int:
        key = ("string", value)
        if key not in self.written:
            self.written[key] = self.builder.CreateString(value)
        return self.written[key]

    def _numbers(self, value: np.ndarray, owner: str) -> int:
        alignment = _BUFFER_ALIGNMENT if owner in ("Buffer", "CustomQuantization") else value.itemsize
        content = value.tobytes()
        key = ("numbers", value.itemsize, alignment, content)
        if key not in self.written:
            self.builder.StartVector(value.itemsize, value.size, alignment)
            start = self.builder.Head() - len(content)
            self.builder.head = start
            self.builder.Bytes[start : start + len(content)] = content
            self.written[key] = self.builder.EndVector()
        return self.written[key]


def _width(field: Field) -> int:
    return field.dtype.itemsize if field.kind == "scalar" else 4
