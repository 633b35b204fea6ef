"""Tensor as codes of a few bits.

It has the parameters to decode them.
"""

import dataclasses

import numpy as np

__all__ = ["Encoded"]


@dataclasses.dataclass(frozen=True)
class Encoded:
    """Tensor encoded by a codec; `codec.decode` reverses it.

    Args:
        codes: one per value in row-major order, (values,) uint16, or uint32 if `code_bits` is above 16; each is below
            2**code_bits. For `Float16` and `Float32` they are the values' own bits.
        code_bits: bits of a code, 1 to 32.
        shape: the tensor's shape.
        parameters: the codebook or the numbers that define it, by name: float32 arrays, of shapes that broadcast
            against `shape` if there is one per filter.
    """

    codes: np.ndarray
    code_bits: int
    shape: tuple[int, ...]
    parameters: dict[str, np.ndarray]

    @property
    def bits(self) -> int:
        """Return the bits of codes and parameters, without padding."""
        return self.codes.size * self.code_bits + 32 * sum(each.size for each in self.parameters.values())


def finite_floats(values: np.ndarray) -> np.ndarray:
    """Return `values` as float32 after checking that they are finite.

    Raises:
        ValueError: a value is NaN, infinite, or too large for float32.
    """
    with np.errstate(over="ignore"):
        floats = np.asarray(values, np.float32)
    if not np.isfinite(floats).all():
        bad = np.flatnonzero(~np.isfinite(floats))
        raise ValueError(
            f"{len(bad)} of {floats.size} values are NaN or infinite, the first at index {bad[0]}; expected finite ones"
        )
    return floats


def check_bits(bits: int, least: int = 1, most: int = 16) -> None:
    """Raise ValueError unless `bits` is a whole number within limits."""
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not least <= bits <= most:
        raise ValueError(f"bits={bits!r}; expected a whole number from {least} to {most}")


def reduced_axes(values: np.ndarray, filter_axes: tuple[int, ...], per_filter: bool) -> tuple[int, ...]:
    """Return the axes over which one scale is shared.

    These are all axes but the filters', or all. A vector has one scale.
    """
    if not per_filter or values.ndim < 2:
        return tuple(range(values.ndim))
    kept = {axis % values.ndim for axis in filter_axes}
    return tuple(axis for axis in range(values.ndim) if axis not in kept)


def code_type(bits: int) -> type:
    """Return the smallest numpy type for codes of `bits` bits."""
    return np.uint16 if bits <= 16 else np.uint32
