"""Binary weights: signs alone."""

import dataclasses
from typing import ClassVar

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded, finite_floats, reduced_axes

__all__ = ["Binary"]


@dataclasses.dataclass(frozen=True)
class Binary:
    """Codec of values as -scale or scale, the mean magnitude.

    Zeros count as positive.

    Args:
        per_filter: whether each filter has a scale of its own.

    Example:
        >>> codec = Binary(per_filter=False)
        >>> codec.decode(codec.encode(np.array([1.0, -0.5], "float32")))
        array([ 0.75, -0.75], dtype=float32)

    Source: Rastegari and others, "XNOR-Net", arXiv 1603.05279, section 3.1, equation 6.
    """

    per_filter: bool = True
    name: ClassVar[str] = "binary"

    @property
    def code_bits(self) -> int:
        """Return the bits of a code."""
        return 1

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
            parameters: those of another tensor, to use its scales.

        Raises:
            ValueError: a value is NaN, infinite or too large for float32.
        """
        values = finite_floats(values)
        if parameters is None:
            axes = reduced_axes(values, filter_axes, self.per_filter)
            magnitudes = np.abs(values) if values.size else np.zeros([1] * values.ndim, np.float32)
            mean = np.mean(magnitudes, axis=axes, keepdims=True, dtype=np.float64)
            parameters = {"scale": np.asarray(mean, np.float32)}
        return Encoded((values < 0).reshape(-1).astype(np.uint16), 1, values.shape, parameters)

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        signs = np.array([1, -1], np.float32)[encoded.codes].reshape(encoded.shape)
        # A minus times a scale of zero would be -0.
        return signs * encoded.parameters["scale"] + np.float32(0)
