"""Detection of the smallest codec that reproduces a tensor.

A tensor is reproduced exactly, and the codec is found from its values alone.
"""

import dataclasses
import functools
from collections.abc import Iterator
from math import prod

import numpy as np

from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.encoded import Encoded
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import AUTHORS_LEAST, BLOCK, TINY, LogMinMax
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform

__all__ = ["detect_codec", "recognise"]

MOST_BITS = 16
ANY_FLOOR = 1e-30  # a tensor that came out of a codec holds its range's ends, whatever its floor was
NEGATIVE_ZERO = 0x80000000
SAMPLES = (1 << 12, 1 << 18)  # values looked at before all are; the second can be more than 17 bits tell apart
FEW = 1 << 11  # different values that may be told apart by the upper halves of their bits
SOME = 64  # different values that are compared with the levels of every width
WIDTHS = range(1, MOST_BITS + 1)

# Codecs that differ in their bits only, and how many parameters they have: in any case, for each filter, and for each
# different value. Of codecs that take equally many bits the first is chosen.
FAMILIES: dict[str, tuple[list[Codec], tuple[int, int, int]]] = {
    "float16": ([Float16()], (0, 0, 0)),
    "kmeans": ([KMeans(bits) for bits in WIDTHS], (0, 0, 1)),
    "ternary": ([Ternary(per_filter=False)], (1, 0, 0)),
    "binary": ([Binary(per_filter=False)], (1, 0, 0)),
    "symmetric": ([Uniform(bits, symmetric=True) for bits in WIDTHS], (1, 0, 0)),
    "asymmetric": ([Uniform(bits, symmetric=False) for bits in WIDTHS], (2, 0, 0)),
    "exact_zero": ([LogMinMax(bits, floor=ANY_FLOOR) for bits in WIDTHS], (3, 0, 0)),
    "nearest": ([LogMinMax(bits, "nearest") for bits in WIDTHS], (3, 0, 0)),
    "floor": ([LogMinMax(bits, "floor") for bits in WIDTHS], (3, 0, 0)),
    "ternary filters": ([Ternary(per_filter=True)], (0, 1, 0)),
    "binary filters": ([Binary(per_filter=True)], (0, 1, 0)),
    "symmetric filters": ([Uniform(bits, symmetric=True, per_filter=True) for bits in WIDTHS], (0, 1, 0)),
    "asymmetric filters": ([Uniform(bits, symmetric=False, per_filter=True) for bits in WIDTHS], (0, 2, 0)),
}
CODECS = [codec for codecs, _ in FAMILIES.values() for codec in codecs]
PLACES = {codec: place for place, codec in enumerate(CODECS)}
PARTS = {name: slice(PLACES[codecs[0]], PLACES[codecs[-1]] + 1) for name, (codecs, _) in FAMILIES.items()}
OF_TENSOR = slice(PARTS["ternary filters"].start)
OF_FILTERS = slice(PARTS["ternary filters"].start, None)
CODE_BITS = np.array([codec.code_bits for codec in CODECS])
PARAMETERS = np.array([parameters for codecs, parameters in FAMILIES.values() for _ in codecs])

# The steps from level to level between the ends of a range, for each width.
POWERS = 1 << np.array(WIDTHS)
SYMMETRIC_STEPS = np.maximum(POWERS - 2, 1)
ASYMMETRIC_STEPS = POWERS - 1
BOTH_SIGNS_STEPS = np.maximum(POWERS // 2 - 2, 0)
ONE_SIGN_STEPS = np.where(POWERS == 2, 0, POWERS - 2)


def detect_codec(
    values: np.ndarray, filter_axes: tuple[int, ...] = (-1,), expected: Codec | None = None
) -> tuple[Codec, Encoded]:
    """Find the smallest codec that reproduces a tensor exactly.

    The values come back bit for bit. The size counts codes and parameters. A tensor that came out of a codec is stored
    as that codec would, or smaller: as float16 or as a palette of its distinct values. Tensors that no codec keeps,
    such as those with -0 or NaN, stay float32.

    Args:
        values: floats of any shape.
        filter_axes: the axes that number the filters.
        expected: the codec that the values came out of, if known: then only codecs that take fewer bits are searched
            for. It need not be right; the result takes as many bits as without it, or fewer.

    Returns:
        The codec and the codes; `codec.decode(codes)` has the bits of `values`.

    Example:
        >>> codec, _ = detect_codec(LogMinMax(4).decode(LogMinMax(4).encode(kernel)))
        >>> codec
        LogMinMax(bits=4, rule='exact_zero', floor=None)
    """
    values = np.asarray(values, np.float32, order="C")
    finite = bool(np.isfinite(values).all())
    if values.size > 1 and finite and not (values.reshape(-1).view(np.uint32) == NEGATIVE_ZERO).any():
        return _Search(values, filter_axes).best(expected)
    codec = Float16() if values.size and finite and _are_halves(values) else Float32()
    return codec, codec.encode(values)


class _Search:
    """Search for the smallest codec of one tensor.

    The tensor has finite values without -0.

    Encoding and comparing takes most of the time, so most codecs are ruled out before: by the bits they take, by how
    many different values there are, and by values that lie between their levels.
    """

    def __init__(self, values: np.ndarray, filter_axes: tuple[int, ...]):
        self._values = values
        self._flat = values.reshape(-1)
        self._patterns = self._flat.view(np.uint32)
        self._axes = tuple(sorted(axis % values.ndim for axis in filter_axes)) if values.ndim > 1 else ()
        self._filters = prod(values.shape[axis] for axis in self._axes)

    def best(self, expected: Codec | None) -> tuple[Codec, Encoded]:
        """Return the smallest codec and the codes."""
        # Float32 comes before others of as many bits.
        codec, encoded, rank = Float32(), None, self._values.size * 32 * len(CODECS)
        planned = self._made_by(expected) if self._few is None else None
        if planned is not None and planned[2] < rank:
            codec, encoded, rank = planned
        left = self._ranks(1) < rank
        left[OF_FILTERS] &= self._filters > 1
        self._rule_out_by_filters(left)
        distinct = self._rule_out_by_values(left, rank)
        ranks = np.where(left, self._ranks(len(distinct)), rank)
        for place in np.argsort(ranks)[: np.count_nonzero(left)]:
            smaller = CODECS[place]
            of_filters = place >= OF_FILTERS.start
            found = self._kept_by_filters(smaller) if of_filters else self._kept(smaller, distinct)
            if found is not None:
                return _as_stored(smaller), found
        return _as_stored(codec), codec.encode(self._values) if encoded is None else encoded

    def _made_by(self, codec: Codec | None) -> tuple[Codec, Encoded, int] | None:
        """Return a codec with its codes and rank.

        None is returned if the codec is lossy here.
        """
        if isinstance(codec, Uniform | Ternary | Binary) and codec.per_filter and self._filters == 1:
            codec = dataclasses.replace(codec, per_filter=False)
        if isinstance(codec, LogMinMax) and codec.rule == "exact_zero":
            codec = LogMinMax(codec.bits, floor=ANY_FLOOR)
        # Others don't find again the parameters that they had, or not sooner than the search does.
        if not isinstance(codec, LogMinMax | Uniform | Ternary | Binary) or getattr(codec, "rule", None) == "floor":
            return None
        encoded = codec.encode(self._values, self._axes or (-1,))
        if not _same(codec.decode(encoded), self._values):
            return None
        return codec, encoded, encoded.bits * len(CODECS) + PLACES[codec]

    def _ranks(self, distinct: int) -> np.ndarray:
        """Return codecs' ranks for a number of distinct values.

        They are ranked by bits, then by place.
        """
        bits = self._values.size * CODE_BITS + 32 * (PARAMETERS @ [1, self._filters, distinct])
        return bits * len(CODECS) + np.arange(len(CODECS))

    def _rule_out_by_values(self, left: np.ndarray, rank: int) -> np.ndarray:
        """Rule out codecs of the whole tensor by values.

        Takes from `left` those that can't keep the tensor or whose rank is not below `rank`.

        Returns:
            The different values, rising: all of them if such a codec is left.
        """
        distinct = self._flat[:0]
        parts = [each for each in SAMPLES if each < self._flat.size] if self._few is None else []
        for count in [*parts, self._flat.size]:
            if not left[OF_TENSOR].any():
                break
            distinct = _sorted(np.unique(self._patterns[:count])) if self._few is None else self._few
            left &= self._ranks(len(distinct)) < rank
            left[OF_TENSOR] &= len(distinct) <= 1 << CODE_BITS[OF_TENSOR]
            self._rule_out_by_levels(left, distinct, whole=count == self._flat.size)
        return distinct

    def _rule_out_by_levels(self, left: np.ndarray, distinct: np.ndarray, whole: bool) -> None:
        """Rule out codecs by values between their levels.

        `whole` is true if `distinct` is complete.
        """
        if left[PARTS["float16"]].any():
            left[PARTS["float16"]] &= _are_halves(distinct)
        if len(distinct) == 1:  # as in layers that were never trained: all others can keep it, or nearly all
            return
        some = distinct[:: -(-len(distinct) // SOME)]
        if left[PARTS["symmetric"]].any() or left[PARTS["asymmetric"]].any():
            least, most = self._ends
            left[PARTS["symmetric"]] &= _on_symmetric_levels(some, least, most)
            left[PARTS["asymmetric"]] &= _on_asymmetric_levels(some, least, most)
        # The smallest magnitude of a part says nothing of the whole's.
        if whole and (left[PARTS["exact_zero"]].any() or left[PARTS["nearest"]].any() or left[PARTS["floor"]].any()):
            magnitudes = np.abs(distinct)
            nonzero, high = np.abs(some[some != 0]), magnitudes.max()
            normal = magnitudes[magnitudes >= max(ANY_FLOOR * high, TINY)]
            steps = BOTH_SIGNS_STEPS if distinct[0] < 0 < distinct[-1] else ONE_SIGN_STEPS
            left[PARTS["exact_zero"]] &= _on_log_levels(nonzero, normal.min(initial=high), high, steps)
            low, high = max(magnitudes.min(), AUTHORS_LEAST), max(high, AUTHORS_LEAST)
            on_levels = _on_log_levels(nonzero, low, high, POWERS - 1)
            left[PARTS["nearest"]] &= on_levels
            # Its levels stop a step short of the range's end, so that the largest value is as many steps away.
            left[PARTS["floor"]] &= on_levels

    def _rule_out_by_filters(self, left: np.ndarray) -> None:
        """Rule out codecs that lose one of three filters."""
        for number in sorted({0, self._filters // 2, self._filters - 1}):
            if not left[OF_FILTERS].any():
                return
            row = self._by_filters[np.unravel_index(number, self._by_filters.shape[: len(self._axes)])].reshape(-1)
            distinct, least, most = np.unique(row[: SAMPLES[0]]), row.min(), row.max()
            left[OF_FILTERS] &= len(distinct) <= 1 << CODE_BITS[OF_FILTERS]
            some = distinct[:: -(-len(distinct) // SOME)]
            left[PARTS["symmetric filters"]] &= _on_symmetric_levels(some, least, most)
            left[PARTS["asymmetric filters"]] &= _on_asymmetric_levels(some, least, most)

    def _kept(self, codec: Codec, distinct: np.ndarray) -> Encoded | None:
        """Return the tensor's codes.

        None is returned if the codec is lossy here.
        """
        if isinstance(codec, KMeans):
            codes, parameters = np.arange(len(distinct), dtype=np.uint16), {"codebook": distinct}
            codes = (
                np.searchsorted(distinct, self._flat).astype(np.uint16)
                if self._few is None
                else self._looked_up(self._few, codes)
            )
            return Encoded(codes, codec.bits, self._values.shape, parameters)
        for parameters in _parameters(codec, distinct):
            if _keeps(codec, distinct, parameters):
                if self._few is None:
                    return codec.encode(self._values, parameters=parameters)
                codes = self._looked_up(self._few, codec.encode(distinct, parameters=parameters).codes)
                return Encoded(codes, codec.code_bits, self._values.shape, parameters)
        return None

    def _kept_by_filters(self, codec: Codec) -> Encoded | None:
        """Return the tensor's codes, filter by filter.

        None is returned if the codec loses a filter.
        """
        hardest, most_distinct = self._hardest
        if most_distinct > 1 << codec.code_bits or not _keeps(codec, hardest):
            return None
        encoded = codec.encode(self._values, self._axes)
        return encoded if _same(codec.decode(encoded), self._values) else None

    @functools.cached_property
    def _few(self) -> np.ndarray | None:
        """Return all distinct values, ascending, if they are few.

        A table by the upper halves of their bits then maps each value, in a fraction of the time of sorting them or of
        a logarithm. Returns None if two values share an upper half, and for small tensors, where a table takes longer.
        """
        if self._flat.size <= SAMPLES[0]:
            return None
        found = np.unique(self._patterns[: SAMPLES[0]])
        for _ in range(3):  # what a sample lacks is soon found
            table = np.full(1 << 16, NEGATIVE_ZERO, np.uint32)  # which is not among the values, as 0 may be
            table[found >> 16] = found
            if len(found) > FEW or not np.array_equal(table[found >> 16], found):
                return None
            missing = self._others(table)
            if not missing.size:
                return _sorted(found)
            found = np.union1d(found, missing)
        return None

    def _others(self, table: np.ndarray) -> np.ndarray:
        """Return bit patterns that a table lacks.

        The table is one by upper halves; only some are returned if many are lacking.
        """
        others = self._patterns[:0]
        for start in range(0, self._flat.size, BLOCK):
            block = self._patterns[start : start + BLOCK]
            found = block[table.take(block >> 16) != block]
            if found.size:
                others = np.union1d(others, found)
                if len(others) > FEW:
                    break
        return others

    def _looked_up(self, few: np.ndarray, codes: np.ndarray) -> np.ndarray:
        """Return the tensor's codes, by those of its distinct values.

        The distinct values are few.
        """
        table = np.zeros(1 << 16, codes.dtype)
        table[few.view(np.uint32) >> 16] = codes
        return table.take(self._patterns >> 16)

    @functools.cached_property
    def _ends(self) -> tuple[np.float32, np.float32]:
        return self._flat.min(), self._flat.max()

    @functools.cached_property
    def _by_filters(self) -> np.ndarray:
        return np.moveaxis(self._values, self._axes, range(len(self._axes)))

    @functools.cached_property
    def _hardest(self) -> tuple[np.ndarray, int]:
        """Return the filter with the most distinct values.

        It is returned as (values, 1), with their count.
        """
        rows = self._by_filters.reshape(self._filters, -1)
        distinct = 1 + (np.diff(np.sort(rows, axis=1), axis=1) != 0).sum(axis=1)
        return rows[distinct.argmax()][:, np.newaxis], int(distinct.max())


def _on_symmetric_levels(some: np.ndarray, least: np.float32, most: np.float32) -> np.ndarray:
    peak = max(-least, most)
    return _on_uniform_levels(some, -peak, peak, SYMMETRIC_STEPS)


def _on_asymmetric_levels(some: np.ndarray, least: np.float32, most: np.float32) -> np.ndarray:
    return _on_uniform_levels(some, least, most, ASYMMETRIC_STEPS)


def _on_uniform_levels(some: np.ndarray, low: np.float32, high: np.float32, steps: np.ndarray) -> np.ndarray:
    """Return whether values may be uniform levels.

    There is one answer per number of steps, for levels from low to high.
    """
    low, high = np.float64(low), np.float64(high)
    if not low < high:
        return np.ones(len(steps), bool)
    rounding = (2.0**-23 * max(-low, high) + 2.0**-149) / (high - low)
    return _on_steps((some - low) / (high - low), steps, rounding)


def _on_log_levels(magnitudes: np.ndarray, low: np.float32, high: np.float32, steps: np.ndarray) -> np.ndarray:
    """Return whether magnitudes may be logarithmic levels.

    There is one answer per number of steps, for levels from low to high.
    """
    if not 0 < low < high:
        return np.ones(len(steps), bool)
    span = np.log(np.float64(high) / np.float64(low))
    return _on_steps(np.log(magnitudes.astype(np.float64) / low) / span, steps, 2.0**-22 / span)


def _on_steps(shares: np.ndarray, steps: np.ndarray, rounding: float) -> np.ndarray:
    """Return whether shares are multiples of a step.

    There is one answer per number of steps; a share is one of a range.
    """
    places = shares * steps[:, np.newaxis]
    return np.abs(places - np.rint(places)).max(axis=1, initial=0) <= 0.01 + rounding * steps


def _parameters(codec: Codec, distinct: np.ndarray) -> Iterator[dict[str, np.ndarray]]:
    """Yield parameters that a codec may have used.

    With them it may have returned these values.
    """
    found = codec.encode(distinct).parameters
    yield found
    if not isinstance(codec, LogMinMax) or codec.rule != "floor":
        return
    # Its levels stop a step short of the largest magnitude, which is therefore no longer among the values.
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
    """Return whether a sample of magnitudes is on possible levels."""
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


def _sorted(patterns: np.ndarray) -> np.ndarray:
    return np.sort(patterns.view(np.float32))


def _are_halves(values: np.ndarray) -> bool:
    with np.errstate(over="ignore"):
        return _same(values.astype(np.float16).astype(np.float32), values)


recognise = detect_codec  # its name until 0.1
