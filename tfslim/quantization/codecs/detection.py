"""Detection of the smallest codec that reproduces a tensor exactly, from its values."""

from collections.abc import Iterator
from math import prod

import numpy as np

from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.encoded import Encoded
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform

__all__ = ["detect_codec", "recognise"]

MOST_BITS = 16
ANY_FLOOR = 1e-30  # a codec's output contains the ends of its range, whatever its floor was


def detect_codec(values: np.ndarray, filter_axes: tuple[int, ...] = (-1,)) -> tuple[Codec, Encoded]:
    """Find the smallest codec that reproduces a tensor exactly.

    The values come back bit for bit. The size counts codes and parameters. A tensor that came out of a codec is stored
    as that codec would, or smaller: as float16 or as a palette of its distinct values. Tensors that no codec keeps,
    such as those with -0 or NaN, stay float32.

    Args:
        values: floats of any shape.
        filter_axes: the axes that number the filters.

    Returns:
        The codec and the codes; `codec.decode(codes)` has the bits of `values`.

    Example:
        >>> kernel = np.random.default_rng(0).normal(size=(3, 3, 8, 16))
        >>> codec, _ = detect_codec(LogMinMax(4).decode(LogMinMax(4).encode(kernel)))
        >>> codec
        LogMinMax(bits=4, rule='exact_zero', floor=None)
    """
    values = np.asarray(values, np.float32, order="C")
    best = (Float32(), Float32().encode(values))
    if not values.size:
        return best
    with np.errstate(over="ignore"):
        halves = values.astype(np.float16)
    if np.isfinite(values).all() and _same(halves.astype(np.float32), values):
        best = (Float16(), Float16().encode(values))
    if values.size == 1:
        return best
    patterns = np.unique(values.reshape(-1).view(np.uint32))
    distinct = np.sort(patterns.view(np.float32))
    if not np.isfinite(distinct).all() or 0x80000000 in patterns:
        return best
    found = [best, *_for_the_tensor(values, distinct), *_for_each_filter(values, filter_axes)]
    return min(found, key=lambda each: each[1].bits)


def _for_the_tensor(values: np.ndarray, distinct: np.ndarray) -> Iterator[tuple[Codec, Encoded]]:
    if len(distinct) > 1 << (MOST_BITS + 1):  # the sign may take an extra bit
        return
    least = _bits_for(len(distinct))
    if least <= MOST_BITS:
        palette = np.searchsorted(distinct, values.reshape(-1)).astype(np.uint16)
        yield KMeans(least), Encoded(palette, least, values.shape, {"codebook": distinct})
    for family in _families(False):
        for codec in family:
            if len(distinct) <= 1 << codec.code_bits and codec.code_bits < 32:
                kept = next((each for each in _parameters(codec, distinct) if _keeps(codec, distinct, each)), None)
                if kept is not None:
                    yield _as_stored(codec), codec.encode(values, parameters=kept)
                    break


def _for_each_filter(values: np.ndarray, filter_axes: tuple[int, ...]) -> Iterator[tuple[Codec, Encoded]]:
    if values.ndim < 2:
        return
    axes = sorted(axis % values.ndim for axis in filter_axes)
    filters = prod(values.shape[axis] for axis in axes)
    if filters == 1:
        return
    rows = np.moveaxis(values, axes, range(len(axes))).reshape(filters, -1)
    distinct = 1 + (np.diff(np.sort(rows, axis=1), axis=1) != 0).sum(axis=1)
    # The filter with the most distinct values rules out most codecs quickly.
    hardest = rows[distinct.argmax()][:, np.newaxis]
    for family in _families(True):
        for codec in family:
            if distinct.max() <= 1 << codec.code_bits and _keeps(codec, hardest):
                encoded = codec.encode(values, tuple(axes))
                if _same(codec.decode(encoded), values):
                    yield codec, encoded
                    break


def _families(per_filter: bool) -> list[list[Codec]]:
    """Return lists of codecs that differ in bits, fewest first."""
    every = range(1, MOST_BITS + 1)
    families = [
        [Ternary(per_filter)],
        [Binary(per_filter)],
        [Uniform(bits, symmetric=True, per_filter=per_filter) for bits in every],
        [Uniform(bits, symmetric=False, per_filter=per_filter) for bits in every],
    ]
    if not per_filter:
        families.append([LogMinMax(bits, floor=ANY_FLOOR) for bits in every])
        families += [[LogMinMax(bits, rule) for bits in every] for rule in ("nearest", "floor")]
    return families


def _parameters(codec: Codec, distinct: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """Yield parameters that a codec may have encoded values with."""
    found = codec.encode(distinct).parameters
    yield found
    if not isinstance(codec, LogMinMax) or codec.rule != "floor":
        return
    # Its levels stop a step short of the largest magnitude, which is therefore not among the values.
    low, highest, flag = found["range"].astype(np.float64)
    levels = 1 << codec.bits
    with np.errstate(over="ignore"):
        high = np.float32(low * (highest / low) ** (levels / (levels - 1)))
    if not low < high < np.inf or not _whole_steps(distinct, low, np.log(high / low) / levels):
        return
    for ulps in (0, 1, -1, 2, -2, 3, -3):
        near = (high.view(np.int32) + np.int32(ulps)).view(np.float32)
        yield {"range": np.array([low, max(near, low), flag], np.float32)}


def _whole_steps(distinct: np.ndarray, low: float, step: float) -> bool:
    """Check quickly whether some magnitudes lie on the levels."""
    some = np.abs(distinct[distinct != 0][:64]).astype(np.float64)
    steps = np.log(some / low) / step
    return bool(np.abs(steps - np.rint(steps)).max() < 0.1)


def _as_stored(codec: Codec) -> Codec:
    """Return the codec without settings that only encoding needs."""
    return LogMinMax(codec.bits, codec.rule) if isinstance(codec, LogMinMax) else codec


def _keeps(codec: Codec, values: np.ndarray, parameters: dict[str, np.ndarray] | None = None) -> bool:
    return _same(codec.decode(codec.encode(values, parameters=parameters)), values)


def _same(values: np.ndarray, others: np.ndarray) -> bool:
    return np.array_equal(values.view(np.uint32), others.view(np.uint32))


def _bits_for(count: int) -> int:
    return max(1, (count - 1).bit_length())


recognise = detect_codec  # its name until 0.1
