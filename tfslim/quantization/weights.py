"""`tfslim.quantize_weights`: a model whose weights are values of codebooks."""

import dataclasses
from collections.abc import Mapping
from typing import Literal

import keras
import numpy as np

from tfslim.cost.model_cost import Cost, measured
from tfslim.graph.checks import check_graph_model
from tfslim.graph.cloning import clone_model
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.quantization.codecs.encoded import Encoded
from tfslim.quantization.codecs.floats import LARGEST, Float16, Float32
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.model_tensors import WeightTensor, weight_tensors
from tfslim.quantization.plan import Layers, Scope, plan_codecs, remember_plan
from tfslim.report import Report

__all__ = ["quantize_weights"]


def quantize_weights(
    model: keras.Model,
    codec: str | Codec | Mapping[str, Codec] = "log_min_max",
    bits: int | Mapping[str, int] | None = None,
    *,
    scope: Scope = "kernels",
    layers: Layers | None = None,
    skip: Layers = (),
    rest: Literal["float32", "float16"] = "float32",
) -> tuple[keras.Model, Report]:
    """Quantize a model's weights to codebooks, for `tfslim.save_packed`.

    The result is an ordinary model with the same layers and float32 weights; it computes the same as the packed file
    will.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        codec: "log_min_max", "uniform", "kmeans", "ternary", "binary" or "float16"; or a codec with all its arguments;
            or a plan as returned by `tfslim.quantization.plan_codecs` and `allocate_bits`, and then no other arguments.
        bits: of a code, sign and zero included; one number, or a mapping from path to bits.
        scope: "kernels", "convolutions" (the paper's "CNN only") or "all" (its "whole network").
        layers: the layers to quantize: names, types, or compiled regular expressions; by default all.
        skip: layers to leave out, in the same form.
        rest: how the other tensors are stored; tensors with values too large for float16 stay float32.

    Returns:
        A new model, compiled if `model` is, and a report: each tensor's codec, bits and relative error; bytes of all
        weights before and after, exact to the bit: codes, signs and codebooks.

    Raises:
        TypeError: the model is subclassed.
        ValueError: an argument is out of range or contains an unknown name, or a tensor holds NaN or infinities or is
            not a float32 variable.

    Example:
        >>> smaller, report = tfslim.quantize_weights(tfslim.models.VGG11(module="flame"), "log_min_max", bits=10)

    Source: Shih, Huang and Chung, the 1.13 MB model; each codec names its own.
    """
    check_graph_model(model)
    if isinstance(codec, Mapping):
        if bits is not None or layers is not None or skip or scope != "kernels" or rest != "float32":
            raise ValueError("a plan is complete; pass no bits, scope, layers, skip or rest with it")
        plan = dict(codec)
    else:
        plan = plan_codecs(model, codec, bits, scope=scope, layers=layers, skip=skip, rest=rest)
    found = weight_tensors(model)
    plan = within_float16(plan, found)
    encoded = encode(found, plan)
    snapped = clone_model(model, keep_compiled=True)
    errors = {}
    for path, tensor in weight_tensors(snapped).items():
        if isinstance(plan[path], Float32):
            continue
        before, after = values_of(path, tensor), plan[path].decode(encoded[path])
        errors[path] = _relative_error(before, after)
        tensor.variable.assign(after)
    refresh_cached_state(snapped)
    remember_plan(snapped, plan)
    return snapped, _report(model, found, plan, encoded, errors)


def encode(found: Mapping[str, WeightTensor], plan: Mapping[str, Codec]) -> dict[str, Encoded]:
    """Encode every tensor with its codec of the plan.

    Raises:
        ValueError: plan and model have different tensors, or a tensor can't be encoded or isn't float32.
    """
    unmatched = sorted(found.keys() ^ plan.keys())
    if unmatched:
        where = "the model has no such tensor" if unmatched[0] in plan else "the plan has no codec for it"
        raise ValueError(f"{unmatched[0]}: {where}")
    encoded = {}
    for path, tensor in found.items():
        values = as_float32(tensor) if isinstance(plan[path], Float32) else values_of(path, tensor)
        try:
            encoded[path] = plan[path].encode(values, tensor.filter_axes)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    return encoded


def within_float16(plan: Mapping[str, Codec], found: Mapping[str, WeightTensor]) -> dict[str, Codec]:
    """Return the plan with float32 for values beyond float16's range.

    Moving variances may be so large.
    """
    fits = dict(plan)
    for path in found.keys() & plan.keys():
        if isinstance(plan[path], Float16) and np.abs(as_float32(found[path])).max(initial=0) > LARGEST:
            fits[path] = Float32()
    return fits


def as_float32(tensor: WeightTensor) -> np.ndarray:
    """Return a tensor's values as float32, lossless from shorter floats."""
    return np.asarray(keras.ops.convert_to_numpy(keras.ops.cast(tensor.variable.value, "float32")))


def values_of(path: str, tensor: WeightTensor) -> np.ndarray:
    """Return a tensor's values, float32.

    Raises:
        ValueError: the variable has another dtype, which would round a codebook's values again, or lose some now.
    """
    dtype = tensor.variable.dtype
    if dtype != "float32":
        raise ValueError(
            f"{path} is a {dtype} variable, expected float32 for weights in few bits; create the layer "
            f"{tensor.layer.name!r} with dtype='float32', or 'mixed_bfloat16' to compute in bfloat16"
        )
    return keras.ops.convert_to_numpy(tensor.variable.value)


def _relative_error(before: np.ndarray, after: np.ndarray) -> float:
    """Return the root of squared error over squared values."""
    scale = np.square(before, dtype=np.float64).sum()
    return float(np.sqrt(np.square(after - before, dtype=np.float64).sum() / scale)) if scale else 0.0


def _report(model, found, plan, encoded, errors) -> Report:
    before = measured(model)
    kept = [path for path, codec in plan.items() if isinstance(codec, Float32)]
    done = [
        f"{path}: {codec_label(plan[path])}, {found[path].size:,} values, relative error {errors[path]:.2%}"
        for path in found
        if path not in kept
    ]
    bits = sum(each.bits for each in encoded.values())
    values = sum(each.size for each in found.values())
    in_few = [path for path in found if path not in kept]
    return Report(
        "quantize_weights",
        before=before,
        after=before and _after(before, plan, encoded),
        done=done,
        skipped={path: "stays float32" for path in kept},
        figures={
            "bits a weight": bits / values,
            "weight bytes": -(-bits // 8),
            "values in few bits": sum(found[path].size for path in in_few),
            "largest relative error": max((errors[path] for path in in_few), default=0.0),
        },
    )


def codec_label(codec: Codec) -> str:
    """Return a short label of a codec: "log_min_max 10 bits"."""
    return f"{codec.name} {codec.code_bits} bits" if hasattr(codec, "bits") else codec.name


def _after(cost: Cost, plan: Mapping[str, Codec], encoded: Mapping[str, Encoded]) -> Cost:
    """Return the cost with the bytes of the codes.

    The codes of a codec are packed one after another.
    """
    bits: dict[str, int] = {}
    for path, codec in plan.items():
        label = codec_label(codec)
        bits[label] = bits.get(label, 0) + encoded[path].bits
    return dataclasses.replace(cost, bytes={label: -(-int(count) // 8) for label, count in bits.items()})
