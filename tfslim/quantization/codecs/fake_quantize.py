"""Rounding of the codecs in `keras.ops`, for training steps."""

import dataclasses
from collections.abc import Callable

import keras
import numpy as np
from keras import ops

from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.encoded import reduced_axes
from tfslim.quantization.codecs.floats import Float16
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import AUTHORS_LEAST, LEAST_FLOOR, TINY, LogMinMax
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.codecs.ternary import THRESHOLD, Ternary
from tfslim.quantization.codecs.uniform import Uniform

Snap = Callable[[keras.KerasTensor], keras.KerasTensor]


def fixed(codec: Codec, values: np.ndarray) -> Codec:
    """Return the codec with its floor for `values` fixed.

    Only log min-max without a floor changes. A floor chosen again in every step would move all levels at once.
    """
    if not isinstance(codec, LogMinMax) or codec.rule != "exact_zero" or codec.floor is not None:
        return codec
    low, high, _ = codec.encode(values).parameters["range"]
    # Slightly below, so that the smallest level stays above it.
    return dataclasses.replace(codec, floor=0.999 * float(low) / float(high) if low < high else LEAST_FLOOR)


def fake_quantize(codec: Codec, values: np.ndarray, filter_axes: tuple[int, ...] = (-1,)) -> Snap:
    """Return a function that rounds tensors as a codec does.

    It computes `codec.decode(codec.encode(x))` for float32 tensors of the shape of `values`. Ranges and scales follow
    the tensor; the codebook of k-means is that of `values`. The backends' rounding differs from numpy's by a few units
    in the last place.

    Args:
        codec: any codec; for log min-max one with a floor, as returned by `fixed`.
        values: the tensor before training, finite.
        filter_axes: the axes that number its filters.

    Raises:
        ValueError: the codec is log min-max without a floor.

    Example:
        >>> snap = fake_quantize(Ternary(), kernel)
        >>> snapped = snap(keras.ops.convert_to_tensor(kernel))
    """
    axes = reduced_axes(values, filter_axes, getattr(codec, "per_filter", False))
    match codec:
        case LogMinMax(rule="exact_zero"):
            if codec.floor is None:
                raise ValueError(f"{codec} has no floor; pass fixed(codec, values)")
            floor = codec.floor
            return lambda x: _log_exact_zero(x, codec.bits, floor)
        case LogMinMax():
            return lambda x: _log_paper(x, 1 << codec.bits, codec.rule == "floor")
        case Uniform():
            return lambda x: _uniform(x, codec, axes)
        case KMeans():
            return _codebook(codec.encode(values).parameters["codebook"])
        case Ternary():
            return lambda x: _ternary(x, axes)
        case Binary():
            return lambda x: ops.where(x < 0, -1.0, 1.0) * ops.mean(ops.abs(x), axis=axes, keepdims=True)
        case Float16():
            return lambda x: ops.cast(ops.cast(x, "float16"), "float32")
        case _:
            return lambda x: x


def _log_exact_zero(x, bits: int, floor: float):
    magnitudes = ops.abs(x)
    high = ops.maximum(ops.max(magnitudes), TINY)
    counts = magnitudes >= ops.maximum(floor * high, TINY)
    low = ops.min(ops.where(counts, magnitudes, high))
    weights = ops.cast(counts, "float32")
    logs = ops.log(ops.maximum(magnitudes, TINY)) * weights
    typical = ops.max(weights) * ops.exp(ops.sum(logs) / ops.maximum(ops.sum(weights), 1.0))
    if bits == 1:
        return ops.where(x < 0, -typical, typical)
    both = ops.logical_and(ops.min(x) < 0, ops.max(x) > 0)
    count = ops.where(both, float((1 << (bits - 1)) - 1), float((1 << bits) - 1))
    # One level per sign: all magnitudes are typical; TINY avoids the logarithm of zero for a tensor of zeros.
    one = ops.maximum(typical, TINY)
    low, high = ops.where(count == 1, one, low), ops.where(count == 1, one, high)
    levels = _log_levels(ops.maximum(magnitudes, low), low, high, count - 1, count - 1, ops.round)
    return ops.where(magnitudes >= low / 2, ops.sign(x) * levels, 0.0)


def _log_paper(x, count: int, floor: bool):
    magnitudes = ops.maximum(ops.abs(x), AUTHORS_LEAST)
    low, high = ops.min(magnitudes), ops.max(magnitudes)
    steps, rounding = (count, ops.floor) if floor else (count - 1, ops.round)
    return ops.sign(x) * _log_levels(magnitudes, low, high, float(steps), float(count - 1), rounding)


def _log_levels(magnitudes, low, high, steps, last, rounding):
    """Return each magnitude's level on a logarithmic scale.

    `steps` levels lead from low to high, and `last` is the index of the last one.
    """
    span = ops.log(high) - ops.log(low)
    scale = ops.where(span > 0, span, 1.0) / ops.maximum(steps, 1.0)
    # A rounded logarithm must not make floor fall a level too low.
    places = (ops.log(magnitudes) - ops.log(low)) / scale + (1e-4 if rounding is ops.floor else 0.0)
    return low * ops.exp(ops.clip(rounding(places), 0.0, last) * scale * ops.cast(span > 0, "float32"))


def _uniform(x, codec: Uniform, axes: tuple[int, ...]):
    if codec.symmetric and codec.bits > 1:
        last = float((1 << (codec.bits - 1)) - 1)
        step = ops.max(ops.abs(x), axis=axes, keepdims=True) / last
        return step * ops.round(x / ops.where(step > 0, step, 1.0))
    high = ops.max(ops.abs(x) if codec.symmetric else x, axis=axes, keepdims=True)
    low = -high if codec.symmetric else ops.min(x, axis=axes, keepdims=True)
    step = (high - low) / ((1 << codec.bits) - 1)
    return low + step * ops.round((x - low) / ops.where(step > 0, step, 1.0))


def _ternary(x, axes: tuple[int, ...]):
    magnitudes = ops.abs(x)
    kept = ops.cast(magnitudes > THRESHOLD * ops.mean(magnitudes, axis=axes, keepdims=True), "float32")
    count = ops.maximum(ops.sum(kept, axis=axes, keepdims=True), 1.0)
    return ops.sign(x) * kept * ops.sum(magnitudes * kept, axis=axes, keepdims=True) / count


def _codebook(codebook: np.ndarray) -> Snap:
    middles = ((codebook[1:].astype(np.float64) + codebook[:-1]) / 2).astype(np.float32)

    def snap(x):
        places = ops.searchsorted(ops.convert_to_tensor(middles), ops.reshape(x, (-1,)))
        return ops.reshape(ops.take(ops.convert_to_tensor(codebook), places), x.shape)

    return snap
