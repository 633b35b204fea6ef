"""Log min-max codec: magnitudes on a logarithmic scale.

The scale runs between the smallest and the largest magnitude.
"""

import dataclasses
from typing import ClassVar, Literal

import numpy as np

from tfslim.quantization.codecs.encoded import Encoded, check_bits, code_type, finite_floats

__all__ = ["LogMinMax"]

LevelRule = Literal["exact_zero", "nearest", "floor"]
TINY = np.finfo(np.float32).tiny  # the smallest normal float32: values below count as dead
AUTHORS_LEAST = np.float32(1e-20)
BLOCK = 1 << 15  # values per block: its working set fits the cache
SAMPLE = 1 << 14
LEAST_FLOOR = 2.0**-20
SAME = 1e-5  # relative: tolerates another library's exponential


@dataclasses.dataclass(frozen=True)
class LogMinMax:
    """Codec of signed magnitudes with evenly spaced logarithms.

    A tensor's parameters are its "range": the smallest magnitude with a code, the largest, and a flag. Three rules:

    - "exact_zero", ours: nearest level; `bits` are all bits of a code. One code is zero, the others are halved between
      the signs (10 bits make 511 levels per sign), or serve one sign if the tensor has only one (flag 1 or -1).
      Magnitudes below `floor` times the largest don't stretch the range: they become zero or the smallest level,
      whichever is nearer. With one bit zero has no code, and with one level per sign its magnitude is the geometric
      mean.
    - "nearest", the authors' code: 2**bits levels, and the sign is an extra bit. The lowest level of the negative sign
      stands for zero if the tensor has zeros (flag 1). Zeros and magnitudes below 1e-20 stretch the range to 1e-20.
      With one bit the levels are the two ends of the range, while the authors' program then keeps the sign alone.
    - "floor", the poster: the level below, of 2**bits levels that stop a step short of the largest.

    Args:
        bits: 1 to 16.
        rule: see above.
        floor: of "exact_zero": above 0 and below 1, or None for the one among 2**-1 ... 2**-20 with the least squared
            error, tried on 16,384 of the values.

    Raises:
        ValueError: `bits`, `rule` or `floor` is out of range.

    Example:
        >>> codec = LogMinMax(bits=4)
        >>> codec.decode(codec.encode(np.array([0.5, -0.25, 0.0, 1e-30], "float32")))
        array([ 0.5 , -0.25,  0.  ,  0.  ], dtype=float32)

    Source: Shih, Huang and Chung, the 1.13 MB model, "log min-max quantization"; the authors' own code for "nearest".
    """

    bits: int
    rule: LevelRule = "exact_zero"
    floor: float | None = None
    name: ClassVar[str] = "log_min_max"

    def __post_init__(self):
        check_bits(self.bits)
        if self.rule not in ("exact_zero", "nearest", "floor"):
            raise ValueError(f"rule={self.rule!r}; expected 'exact_zero', 'nearest' or 'floor'")
        if self.floor is not None and (self.rule != "exact_zero" or not 0 < self.floor < 1):
            raise ValueError(f"floor={self.floor!r}; expected above 0 and below 1, and rule 'exact_zero'")

    @property
    def code_bits(self) -> int:
        """Return the bits of a code."""
        return self.bits if self.rule == "exact_zero" else self.bits + 1

    def encode(
        self,
        values: np.ndarray,
        filter_axes: tuple[int, ...] = (-1,),
        parameters: dict[str, np.ndarray] | None = None,
    ) -> Encoded:
        """Encode a tensor.

        Args:
            values: floats of any shape, finite.
            filter_axes: not used: the whole tensor has one range.
            parameters: those of another tensor, to use its range; magnitudes beyond it take the nearest level.

        Raises:
            ValueError: a value is NaN, infinite or too large for float32.
        """
        values = finite_floats(values)
        flat = values.reshape(-1)
        found = self._range(flat) if parameters is None else parameters["range"]
        return Encoded(self._codes(flat, found), self.code_bits, values.shape, {"range": found})

    def decode(self, encoded: Encoded) -> np.ndarray:
        """Decode a tensor to float32."""
        found, codes = encoded.parameters["range"], encoded.codes
        # Many small tensors in a file must not cost a table each.
        values = self._values(codes, found) if codes.size < 1 << self.code_bits else self.table(found).take(codes)
        return values.reshape(encoded.shape)

    def table(self, found: np.ndarray) -> np.ndarray:
        """Return the value of every code for a range.

        Args:
            found: a "range" of a tensor's parameters.

        Returns:
            (2**code_bits,) float32
        """
        return self._values(np.arange(1 << self.code_bits), found)

    def _values(self, codes: np.ndarray, found: np.ndarray) -> np.ndarray:
        sign, count = np.float32(found[2]), self._levels(found[2])
        places = codes.astype(np.int32)  # the positive levels, then the negative ones
        zero = np.zeros(codes.shape, bool)
        if self.rule != "exact_zero":
            zero |= bool(sign) & (places == count)
        elif self.bits > 1:
            places -= 1
            zero |= (places < 0) | (places >= 2 * count)
        negative = places >= count
        magnitudes = self._magnitudes(places - count * negative, found)
        if self.rule == "exact_zero" and self.bits > 1 and sign:
            negative = np.asarray(sign < 0)
        return np.where(zero, np.float32(0), np.where(negative, -magnitudes, magnitudes))

    def _levels(self, sign: float) -> int:
        """Return the number of levels per sign."""
        if self.rule != "exact_zero":
            return 1 << self.bits
        if self.bits == 1:
            return 1
        return (1 << self.bits) - 1 if sign else (1 << (self.bits - 1)) - 1

    def _magnitudes(self, levels: np.ndarray, found: np.ndarray) -> np.ndarray:
        low, high = np.float64(found[0]), np.float64(found[1])
        count = self._levels(found[2])
        if low == high or count == 1:
            return np.full(levels.shape, high, np.float32)
        steps = levels / (count if self.rule == "floor" else count - 1)
        with np.errstate(over="ignore"):  # codes beyond the levels stand for zero
            magnitudes = (low * np.exp(steps * np.log(high / low))).astype(np.float32)
        magnitudes[levels == 0] = found[0]
        if self.rule != "floor":
            magnitudes[levels == count - 1] = found[1]
        return magnitudes

    def _range(self, flat: np.ndarray) -> np.ndarray:
        if not flat.size:
            return np.zeros(3, np.float32)
        least, most = flat.min(), flat.max()
        high = max(-least, most)
        if self.rule != "exact_zero":
            # The authors take ln(|x| + 1e-20): dead values stretch the range as zeros do.
            low = max(np.abs(flat).min(), AUTHORS_LEAST)
            return np.array([low, max(high, AUTHORS_LEAST), np.count_nonzero(flat) < flat.size], np.float32)
        if high < TINY:
            return np.zeros(3, np.float32)
        sign = 1 if least >= 0 else -1 if most <= 0 else 0
        if self._levels(sign) == 1:
            low = high = _typical(flat, (self.floor or LEAST_FLOOR) * high)
            return np.array([low, high, sign], np.float32)
        found = np.array([_smallest(flat, (self.floor or LEAST_FLOOR) * high), high, sign], np.float32)
        if self.floor is not None or self._keeps(flat, found):
            return found
        some = flat[:: -(-flat.size // SAMPLE)]
        tried = [np.array([floor * high, high, sign], np.float32) for floor in 2.0 ** -np.arange(20, 0, -1)]
        errors = [np.square(self.table(each)[self._codes(some, each)] - some, dtype=np.float64).sum() for each in tried]
        found[0] = _smallest(flat, tried[int(np.argmin(errors))][0])
        return found

    def _keeps(self, flat: np.ndarray, found: np.ndarray) -> bool:
        """Check whether a range reproduces the tensor up to rounding.

        It does if the tensor came out of this codec.
        """
        table = self.table(found)
        for start in range(0, flat.size, BLOCK):
            block = flat[start : start + BLOCK]
            if not (np.abs(table[self._block(block, found)] - block) <= SAME * np.abs(block)).all():
                return False
        return True

    def _codes(self, flat: np.ndarray, found: np.ndarray) -> np.ndarray:
        codes = np.empty(flat.size, code_type(self.code_bits))
        for start in range(0, flat.size, BLOCK):
            codes[start : start + BLOCK] = self._block(flat[start : start + BLOCK], found)
        return codes

    def _block(self, flat: np.ndarray, found: np.ndarray) -> np.ndarray:
        low, high, flag = found
        count = self._levels(flag)
        magnitudes = np.abs(flat)
        if not high:
            return np.zeros(flat.size, np.int32)
        if self.rule == "floor":
            known = self._magnitudes(np.arange(count), found)
            levels = np.searchsorted(known, np.maximum(magnitudes, low), side="right") - 1
        elif low == high or count == 1:
            levels = np.zeros(flat.size, np.int32)
        else:
            span = np.log(np.float64(high) / np.float64(low))
            scaled = np.maximum(magnitudes, low)
            # float32 can't hold the quotient of a wide range, nor tell the steps of a narrow one apart.
            enough = 1e-6 * (count - 1) < span < 69
            scaled = np.log((scaled if enough else scaled.astype(np.float64)) / high)
            scaled *= scaled.dtype.type((count - 1) / span)
            scaled += scaled.dtype.type(count - 0.5)
            levels = np.minimum(scaled.astype(np.int32), count - 1)
        negative = flat < 0
        if self.rule != "exact_zero":
            if flag:
                return np.where(flat == 0, count, levels + negative * np.int32(count))
            return levels + negative * np.int32(count)
        if self.bits == 1:
            return negative.astype(np.int32)
        codes = levels + 1
        if not flag:
            codes += negative * np.int32(count)
        elif flag * flat.min(initial=0) < 0 or flag * flat.max(initial=0) < 0:  # another tensor's range
            codes *= flat * flag > 0
        codes *= magnitudes >= low / 2
        return codes


def _smallest(flat: np.ndarray, floor: float) -> np.float32:
    """Return the smallest normal magnitude of at least `floor`.

    The result is `floor` itself if no magnitude is so large.
    """
    least = max(np.float32(floor), np.float32(TINY))
    smallest = np.float32(np.inf)
    for start in range(0, flat.size, BLOCK):
        magnitudes = np.abs(flat[start : start + BLOCK])
        # Faster than min(where=...), which branches at every value.
        smallest = min(smallest, np.where(magnitudes >= least, magnitudes, np.float32(np.inf)).min())
    return smallest if np.isfinite(smallest) else least


def _typical(flat: np.ndarray, floor: np.float32) -> np.float32:
    """Return the geometric mean of normal magnitudes from `floor` up."""
    magnitudes = np.abs(flat)
    magnitudes = magnitudes[magnitudes >= max(floor, TINY)]
    if magnitudes.min() == magnitudes.max():
        return magnitudes[0]
    return np.float32(np.exp(np.log(magnitudes, dtype=np.float64).mean()))
