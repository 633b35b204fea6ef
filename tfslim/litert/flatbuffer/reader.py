"""Reader of a flatbuffer into plain tables.

Every offset is checked first.
"""

import struct

import numpy as np

from tfslim.litert.flatbuffer.schema import FIELDS, UNIONS, Field

__all__ = ["Region", "Table", "read_tables"]

# A graph of 10,000 operators takes a third of this; a file crafted to unfold is refused within seconds.
_MAX_TABLES = 300_000
# A small file may share nearly all of its content.
_FREE_TABLES, _FREE_BYTES = 10_000, 2**20
_INT32, _UINT16, _UINT32 = struct.Struct("<i"), struct.Struct("<H"), struct.Struct("<I")

Region = tuple[int, int, tuple]


class Table(dict):
    """A table of a flatbuffer, as a dictionary by field.

    A value is a number, the bytes of a string, an array, a `Table`, a list of these, or None. `kind` is the table's
    name in the schema; `more` is True if it has fields that `schema.FIELDS` does not list.
    """

    __slots__ = ("kind", "more")

    def __init__(self, kind: str, values: dict | None = None, more: bool = False):
        super().__init__({field.name: _default(field) for field in FIELDS.get(kind, ())})
        self.update(values or {})
        self.kind = kind
        self.more = more


def read_tables(data: bytes, kind: str = "Model") -> tuple[Table, list[Region]]:
    """Read a flatbuffer into tables and the regions they occupy.

    Time and memory are bounded by a constant times the length of `data`: tables may be shared, but a file that unfolds
    to far more than its own size is refused.

    Args:
        data: The bytes, starting at the root offset; other bytes may follow the flatbuffer.
        kind: Schema name of the root table.

    Returns:
        The root table, whose arrays are views of `data`; and the regions read as (start, end, path), where a path such
        as ("subgraphs", 0, "tensors", 3, "name") leads from the root to the value. Shared parts are listed each time.

    Raises:
        ValueError: If an offset or a length leads out of `data`, or the tables unfold to far more than `data`.

    Example:
        >>> model, regions = read_tables(path.read_bytes())  # doctest: +SKIP
        >>> len(model["subgraphs"][0]["operators"])  # doctest: +SKIP
        57
    """
    if len(data) < 8:
        raise ValueError(f"got {len(data)} bytes; a flatbuffer has 8 or more")
    reader = _Reader(data)
    reader.regions.append((0, 8, ("root",)))
    return reader.table(_UINT32.unpack_from(data, 0)[0], kind, ()), reader.regions


class _Reader:
    def __init__(self, data: bytes):
        self.data = data
        self.end = len(data)
        self.regions: list[Region] = []
        # An unshared table takes 8 bytes or more; shared zero points unfold to a few times the file.
        self.tables_left = min(_MAX_TABLES, self.end // 8 + _FREE_TABLES)
        self.bytes_left = 4 * self.end + _FREE_BYTES

    def table(self, start: int, kind: str, path: tuple) -> Table:
        self.tables_left -= 1
        if self.tables_left < 0:
            raise ValueError(f"unfolds to more tables than {self.end} bytes can hold")
        self._inside(start, 4, "a table", path)
        vtable = start - _INT32.unpack_from(self.data, start)[0]
        self._inside(vtable, 4, "the vtable of a table", path)
        vtable_size = _UINT16.unpack_from(self.data, vtable)[0]
        size = _UINT16.unpack_from(self.data, vtable + 2)[0]
        if vtable_size < 4 or vtable_size % 2 or size < 4:
            raise ValueError(
                f"the vtable of {_path_text(path)} declares sizes {vtable_size} and {size}; expected 4 bytes or more"
            )
        self._inside(vtable, vtable_size, "the vtable of a table", path)
        self._inside(start, size, "a table", path)
        self.regions += [(start, start + size, path), (vtable, vtable + vtable_size, (*path, "vtable"))]
        slots = struct.unpack_from(f"<{(vtable_size - 4) // 2}H", self.data, vtable + 4)
        fields = FIELDS.get(kind, ())
        values, union_type = {}, 0
        for field, offset in zip(fields, slots, strict=False):
            if offset:
                width = field.dtype.itemsize if field.kind == "scalar" else 4
                if offset < 4 or offset + width > size:
                    raise ValueError(f"{field.name} of {_path_text(path)} lies outside its table")
                if field.kind != "union":
                    values[field.name] = self._value(start + offset, field, (*path, field.name))
                elif union_type in UNIONS[field.name]:
                    inner = UNIONS[field.name][union_type]
                    values[field.name] = self.table(self._target(start + offset), inner, (*path, field.name))
            union_type = values.get(field.name, 0) if field.kind == "scalar" else 0
        return Table(kind, values, more=any(slots[len(fields) :]) or _is_open_union(kind, values))

    def _value(self, position: int, field: Field, path: tuple):
        if field.kind == "scalar":
            return np.frombuffer(self.data, field.dtype, 1, position)[0].item()
        target = self._target(position)
        if field.kind == "table":
            return self.table(target, field.table, path)
        if field.kind == "string":
            return self._string(target, path)
        width = field.dtype.itemsize if field.kind == "scalars" else 4
        count = self._length(target, width, path)
        self.regions.append((target, target + 4 + count * width, path))
        if field.kind == "scalars":
            # Buffer contents stay views; all other arrays may be converted to Python numbers.
            if path[0] != "buffers":
                self._spend(count * width)
            return np.frombuffer(self.data, field.dtype, count, target + 4)
        self._spend(count * width)
        positions = range(target + 4, target + 4 + 4 * count, 4)
        if field.kind == "strings":
            return [self._string(self._target(position), (*path, index)) for index, position in enumerate(positions)]
        return [
            self.table(self._target(position), field.table, (*path, index)) for index, position in enumerate(positions)
        ]

    def _string(self, target: int, path: tuple) -> bytes:
        length = self._length(target, 1, path)
        self._spend(length)
        # Strings end in a zero byte that their length does not count.
        self.regions.append((target, min(target + 4 + length + 1, self.end), path))
        return bytes(self.data[target + 4 : target + 4 + length])

    def _length(self, target: int, width: int, path: tuple) -> int:
        self._inside(target, 4, "a vector", path)
        count = _UINT32.unpack_from(self.data, target)[0]
        if target + 4 + count * width > self.end:
            raise ValueError(
                f"{_path_text(path)} declares {count:,} elements; only {self.end - target - 4:,} bytes are left"
            )
        return count

    def _target(self, position: int) -> int:
        return position + _UINT32.unpack_from(self.data, position)[0]

    def _inside(self, start: int, size: int, what: str, path: tuple) -> None:
        if start < 0 or start + size > self.end:
            raise ValueError(f"{what} ({_path_text(path)}) at byte {start:,} lies outside the {self.end:,} bytes")

    def _spend(self, count: int) -> None:
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise ValueError(f"unfolds to more numbers than {self.end} bytes can hold")


def _default(field: Field):
    return field.default if field.kind == "scalar" else None


def _is_open_union(kind: str, values: dict) -> bool:
    """Return whether a union holds a table of unknown type."""
    return any(
        values.get(f"{name}_type", 0) and values[f"{name}_type"] not in choices
        for name, choices in UNIONS.items()
        if any(field.name == name for field in FIELDS.get(kind, ()))
    )


def _path_text(path: tuple) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".") or "the root"
