"""Codes of any width, packed without gaps, and unpacked."""

import numpy as np

BLOCK = 1 << 16  # codes per block, so that they and their bytes stay in the cache


def pack(codes: np.ndarray, code_bits: int) -> bytes:
    """Pack codes into one stream of bits.

    Code i takes the bits from i * code_bits on, its lowest bit first; bit k of the stream is bit k % 8 of byte k // 8,
    counted from the lowest. The last byte is padded with zeros.

    Args:
        codes: (count,) unsigned integers below 2**code_bits.
        code_bits: 1 to 32.

    Returns:
        ceil(count * code_bits / 8) bytes.

    Raises:
        ValueError: `code_bits` is out of range, or a code is too large for it.

    Example:
        >>> pack(np.array([1, 2, 3]), 4).hex()
        '2103'
    """
    _check_width(code_bits)
    codes = np.asarray(codes).reshape(-1)
    if codes.size and (int(codes.max()) >> code_bits or int(codes.min()) < 0):
        raise ValueError(f"codes run from {codes.min()} to {codes.max()}; expected 0 to {(1 << code_bits) - 1}")
    if code_bits in (8, 16, 32):
        return codes.astype(f"<u{code_bits // 8}").tobytes()
    packed = np.empty((-(-codes.size // 8), code_bits), np.uint8)  # 8 codes make code_bits whole bytes
    for start in range(0, codes.size, BLOCK):
        block = codes[start : start + BLOCK]
        if block.size % 8:
            block = np.concatenate([block, np.zeros(-block.size % 8, block.dtype)])
        _pack_block(block.reshape(-1, 8), code_bits, packed[start // 8 : (start + block.size) // 8])
    return packed.tobytes()[: packed_bytes(codes.size, code_bits)]


def unpack(data: bytes, code_bits: int, count: int) -> np.ndarray:
    """Unpack the result of `pack`.

    Args:
        data: the bytes.
        code_bits: 1 to 32.
        count: number of codes.

    Returns:
        (count,) uint16, or uint32 if `code_bits` is above 16.

    Raises:
        ValueError: `code_bits` is out of range, the number of bytes is wrong, or a padding bit is set.

    Example:
        >>> unpack(bytes.fromhex("2103"), 4, 3)
        array([1, 2, 3], dtype=uint16)
    """
    _check_width(code_bits)
    expected = packed_bytes(count, code_bits)
    if count < 0 or len(data) != expected:
        raise ValueError(f"{count} codes of {code_bits} bits take {expected} bytes; found {len(data)}")
    if count * code_bits % 8 and data[-1] >> count * code_bits % 8:
        raise ValueError(f"bits are set after the last of {count} codes of {code_bits} bits")
    kind = np.uint16 if code_bits <= 16 else np.uint32
    if code_bits in (8, 16, 32):
        return np.frombuffer(data, f"<u{code_bits // 8}").astype(kind)
    groups = -(-count // 8)
    packed = np.frombuffer(bytes(data) + bytes(groups * code_bits - len(data)), np.uint8).reshape(groups, code_bits)
    codes = np.empty((groups, 8), kind)
    for start in range(0, groups, BLOCK // 8):
        _unpack_block(packed[start : start + BLOCK // 8], code_bits, codes[start : start + BLOCK // 8])
    return codes.reshape(-1)[:count]


def packed_bytes(count: int, code_bits: int) -> int:
    """Return the bytes that `count` codes take."""
    return -(-count * code_bits // 8)


def _pack_block(codes: np.ndarray, code_bits: int, packed: np.ndarray) -> None:
    """Pack (groups, 8) codes into (groups, code_bits) bytes."""
    # Column by column, each contiguous in memory.
    columns = np.ascontiguousarray(codes.T).astype(np.uint64 if code_bits > 25 else np.uint32)
    byte_columns = np.zeros((code_bits, len(codes)), np.uint8)
    for which, column in enumerate(columns):
        first, shift = divmod(which * code_bits, 8)
        column <<= column.dtype.type(shift)
        last = (which * code_bits + code_bits - 1) // 8
        for byte in range(first, last + 1):
            byte_columns[byte] |= column.astype(np.uint8)
            column >>= column.dtype.type(8)
    packed[:] = byte_columns.T


def _unpack_block(packed: np.ndarray, code_bits: int, codes: np.ndarray) -> None:
    """Unpack (groups, code_bits) bytes to (groups, 8) codes."""
    wide = np.uint64 if code_bits > 25 else np.uint32
    byte_columns = np.ascontiguousarray(packed.T).astype(wide)
    columns = np.empty((8, len(packed)), wide)
    for which, column in enumerate(columns):
        first, shift = divmod(which * code_bits, 8)
        last = (which * code_bits + code_bits - 1) // 8
        column[:] = byte_columns[first]
        for byte in range(first + 1, last + 1):
            column |= byte_columns[byte] << wide(8 * (byte - first))
        column >>= wide(shift)
        column &= wide((1 << code_bits) - 1)
    codes[:] = columns.T


def _check_width(code_bits: int) -> None:
    if not 1 <= code_bits <= 32:
        raise ValueError(f"code_bits={code_bits}; expected 1 to 32")
