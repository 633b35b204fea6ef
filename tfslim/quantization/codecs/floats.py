"""Codecs that store the bits of floats.

They are those of a float16 or of a float32.
"""

import dataclasses
from typing import ClassVar

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded, finite_floats

__all__ = ["Float16", "Float32"]

LARGEST = 65_504  # of float16


@dataclasses.dataclass(frozen=True)
class Float16:
    """Codec of half precision: 11 significant bits, magnitudes to 65,504.

    Larger magnitudes are refused.

    Example:
        >>> codec = Float16()
        >>> codec.decode(codec.encode(np.array([0.1, 2.5], "float32")))
        array([0.09997559, 2.5       ], dtype=float32)

    Source: IEEE 754, binary16.
    """

    name: ClassVar[str] = "float16"

    @property
    def code_bits(self) -> int:
        """Return the bits of a code."""
        return 16

    def encode(
        self,
        values: np.ndarray,
        filter_axes: tuple[int, ...] = (-1,),
        parameters: dict[str, np.ndarray] | None = None,
    ) -> Encoded:
        """Encode values as the nearest float16, without parameters.

        Raises:
            ValueError: a value is NaN, infinite, or too large.
        """
        values = finite_floats(values)
        with np.errstate(over="ignore"):
            halves = values.astype(np.float16)
        if np.isinf(halves).any():
            raise ValueError(
                f"a value of {np.abs(values).max():g} is beyond float16's 65,504; store the tensor as float32"
            )
        return Encoded(halves.reshape(-1).view(np.uint16), 16, values.shape, {})

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        return encoded.codes.view(np.float16).astype(np.float32).reshape(encoded.shape)


@dataclasses.dataclass(frozen=True)
class Float32:
    """Codec of values unchanged, NaN and infinities included.

    Example:
        >>> codec = Float32()
        >>> codec.decode(codec.encode(np.array([0.1], "float32")))
        array([0.1], dtype=float32)
    """

    name: ClassVar[str] = "float32"

    @property
    def code_bits(self) -> int:
        """Return the bits of a code."""
        return 32

    def encode(
        self,
        values: np.ndarray,
        filter_axes: tuple[int, ...] = (-1,),
        parameters: dict[str, np.ndarray] | None = None,
    ) -> Encoded:
        """Encode values as their own bits, without parameters."""
        values = np.asarray(values, np.float32)
        return Encoded(np.ascontiguousarray(values.reshape(-1)).view(np.uint32), 32, values.shape, {})

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        return encoded.codes.view(np.float32).reshape(encoded.shape)
