"""Outer layout of a `.tfslim` file.

It is a header and three sections, each with its length and checksum. All numbers are little-endian. The file is 52
bytes of header, then the sections without gaps, and ends with the last.

    offset  bytes
         0      8  89 74 66 73 6c 69 6d 0a: "tfslim" between a non-text byte and a line feed
         8      2  schema version, 1
        10      2  0
        12     36  for each section: stored bytes (u32), bytes when opened (u32), CRC-32 of the stored bytes (u32)
        48      4  CRC-32 of the 48 bytes before

    section "architecture": zlib; the Keras configuration as JSON in UTF-8, with at most 2**19 of the characters , : [ {
    section "tensor list": zlib; see `tfslim.quantization.packed.tensor_table`
    section "tensor data": uncompressed; see `tfslim.quantization.packed.tensor`

CRC-32 is that of zlib, gzip and PNG.
"""

import struct
import zlib

MAGIC = b"\x89tfslim\n"
VERSION = 1
SECTIONS = ("architecture", "tensor list", "tensor data")
COMPRESSED = SECTIONS[:2]
MOST_OPENED = 1 << 24  # bytes of a compressed section when opened
MOST_JSON_VALUES = 1 << 19  # each takes up to about a hundred bytes of memory
HEADER = struct.Struct("<8sHH9I")
HEADER_BYTES = HEADER.size + 4


def join_sections(architecture: bytes, tensor_list: bytes, tensor_data: bytes) -> bytes:
    """Join three uncompressed sections into a whole file.

    Raises:
        ValueError: a section is too large for the format, or the architecture has too many values.
    """
    check_json(architecture)
    stored, table = [], []
    for name, opened in zip(SECTIONS, (architecture, tensor_list, tensor_data), strict=True):
        most = MOST_OPENED if name in COMPRESSED else (1 << 32) - 1
        if len(opened) > most:
            raise ValueError(f"the {name} takes {len(opened):,} bytes; the format has room for {most:,}")
        section = zlib.compress(opened, 9) if name in COMPRESSED else opened
        stored.append(section)
        table += [len(section), len(opened), zlib.crc32(section)]
    header = HEADER.pack(MAGIC, VERSION, 0, *table)
    return b"".join([header, struct.pack("<I", zlib.crc32(header)), *stored])


def check_json(text: bytes) -> None:
    """Raise ValueError for JSON with too many values.

    Counting takes no more memory than the text.
    """
    count = sum(text.count(sign) for sign in b",:[{")
    if count > MOST_JSON_VALUES:
        raise ValueError(f"architecture: holds some {count:,} values; the format has room for {MOST_JSON_VALUES:,}")


def check_header(header: bytes, file_bytes: int) -> list[tuple[int, int, int]]:
    """Return each section's stored bytes, opened bytes and checksum.

    Args:
        header: the first 52 bytes of the file, or all of a shorter one.
        file_bytes: the file's length.

    Raises:
        ValueError: the file is not a `.tfslim` file, or is of another version, damaged, or cut short.
    """
    if header[: len(MAGIC)] != MAGIC[: len(header)] or not header:
        raise ValueError(
            f"header: not a .tfslim file; expected it to begin with {MAGIC!r}, found {bytes(header[:8])!r}"
        )
    if len(header) < HEADER_BYTES:
        raise ValueError(f"header: cut short after {len(header)} of {HEADER_BYTES} bytes")
    _, version, reserved, *numbers = HEADER.unpack(header[: HEADER.size])
    if zlib.crc32(header[: HEADER.size]) != int.from_bytes(header[HEADER.size :], "little"):
        raise ValueError("header: damaged; its checksum does not fit")
    if version != VERSION:
        raise ValueError(
            f"header: schema version {version}; this tfslim reads version {VERSION}; install a newer tfslim"
        )
    if reserved:
        raise ValueError(f"header: bytes 10 and 11 hold {reserved}; expected 0")
    sections = list(zip(numbers[0::3], numbers[1::3], numbers[2::3], strict=True))
    for name, (stored, opened, _) in zip(SECTIONS, sections, strict=True):
        if opened > MOST_OPENED if name in COMPRESSED else opened != stored:
            raise ValueError(f"header: damaged; the {name} has {stored:,} bytes, stated to open to {opened:,}")
    expected = HEADER_BYTES + sum(stored for stored, _, _ in sections)
    if file_bytes != expected:
        what = "cut short" if file_bytes < expected else "followed by other data"
        raise ValueError(f"header: the file has {file_bytes:,} bytes, expected {expected:,}; it is {what}")
    return sections


def split_sections(data: bytes) -> dict[str, bytes]:
    """Return the opened sections of a whole file by name.

    Raises:
        ValueError: the file is damaged; the message begins with the part's name.
    """
    sections = check_header(data[:HEADER_BYTES], len(data))
    found, start = {}, HEADER_BYTES
    for name, (stored, opened, checksum) in zip(SECTIONS, sections, strict=True):
        section = memoryview(data)[start : start + stored]
        start += stored
        if zlib.crc32(section) != checksum:
            raise ValueError(f"{name}: damaged; its checksum does not fit")
        found[name] = _opened(name, section, opened) if name in COMPRESSED else bytes(section)
    return found


def _opened(name: str, section: memoryview, expected: int) -> bytes:
    """Decompress a section, never to more than `expected` bytes."""
    decompressor = zlib.decompressobj()
    try:
        opened = decompressor.decompress(section, expected + 1)
    except zlib.error as error:
        raise ValueError(f"{name}: zlib can't read it: {error}") from None
    if len(opened) != expected or not decompressor.eof or decompressor.unused_data:
        raise ValueError(f"{name}: does not open to the {expected:,} bytes that the header says")
    return opened
