"""The list of a `.tfslim` file's tensors.

It begins with the number of tensors. Each tensor then has, in the order of the data:

    integer  number of bytes that its name shares with the start of the previous one
    integer  number of bytes that follow, then these: the rest of the name, in UTF-8
    byte     kind, see `tfslim.quantization.packed.tensor`
    byte     bits of a code
    integer  number of axes; then the extent of each, an integer
    integer  only kinds with parameters per filter: the sum of 2**axis over the axes that number the filters
    integer  only kind 9: entries of the codebook
    integer  bytes of the entropy-coded codes, or 0 if they are packed; only kinds 2 to 13

Over all entropy-coded tensors, the sum of 2**(bits of a code) is at most 2**24 plus 64 per byte of tensor data.

An integer has seven bits a byte, the lowest first, the eighth bit set in all bytes but its last (LEB128, unsigned).
"""

import os

from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.packed.entropy_coding import MOST_VALUES_A_BYTE
from tfslim.quantization.packed.leb128 import Reader, variable_integer
from tfslim.quantization.packed.tensor import Entry

MOST_TENSORS = 1 << 14
MOST_AXES = 16
MOST_VALUES = 1 << 40
LONGEST_NAME = 1024
MOST_SYMBOLS = 1 << 24  # limit of all frequency tables together, plus 64 per byte of data


def write_list(entries: list[Entry]) -> bytes:
    """Serialize the list of tensors.

    Raises:
        ValueError: there are more tensors, or one has more axes or a longer name, than the format allows.
    """
    if len(entries) > MOST_TENSORS:
        raise ValueError(f"{len(entries)} tensors; the format has room for {MOST_TENSORS}")
    written, before = [variable_integer(len(entries))], b""
    for entry in entries:
        name = entry.name.encode()
        if len(entry.shape) > MOST_AXES or len(name) > LONGEST_NAME or not entry.name.isprintable():
            raise ValueError(
                f"{entry.name!r}: the format allows {MOST_AXES} axes and {LONGEST_NAME} printable bytes of name"
            )
        shared = len(os.path.commonprefix([before, name]))
        numbers = [len(entry.shape), *entry.shape]
        if entry.per_filter:
            numbers.append(sum(1 << axis for axis in entry.filter_axes))
        if isinstance(entry.codec, KMeans):
            numbers.append(entry.codebook)
        if _may_be_coded(entry.kind):
            numbers.append(entry.coded_bytes)
        written += [variable_integer(shared), variable_integer(len(name) - shared), name[shared:]]
        written += [bytes([entry.kind, entry.code_bits]), *map(variable_integer, numbers)]
        before = name
    return b"".join(written)


def read_list(data: bytes, data_bytes: int) -> list[Entry]:
    """Read the result of `write_list`.

    Args:
        data: the bytes.
        data_bytes: length of the tensors' data, which the entries must fill exactly.

    Raises:
        ValueError: the list is damaged, or does not fit the data.
    """
    reader = Reader(data)
    entries, before, names = [], b"", set()
    # A table of a few bytes may stand for 2**17 codes.
    symbols = MOST_SYMBOLS + MOST_VALUES_A_BYTE * data_bytes
    count = reader.integer()
    if count > MOST_TENSORS:
        raise ValueError(f"{count} tensors; at most {MOST_TENSORS} are allowed")
    for number in range(count):
        try:
            entry, before = _entry(reader, before)
            if entry.name in names:
                raise ValueError("another tensor has this name")
        except ValueError as error:
            where = f"tensor {number + 1}" + (f", after {entries[-1].name!r}" if entries else "")
            raise ValueError(f"{where}: {error}") from None
        names.add(entry.name)
        entries.append(entry)
        symbols -= (1 << entry.code_bits) if entry.coded_bytes else 0
        if symbols < 0:
            raise ValueError(f"{entry.name}: more frequency tables, of {entry.code_bits} bits, than data for them")
        data_bytes -= entry.parameter_bytes + entry.code_bytes
        if data_bytes < 0:
            raise ValueError(f"{entry.name}: takes {-data_bytes:,} bytes more than the data has")
    if reader.left:
        raise ValueError(f"{reader.left} bytes are left after the last tensor")
    if data_bytes:
        raise ValueError(f"{data_bytes:,} bytes of data belong to no tensor")
    return entries


def _entry(reader: Reader, before: bytes) -> tuple[Entry, bytes]:
    shared, added = reader.integer(), reader.integer()
    if shared > len(before) or not 0 < shared + added <= LONGEST_NAME:
        raise ValueError(f"its name has {shared + added} bytes, {shared} of them from the one before")
    name = before[:shared] + bytes(reader.take(added))
    text = name.decode("utf-8")
    if not text.isprintable():
        raise ValueError(f"its name is {text!r}")
    kind, code_bits = reader.take(2)
    shape = _shape(reader)
    entry = Entry(text, kind, code_bits, shape)
    codec = entry.codec
    axes: tuple[int, ...] = ()
    codebook = coded_bytes = 0
    if entry.per_filter:
        mask = reader.integer()
        axes = tuple(axis for axis in range(len(shape)) if mask >> axis & 1)
        if mask >> len(shape) or (len(shape) > 1 and not axes):
            raise ValueError(f"its filters are numbered by axes {mask:b}, in binary, of {len(shape)}")
    if isinstance(codec, KMeans):
        codebook = reader.integer()
        if not 1 <= codebook <= 1 << codec.bits:
            raise ValueError(f"{codebook} entries in a codebook of {codec.bits} bits")
    if _may_be_coded(kind):
        coded_bytes = reader.integer()
        if coded_bytes and not 1 <= entry.size <= coded_bytes * MOST_VALUES_A_BYTE:
            raise ValueError(f"{entry.size:,} values in {coded_bytes} entropy-coded bytes")
    return Entry(text, kind, code_bits, shape, axes, codebook, coded_bytes), name


def _shape(reader: Reader) -> tuple[int, ...]:
    axes = reader.integer()
    if axes > MOST_AXES:
        raise ValueError(f"{axes} axes; at most {MOST_AXES} are allowed")
    shape = tuple(reader.integer() for _ in range(axes))
    # An axis of 0 must not hide the others.
    values = 1
    for size in shape:
        values *= max(size, 1)
        if values > MOST_VALUES:
            raise ValueError(f"shape {shape} is too large")
    return shape


def _may_be_coded(kind: int) -> bool:
    return 1 < kind < 32
