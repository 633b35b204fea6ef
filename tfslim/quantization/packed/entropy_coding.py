"""Entropy coding of codes.

They are stored in about as many bits as their frequencies allow.
"""

import dataclasses
from types import ModuleType

import numpy as np

from tfslim._support.extras import require
from tfslim.quantization.packed.leb128 import Reader, variable_integer

MOST_SYMBOLS = 1 << 17
WIDTHS = [width << shift for shift in range(12) for width in (2, 3)]
STEPS = 8  # steps of a frequency byte per octave
FREQUENCIES = np.array([0] + [(STEPS + step % STEPS) << step // STEPS for step in range(255)], np.uint64)
LARGEST = float(1 << 30)
PRECISION = 24  # bits of the entropy coder's probabilities


@dataclasses.dataclass(frozen=True)
class FrequencyTable:
    """Frequencies of codes 0 to `symbols` - 1.

    The codes are taken in runs of `width`, which share one frequency; `special`, the most frequent code, has its own.
    A frequency is a byte: 0 is 0, and q above it is (8 + (q - 1) mod 8) * 2**((q - 1) div 8).

    As bytes: `width`, `symbols` and `special` as variable integers, the byte of `special`, a byte per run.
    """

    width: int
    symbols: int
    special: int
    special_byte: int
    run_bytes: np.ndarray

    def frequencies(self) -> np.ndarray:
        """Return the frequency of each code, (symbols,) float64.

        They are whole numbers whose sum is below 2**53.
        """
        frequencies = np.repeat(FREQUENCIES[self.run_bytes], self.width)[: self.symbols]
        frequencies[self.special] = FREQUENCIES[self.special_byte]
        return frequencies.astype(np.float64)

    def to_bytes(self) -> bytes:
        """Serialize the table."""
        head = b"".join(map(variable_integer, (self.width, self.symbols, self.special)))
        return head + bytes([self.special_byte]) + self.run_bytes.tobytes()

    @classmethod
    def read(cls, reader: Reader) -> "FrequencyTable":
        """Read the result of `to_bytes`.

        Raises:
            ValueError: the bytes end too early, or are not a frequency table.
        """
        width, symbols, special = reader.integer(), reader.integer(), reader.integer()
        if not 2 <= symbols <= MOST_SYMBOLS or not 1 <= width <= symbols or special >= symbols:
            raise ValueError(f"a frequency table has runs of {width} for {symbols} codes, code {special} apart")
        special_byte = reader.take(1)[0]
        run_bytes = np.frombuffer(reader.take(-(-symbols // width)), np.uint8)
        if not special_byte and not run_bytes.any():
            raise ValueError("a frequency table says that no code occurs")
        return cls(width, symbols, special, special_byte, run_bytes)


def smallest_table(codes: np.ndarray) -> FrequencyTable:
    """Return the table with the fewest bytes, codes included.

    Args:
        codes: (count,) codes below 2**17, at least one.
    """
    counts = np.bincount(codes, minlength=2)
    tables = [_table(counts, width) for width in [1, *WIDTHS] if width <= len(counts)]
    return min(tables, key=lambda table: len(table.to_bytes()) + _bits(counts, table) / 8)


def _table(counts: np.ndarray, width: int) -> FrequencyTable:
    special = int(counts.argmax())
    others = counts.astype(np.float64)
    others[special] = 0
    members = np.ones(len(counts))
    members[special] = 0
    starts = np.arange(0, len(counts), width)
    sums, sizes = np.add.reduceat(others, starts), np.add.reduceat(members, starts)
    densities = sums / np.maximum(sizes, 1)
    scale = LARGEST / counts[special]
    return FrequencyTable(
        width, len(counts), special, int(_bytes(np.array(LARGEST))), _bytes(densities * scale).astype(np.uint8)
    )


def _bytes(frequencies: np.ndarray) -> np.ndarray:
    """Return the bytes of the logarithmically nearest frequencies.

    Frequencies above 0 stay above 0.
    """
    known = FREQUENCIES[1:].astype(np.float64)
    middles = np.sqrt(known[1:] * known[:-1])
    return np.where(frequencies > 0, 1 + np.searchsorted(middles, frequencies), 0)


def _bits(counts: np.ndarray, table: FrequencyTable) -> float:
    """Return the bits of an ideal coder for these counts."""
    frequencies = table.frequencies()
    shares = frequencies / frequencies.sum() + 2.0**-PRECISION
    occurring = counts > 0
    return float(-(counts[occurring] * np.log2(shares[occurring])).sum())


MOST_VALUES_A_BYTE = 64  # bounds a reader's memory in proportion to the file


def encode_entropy(codes: np.ndarray) -> bytes:
    """Encode codes by asymmetric numeral systems.

    The result is a frequency table and then 32-bit words, little-endian: the stack of a coder with 32-bit words, a
    64-bit state and 24-bit probabilities, as returned by constriction's `AnsCoder`; then zeros, if a byte would stand
    for more than 64 codes. With n codes in the table, frequencies f and their sum F, code i takes the interval from
    floor((f[0] + ... + f[i - 1]) * ((2**24 - n) / F)) + i to that of code i + 1, in doubles; the last ends at 2**24.

    Args:
        codes: (count,) codes below 2**17, at least one.

    Raises:
        ImportError: constriction is not installed.

    Example:
        >>> len(encode_entropy(np.zeros(4096, np.uint16)))
        64

    Source: Duda, "Asymmetric numeral systems", arXiv 1311.2540; Bamler, "Understanding Entropy Coding With Asymmetric
        Numeral Systems", arXiv 2201.01741.
    """
    coding = _constriction()
    table = smallest_table(codes)
    coder = coding.stream.stack.AnsCoder()
    coder.encode_reverse(codes.astype(np.int32), _model(coding, table))
    data = table.to_bytes() + coder.get_compressed().astype("<u4").tobytes()
    return data.ljust(-(-codes.size // MOST_VALUES_A_BYTE), b"\0")


def decode_entropy(data: bytes, count: int, code_bits: int) -> np.ndarray:
    """Decode the result of `encode_entropy`.

    Args:
        data: the bytes.
        count: number of codes, at least one.
        code_bits: 1 to 17; larger codes are refused.

    Returns:
        (count,) uint16, or uint32 if `code_bits` is above 16.

    Raises:
        ImportError: constriction is not installed.
        ValueError: the bytes are not valid for these codes.
    """
    coding = _constriction()
    if len(data) * MOST_VALUES_A_BYTE < count:
        raise ValueError(f"{len(data)} bytes are too few for {count} codes")
    reader = Reader(data)
    table = FrequencyTable.read(reader)
    if table.symbols > max(2, 1 << code_bits):
        raise ValueError(f"a frequency table has {table.symbols} codes; {code_bits} bits have {1 << code_bits}")
    stream = bytes(reader.take(reader.left)).rstrip(b"\0")
    words = np.frombuffer(stream + bytes(-len(stream) % 4), "<u4").astype(np.uint32)
    coder = coding.stream.stack.AnsCoder(words)
    codes = coder.decode(_model(coding, table), count)
    if not coder.is_empty():
        raise ValueError(f"entropy-coded words are left after {count} codes")
    return codes.astype(np.uint16 if code_bits <= 16 else np.uint32)


def _model(coding: ModuleType, table: FrequencyTable) -> object:
    # With perfect=False the intervals are those of the docstring above, which other languages can compute as well.
    return coding.stream.model.Categorical(table.frequencies(), perfect=False)


def _constriction() -> ModuleType:
    return require("constriction", "entropy coding")
