"""Uniform quantization: evenly spaced levels."""

import dataclasses
from typing import ClassVar

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded, check_bits, code_type, finite_floats, reduced_axes

__all__ = ["Uniform"]


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Codec of values as the nearest of evenly spaced levels.

    Symmetric levels run from -peak to peak, an odd number of them, so that zero is one (with one bit they are the two
    peaks). Otherwise they run from the smallest to the largest value, and zero need not be one.

    Args:
        bits: 1 to 16.
        symmetric: whether zero is the middle level.
        per_filter: whether each filter has a range of its own.

    Raises:
        ValueError: `bits` is out of range.

    Example:
        >>> codec = Uniform(bits=2)
        >>> codec.decode(codec.encode(np.array([1.0, -0.6, 0.2], "float32")))
        array([ 1., -1.,  0.], dtype=float32)

    Source: Jacob and others, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", arXiv 1712.05877, section 2.1.
    """

    bits: int
    symmetric: bool = True
    per_filter: bool = False
    name: ClassVar[str] = "uniform"

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
            filter_axes: the axes that number the filters.
            parameters: those of another tensor, to use its range; values beyond it take the nearest level.

        Raises:
            ValueError: a value is NaN, infinite or too large for float32.
        """
        values = finite_floats(values)
        if parameters is None:
            parameters = self._parameters(values, reduced_axes(values, filter_axes, self.per_filter))
        low, high = self._ends(parameters)
        with np.errstate(invalid="ignore", divide="ignore"):
            # From the middle, in units of half the range, so that neither overflows.
            share = (values / 2 - low / 2) / (high / 2 - low / 2)
        share = np.nan_to_num(share, nan=0.0, posinf=1.0, neginf=0.0)
        codes = np.clip(np.rint(share * np.float32(self._count - 1)), 0, self._count - 1).astype(code_type(self.bits))
        return Encoded(codes.reshape(-1), self.bits, values.shape, parameters)

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        low, high = self._ends(encoded.parameters)
        if low.size == 1 and encoded.codes.size > 1 << self.bits:
            levels = self._values(np.arange(1 << self.bits), low.reshape(-1), high.reshape(-1))
            return levels.take(encoded.codes).reshape(encoded.shape)
        return self._values(encoded.codes.reshape(encoded.shape), low, high).reshape(encoded.shape)

    @property
    def _count(self) -> int:
        return (1 << self.bits) - 1 if self.symmetric and self.bits > 1 else 1 << self.bits

    def _parameters(self, values: np.ndarray, axes: tuple[int, ...]) -> dict[str, np.ndarray]:
        # An empty tensor has a range of zero.
        low = values.min(axis=axes, keepdims=True, initial=np.inf if values.size else 0)
        high = values.max(axis=axes, keepdims=True, initial=-np.inf if values.size else 0)
        if self.symmetric:
            peak = np.maximum(-low, high)
            return {"peak": np.where(peak < np.finfo(np.float32).tiny, np.float32(0), peak)}  # values below are dead
        return {"low": low, "high": high}

    def _ends(self, parameters: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        if self.symmetric:
            return -parameters["peak"], parameters["peak"]
        return parameters["low"], parameters["high"]

    def _values(self, codes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        last = self._count - 1
        codes = np.minimum(codes, last)  # symmetric levels leave the last code unused
        low, high = low.astype(np.float64), high.astype(np.float64)
        if self.symmetric:
            return (high * ((2 * codes.astype(np.float64) - last) / last)).astype(np.float32) + np.float32(0)
        values = np.where(codes == last, high, low + (high - low) * (codes / last))
        return values.astype(np.float32)
