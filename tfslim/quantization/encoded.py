"""A tensor as codes of a few bits, and what is needed to read them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Encoded:
    """What a codec makes of a tensor; `codec.decode` makes a tensor of it again.

    Args:
        codes: one for each value in row-major order, (values,) uint16, or uint32 where `code_bits` is above 16; each
            is below 2**code_bits. For `Float16` and `Float32` they are the values' own bits.
        code_bits: bits of a code, 1 to 32.
        shape: the tensor's shape.
        parameters: the codebook or what it is worked out from, by name: float32 arrays, of shapes that broadcast
            against `shape` where there is one for each filter.
    """

    codes: np.ndarray
    code_bits: int
    shape: tuple[int, ...]
    parameters: dict[str, np.ndarray]

    @property
    def bits(self) -> int:
        """Exact bits of codes and parameters, without padding and without names."""
        return self.codes.size * self.code_bits + 32 * sum(each.size for each in self.parameters.values())
