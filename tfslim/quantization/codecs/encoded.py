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


def finite_floats(values: np.ndarray) -> np.ndarray:
    """`values` as float32.

    Raises:
        ValueError: a value is NaN, infinite, or too large for float32.
    """
    with np.errstate(over="ignore"):
        floats = np.asarray(values, np.float32)
    if not np.isfinite(floats).all():
        bad = np.flatnonzero(~np.isfinite(floats))
        raise ValueError(
            f"{len(bad)} of {floats.size} values are NaN or infinite, the first at index {bad[0]}; no codec keeps those"
        )
    return floats


def check_bits(bits: int, least: int = 1, most: int = 16) -> None:
    """Raises ValueError unless `bits` is a whole number from `least` to `most`."""
    if isinstance(bits, bool) or not isinstance(bits, int | np.integer) or not least <= bits <= most:
        raise ValueError(f"bits={bits!r}; expected {least} to {most}")


def reduced_axes(values: np.ndarray, filter_axes: tuple[int, ...], per_filter: bool) -> tuple[int, ...]:
    """The axes over which one scale is shared: all but the filters', or all; a vector has no filters to tell apart."""
    if not per_filter or values.ndim < 2:
        return tuple(range(values.ndim))
    kept = {axis % values.ndim for axis in filter_axes}
    return tuple(axis for axis in range(values.ndim) if axis not in kept)


def code_type(bits: int) -> type:
    """The smallest of numpy's types used for codes of so many bits."""
    return np.uint16 if bits <= 16 else np.uint32
