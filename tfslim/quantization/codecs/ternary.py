"""Ternary weights: minus, zero, plus."""

import dataclasses
from typing import ClassVar

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded, finite_floats, reduced_axes

__all__ = ["Ternary"]

THRESHOLD = 0.7  # of the mean magnitude, section 2.3 of the paper
ZERO, PLUS, MINUS = 0, 1, 2


@dataclasses.dataclass(frozen=True)
class Ternary:
    """Codec of values as -scale, 0 or scale.

    Magnitudes below 0.7 of their mean become zero; the scale is the mean of the others.

    Args:
        per_filter: whether each filter has a scale and a threshold of its own.

    Example:
        >>> codec = Ternary(per_filter=False)
        >>> codec.decode(codec.encode(np.array([1.0, -0.5, 0.1, -0.1], "float32")))
        array([ 0.75, -0.75,  0.  ,  0.  ], dtype=float32)

    Source: Li, Zhang and Liu, "Ternary Weight Networks", arXiv 1605.04711, equations 3 and 6.
    """

    per_filter: bool = True
    name: ClassVar[str] = "ternary"

    @property
    def code_bits(self) -> int:
        """Return the bits of a code."""
        return 2

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
            parameters: those of another tensor, to use its scales; values nearer to zero than to a scale become zero.

        Raises:
            ValueError: a value is NaN, infinite or too large for float32.
        """
        values = finite_floats(values)
        magnitudes = np.abs(values)
        if parameters is None:
            axes = reduced_axes(values, filter_axes, self.per_filter)
            means = _mean(magnitudes, axes, np.ones_like(magnitudes, bool))
            kept = magnitudes > THRESHOLD * means
            parameters = {"scale": _mean(magnitudes, axes, kept).astype(np.float32)}
        else:
            kept = magnitudes > parameters["scale"] / 2
        codes = np.where(kept, np.where(values < 0, MINUS, PLUS), ZERO).astype(np.uint16)
        return Encoded(codes.reshape(-1), self.code_bits, values.shape, parameters)

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        signs = np.array([0, 1, -1, 0], np.float32)[encoded.codes].reshape(encoded.shape)
        # A minus times a scale of zero would be -0.
        return signs * encoded.parameters["scale"] + np.float32(0)


def _mean(magnitudes: np.ndarray, axes: tuple[int, ...], which: np.ndarray) -> np.ndarray:
    sums = np.sum(magnitudes, axis=axes, keepdims=True, dtype=np.float64, where=which)
    return sums / np.maximum(np.sum(which, axis=axes, keepdims=True), 1)
