"""What every codec asks of the tensor it is given, and of itself."""

import numpy as np


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
