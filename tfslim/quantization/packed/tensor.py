"""Entry and data of one tensor in a `.tfslim` file.

The entry is in the list, the bytes are in the data. A tensor's bytes are its parameters as float32, little-endian, in
the order of the table below, then its codes: packed (`tfslim.quantization.packed.bit_packing`) or entropy-coded
(`tfslim.quantization.packed.entropy_coding`).

    kind  codec         bits of a code  parameters
       0  float32       32              none; a code is the value's own bits
       1  float16       16              none; in the same way
       2  log_min_max   1 to 16         range: smallest and largest magnitude, sign; rule "exact_zero"
       3  log_min_max   2 to 17         range: smallest and largest magnitude, zeros; rule "nearest"
       4  log_min_max   2 to 17         the same as 3; rule "floor"
       5  uniform       1 to 16         peak; symmetric
       6  uniform       1 to 16         low, high
       7  uniform       1 to 16         a peak per filter; symmetric
       8  uniform       1 to 16         a low per filter, then a high per filter
       9  kmeans        1 to 16         the codebook
      10  ternary       2               scale; codes are 0, plus, minus
      11  ternary       2               a scale per filter
      12  binary        1               scale; codes are plus, minus
      13  binary        1               a scale per filter
      32  none          8               bool, one byte each
      33 to 36          8 to 64         unsigned integers of 8, 16, 32, 64 bits, little-endian
      37 to 40          8 to 64         signed integers
      41  none          64              float64

Decoding: with n levels (2**(bits - 1) - 1 for kind 2 with sign 0, 2**bits - 1 with another, 1 for one
bit; 2**(bits - 1) for 3 and 4), level i of kind 2 and 3 is low * exp(i / (n - 1) * log(high / low)) in doubles, then
rounded to float32; of kind 4, i / n. Level 0 is low itself, the last of kinds 2 and 3 high itself; if low equals
high or n is 1, all are high. Kind 2: code 0 is zero, then come the n positive levels, then the n negative ones; with a
sign that isn't 0, n levels of that sign; with one bit, plus and minus high. Kinds 3 and 4: n positive levels, n
negative ones; if zeros is not 0, the first negative one is zero.

Kinds 5 and 7: with m = 2**bits - 2 (1 for one bit) and a code c, at most m, peak * ((2 c - m) / m). Kinds 6 and 8:
with m = 2**bits - 1, low + (high - low) * (c / m), and high itself for c = m. All in doubles, then rounded to float32.
"""

import dataclasses
from math import prod
from typing import Any

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded
from tfslim.quantization.codecs.registry import Codec, codec_of
from tfslim.quantization.packed.bit_packing import pack, packed_bytes, unpack
from tfslim.quantization.packed.entropy_coding import decode_entropy, encode_entropy

KINDS: dict[int, tuple[str, dict[str, Any]]] = {
    0: ("float32", {}),
    1: ("float16", {}),
    2: ("log_min_max", {"rule": "exact_zero"}),
    3: ("log_min_max", {"rule": "nearest"}),
    4: ("log_min_max", {"rule": "floor"}),
    5: ("uniform", {"symmetric": True, "per_filter": False}),
    6: ("uniform", {"symmetric": False, "per_filter": False}),
    7: ("uniform", {"symmetric": True, "per_filter": True}),
    8: ("uniform", {"symmetric": False, "per_filter": True}),
    9: ("kmeans", {}),
    10: ("ternary", {"per_filter": False}),
    11: ("ternary", {"per_filter": True}),
    12: ("binary", {"per_filter": False}),
    13: ("binary", {"per_filter": True}),
}
FLOAT16 = 1
RAW = {32: "bool", 33: "u1", 34: "u2", 35: "u4", 36: "u8", 37: "i1", 38: "i2", 39: "i4", 40: "i8", 41: "f8"}
PARAMETERS = {"log_min_max": ("range",), "kmeans": ("codebook",), "ternary": ("scale",), "binary": ("scale",)}


@dataclasses.dataclass(frozen=True)
class Entry:
    """Entry of a tensor in a `.tfslim` file's list.

    Args:
        name: its name, such as "conv1/kernel".
        kind: the number of its codec, or of its type if it is stored raw.
        code_bits: bits of a code.
        shape: its shape.
        filter_axes: for kinds with parameters per filter: the axes that number the filters, rising.
        codebook: entries of a k-means codebook, or 0.
        coded_bytes: bytes of the entropy-coded codes, or 0 if they are packed.
    """

    name: str
    kind: int
    code_bits: int
    shape: tuple[int, ...]
    filter_axes: tuple[int, ...] = ()
    codebook: int = 0
    coded_bytes: int = 0

    @property
    def size(self) -> int:
        """Return the number of values."""
        return prod(self.shape)

    @property
    def per_filter(self) -> bool:
        """Return whether each filter has parameters of its own."""
        return KINDS.get(self.kind, ("", {}))[1].get("per_filter", False)

    @property
    def codec(self) -> Codec | None:
        """Return the codec, or None for a raw tensor.

        Counters, for example, are stored raw.

        Raises:
            ValueError: the kind is unknown, or doesn't have codes of this width.
        """
        if self.kind in RAW:
            expected = 8 * np.dtype(RAW[self.kind]).itemsize
        elif self.kind in KINDS:
            name, config = KINDS[self.kind]
            if name in ("log_min_max", "uniform", "kmeans"):
                extra = config.get("rule", "exact_zero") != "exact_zero"
                return codec_of(name, {"bits": self.code_bits - extra, **config})
            codec = codec_of(name, config)
            if self.code_bits == codec.code_bits:
                return codec
            expected = codec.code_bits
        else:
            raise ValueError(f"kind {self.kind} is unknown")
        if self.code_bits != expected:
            raise ValueError(f"codes of {self.code_bits} bits; kind {self.kind} has {expected}")
        return None

    @property
    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the codec's parameter shapes, in storage order."""
        if self.kind not in KINDS or self.kind <= FLOAT16:
            return {}
        name, config = KINDS[self.kind]
        names = PARAMETERS.get(name) or (("peak",) if config["symmetric"] else ("low", "high"))
        if name == "log_min_max":
            shape: tuple[int, ...] = (3,)
        elif name == "kmeans":
            shape = (self.codebook,)
        else:
            shape = tuple(size if axis in self.filter_axes else 1 for axis, size in enumerate(self.shape))
        return dict.fromkeys(names, shape)

    @property
    def parameter_bytes(self) -> int:
        """Return the bytes of the parameters."""
        return 4 * sum(map(prod, self.parameter_shapes.values()))

    @property
    def code_bytes(self) -> int:
        """Return the bytes of the codes."""
        return self.coded_bytes or packed_bytes(self.size, self.code_bits)


def packed_codes(
    name: str, codec: Codec, encoded: Encoded, filter_axes: tuple[int, ...], entropy_coding: bool
) -> tuple[Entry, bytes]:
    """Return a float tensor's entry and bytes.

    Codes are entropy-coded only if that is shorter, and floats never.
    """
    config = {key: value for key, value in dataclasses.asdict(codec).items() if key not in ("bits", "floor")}
    kind = next(number for number, known in KINDS.items() if known == (codec.name, config))
    axes = tuple(sorted({axis % len(encoded.shape) for axis in filter_axes})) if len(encoded.shape) > 1 else ()
    codebook = len(encoded.parameters["codebook"]) if codec.name == "kmeans" else 0
    entry = Entry(name, kind, encoded.code_bits, tuple(map(int, encoded.shape)), (), codebook)
    if entry.per_filter:
        entry = dataclasses.replace(entry, filter_axes=axes)
    codes = None
    if entropy_coding and kind > FLOAT16 and encoded.codes.size:
        coded = encode_entropy(encoded.codes)
        if len(coded) < packed_bytes(encoded.codes.size, encoded.code_bits):
            entry, codes = dataclasses.replace(entry, coded_bytes=len(coded)), coded
    if codes is None:
        codes = pack(encoded.codes, encoded.code_bits)
    parameters = [encoded.parameters[key].astype("<f4").tobytes() for key in entry.parameter_shapes]
    return entry, b"".join([*parameters, codes])


def packed_as_it_is(name: str, values: np.ndarray) -> tuple[Entry, bytes]:
    """Return the entry and bytes of a tensor stored raw.

    These are all types but floats, and float64.

    Raises:
        ValueError: the format doesn't support its type.
    """
    for kind, known in RAW.items():
        if values.dtype == np.dtype(known):
            stored = np.ascontiguousarray(values).astype(np.dtype(known).newbyteorder("<"))
            return Entry(name, kind, 8 * values.dtype.itemsize, values.shape), stored.tobytes()
    raise ValueError(
        f"{name}: the format does not support {values.dtype}; expected bool, integers or floats up to float64"
    )


def unpacked(entry: Entry, data: bytes) -> tuple[Codec | None, Encoded | None, np.ndarray]:
    """Return a tensor's codec, codes and values.

    Codec and codes are None for raw tensors.

    Args:
        entry: its entry in the list.
        data: its bytes, `entry.parameter_bytes + entry.code_bytes` of them.

    Raises:
        ImportError: the codes are entropy-coded and constriction is not installed.
        ValueError: the bytes are not valid for such a tensor.
    """
    codec = entry.codec
    if codec is None:
        values = np.frombuffer(data, np.dtype(RAW[entry.kind]).newbyteorder("<")).reshape(entry.shape)
        if entry.kind == 32 and values.view(np.uint8).max(initial=0) > 1:
            raise ValueError("a bool is neither 0 nor 1")
        return None, None, values.astype(np.dtype(RAW[entry.kind]))
    parameters, start = {}, 0
    for name, shape in entry.parameter_shapes.items():
        stop = start + 4 * prod(shape)
        parameters[name] = np.frombuffer(data[start:stop], "<f4").reshape(shape).astype(np.float32)
        start = stop
    _check_parameters(codec, parameters)
    if entry.coded_bytes:
        codes = decode_entropy(data[start:], entry.size, entry.code_bits)
    else:
        codes = unpack(data[start:], entry.code_bits, entry.size)
    if entry.codebook and codes.max(initial=0) >= entry.codebook:
        raise ValueError(f"code {codes.max()} is beyond the {entry.codebook} entries of the codebook")
    encoded = Encoded(codes, entry.code_bits, entry.shape, parameters)
    return codec, encoded, codec.decode(encoded)


def _check_parameters(codec: Codec, parameters: dict[str, np.ndarray]) -> None:
    for name, values in parameters.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{codec.name}: {name} holds NaN or infinities")
    if codec.name == "log_min_max":
        low, high, flag = parameters["range"]
        if not (0 < low <= high or low == high == 0) or flag not in (-1, 0, 1):
            raise ValueError(f"{codec.name}: invalid range of {low:g} to {high:g}, flag {flag:g}")
