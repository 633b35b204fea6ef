"""Packed files made of tensors alone, without Keras: of every kind, and taken apart to be damaged."""

import importlib.util
import struct
import zlib

import numpy as np

from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform
from tfslim.quantization.packed.container import HEADER, HEADER_BYTES, join_sections
from tfslim.quantization.packed.tensor import packed_as_it_is, packed_codes
from tfslim.quantization.packed.tensor_table import write_list

CODECS = [
    LogMinMax(5),
    LogMinMax(1),
    LogMinMax(4, "nearest"),
    LogMinMax(16, "nearest"),
    LogMinMax(3, "floor"),
    Uniform(4),
    Uniform(7, False),
    Uniform(3, True, True),
    Uniform(2, False, True),
    KMeans(3),
    Ternary(),
    Ternary(False),
    Binary(),
    Binary(False),
    Float16(),
    Float32(),
]


def packed_tensors(entropy_coding: bool | None = None) -> tuple[list, list[bytes], dict[str, np.ndarray]]:
    """Entries, bytes and values of tensors of every kind; entropy-coded where constriction is to be had."""
    if entropy_coding is None:
        entropy_coding = importlib.util.find_spec("constriction") is not None
    rng = np.random.default_rng(0)
    kernel = rng.normal(0, 0.1, (3, 2, 4, 5)).astype("float32")
    kernel[rng.random(kernel.shape) < 0.2] = 0
    entries, stored, values = [], [], {}
    for number, codec in enumerate(CODECS):
        for coded in {False, entropy_coding}:
            name = f"layer_{number}/kernel_{int(coded)}"
            axes = (-2, -1) if number % 2 else (-1,)
            tensor = np.tile(kernel, (1, 6, 1, 1)) if coded else kernel
            encoded = codec.encode(tensor, axes)
            entry, data = packed_codes(name, codec, encoded, axes, coded)
            entries.append(entry)
            stored.append(data)
            values[name] = codec.decode(encoded)
    for kind in ("bool", "u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8", "f8"):
        name = f"raw/{kind}"
        values[name] = rng.integers(0, 2, (2, 3)).astype(kind)
        entry, data = packed_as_it_is(name, values[name])
        entries.append(entry)
        stored.append(data)
    for name, tensor in (("scalar", np.float32(0.1)), ("empty", np.zeros((0, 3), "float32"))):
        tensor = np.asarray(tensor)
        encoded = LogMinMax(3).encode(tensor)
        entry, data = packed_codes(name, LogMinMax(3), encoded, (-1,), False)
        entries.append(entry)
        stored.append(data)
        values[name] = LogMinMax(3).decode(encoded)
    return entries, stored, values


def packed_bytes(entropy_coding: bool | None = None) -> bytes:
    """A whole file of them."""
    entries, stored, _ = packed_tensors(entropy_coding)
    return join_sections(b"{}", write_list(entries), b"".join(stored))


def with_header(data: bytes, position: int, replacement: bytes) -> bytes:
    """The file with bytes of its header replaced and the header's checksum set right again."""
    header = bytearray(data[: HEADER.size])
    header[position : position + len(replacement)] = replacement
    return bytes(header) + struct.pack("<I", zlib.crc32(header)) + data[HEADER_BYTES:]
