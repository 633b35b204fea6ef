"""Codebooks of values found by k-means."""

import dataclasses
from typing import ClassVar

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded, check_bits, code_type, finite_floats

__all__ = ["KMeans"]

ROUNDS = 100


@dataclasses.dataclass(frozen=True)
class KMeans:
    """Codec of values by a k-means codebook.

    The entries are the means of the values that are nearest to them. A tensor with at most 2**bits distinct values is
    kept exactly.

    Args:
        bits: 1 to 16. The codebook, of at most 2**bits entries of 32 bits, counts as well.

    Raises:
        ValueError: `bits` is out of range.

    Example:
        >>> codec = KMeans(bits=1)
        >>> codec.decode(codec.encode(np.array([0.0, 1.0, 9.0, 10.0], "float32")))
        array([0.5, 0.5, 9.5, 9.5], dtype=float32)

    Source: Han, Mao and Dally, "Deep Compression", arXiv 1510.00149, section 3, with linear initialization; or with
        initialization by quantiles if the linear one leaves entries unused and has a larger error.
    """

    bits: int
    name: ClassVar[str] = "kmeans"

    def __post_init__(self):
        check_bits(self.bits)

    @property
    def code_bits(self) -> int:
        """Return the bits of a code."""
        return self.bits

    def encode(
        self,
        values: np.ndarray,
        filter_axes: tuple[int, ...] = (-1,),
        parameters: dict[str, np.ndarray] | None = None,
    ) -> Encoded:
        """Encode a tensor.

        Args:
            values: floats of any shape, finite.
            filter_axes: not used: the whole tensor has one codebook.
            parameters: those of another tensor, to use its codebook.

        Raises:
            ValueError: a value is NaN, infinite or too large for float32.
        """
        values = finite_floats(values)
        flat = values.reshape(-1)
        codebook = _codebook(flat, 1 << self.bits) if parameters is None else parameters["codebook"]
        codes = _nearest(flat, codebook).astype(code_type(self.bits))
        return Encoded(codes, self.bits, values.shape, {"codebook": codebook})

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        return encoded.parameters["codebook"].take(encoded.codes).reshape(encoded.shape)


def _codebook(flat: np.ndarray, size: int) -> np.ndarray:
    """Return at most `size` entries in rising order, float32."""
    distinct, counts = np.unique(flat, return_counts=True)
    if len(distinct) <= size:
        return distinct
    weights = np.concatenate([[0], np.cumsum(counts)])
    sums = np.concatenate([[0.0], np.cumsum(distinct.astype(np.float64) * counts)])
    entries, error = _settled(np.linspace(distinct[0], distinct[-1], size, dtype=np.float64), distinct, weights, sums)
    if len(entries) < size:
        # One outlier leaves most entries of a linear start without values: quantiles may do better then.
        places = np.searchsorted(weights, (np.arange(size) + 0.5) * weights[-1] / size, side="right") - 1
        others, smaller = _settled(np.unique(distinct[places].astype(np.float64)), distinct, weights, sums)
        entries = others if smaller < error else entries
    return np.unique(entries.astype(np.float32))


def _settled(
    entries: np.ndarray, distinct: np.ndarray, weights: np.ndarray, sums: np.ndarray
) -> tuple[np.ndarray, float]:
    """Run k-means; return the entries in use and their error.

    The error is the squared error less the values' own squares.

    Args:
        entries: initial entries, rising.
        distinct: the distinct values, rising.
        weights: number of values before each distinct one, and in total.
        sums: sums of these values.
    """
    for _ in range(ROUNDS):
        held, means = _runs(entries, distinct, weights, sums)
        moved = np.sort(np.where(held > 0, means, entries))
        if np.array_equal(moved, entries):
            break
        entries = moved
    held, means = _runs(entries, distinct, weights, sums)
    used = held > 0
    entries, held, means = entries[used], held[used], means[used]
    return entries, float((held * entries * (entries - 2 * means)).sum())


def _runs(entries, distinct, weights, sums) -> tuple[np.ndarray, np.ndarray]:
    """Return each entry's number of nearest values, and their means."""
    # The values are sorted, so those nearest to an entry are one run.
    ends = np.searchsorted(distinct, (entries[1:] + entries[:-1]) / 2)
    bounds = np.concatenate([[0], ends, [len(distinct)]])
    held = np.diff(weights[bounds])
    return held, np.diff(sums[bounds]) / np.maximum(held, 1)


def _nearest(flat: np.ndarray, codebook: np.ndarray) -> np.ndarray:
    if not len(codebook):
        return np.zeros(flat.size, np.int64)
    middles = (codebook[1:].astype(np.float64) + codebook[:-1]) / 2
    return np.searchsorted(middles, flat)
