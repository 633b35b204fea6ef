"""How often each code occurs, in a few bytes: what an entropy coder shares with its decoder."""

import dataclasses

import numpy as np

from tfslim.quantization.variable_integers import Reader, variable_integer

MOST_SYMBOLS = 1 << 17
WIDTHS = [width << shift for shift in range(12) for width in (2, 3)]
STEPS = 8  # steps of a frequency byte in an octave
FREQUENCIES = np.array([0] + [(STEPS + step % STEPS) << step // STEPS for step in range(255)], np.uint64)
LARGEST = float(1 << 30)
PRECISION = 24  # bits of the entropy coder's probabilities


@dataclasses.dataclass(frozen=True)
class FrequencyTable:
    """Frequencies of the codes 0 to `symbols` - 1.

    The codes are taken in runs of `width`, which share one frequency; `special`, the most frequent code, has its own.
    A frequency is a byte: 0 is 0, and q above it is (8 + (q - 1) mod 8) * 2**((q - 1) div 8).

    As bytes: `width`, `symbols` and `special` as variable integers, the byte of `special`, a byte for each run.
    """

    width: int
    symbols: int
    special: int
    special_byte: int
    run_bytes: np.ndarray

    def frequencies(self) -> np.ndarray:
        """The frequency of each code, (symbols,) float64 whole numbers; their sum is below 2**53."""
        frequencies = np.repeat(FREQUENCIES[self.run_bytes], self.width)[: self.symbols]
        frequencies[self.special] = FREQUENCIES[self.special_byte]
        return frequencies.astype(np.float64)

    def to_bytes(self) -> bytes:
        head = b"".join(map(variable_integer, (self.width, self.symbols, self.special)))
        return head + bytes([self.special_byte]) + self.run_bytes.tobytes()

    @classmethod
    def read(cls, reader: Reader) -> "FrequencyTable":
        """Reads what `to_bytes` wrote.

        Raises:
            ValueError: the bytes end too early, or are no frequency table.
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
    """The table with which codes and table take the fewest bytes.

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
        width, len(counts), special, int(_bytes(np.float64(LARGEST))), _bytes(densities * scale).astype(np.uint8)
    )


def _bytes(frequencies: np.ndarray) -> np.ndarray:
    """The bytes of the nearest frequencies, on a logarithmic scale; what occurs at all stays above 0."""
    known = FREQUENCIES[1:].astype(np.float64)
    middles = np.sqrt(known[1:] * known[:-1])
    return np.where(frequencies > 0, 1 + np.searchsorted(middles, frequencies), 0)


def _bits(counts: np.ndarray, table: FrequencyTable) -> float:
    """Bits that an ideal coder takes for codes that occur so often."""
    frequencies = table.frequencies()
    shares = frequencies / frequencies.sum() + 2.0**-PRECISION
    occurring = counts > 0
    return float(-(counts[occurring] * np.log2(shares[occurring])).sum())
