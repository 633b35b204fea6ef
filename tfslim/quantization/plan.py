"""Plans: the codec of each tensor of a model."""

import dataclasses
import difflib
import re
import weakref
from collections.abc import Iterable, Mapping
from typing import Literal

import keras

from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.log_min_max import LEAST_FLOOR, LogMinMax
from tfslim.quantization.codecs.registry import Codec, codec_of, takes_bits
from tfslim.quantization.model_tensors import WeightTensor, weight_tensors

__all__ = ["plan_codecs"]

Scope = Literal["kernels", "convolutions", "all"]
ROLES = {"kernels": ("convolution", "matrix"), "convolutions": ("convolution",), "all": None}
Layers = Iterable[str | type | re.Pattern]
_PLANS: weakref.WeakKeyDictionary[keras.Model, dict[str, Codec]] = weakref.WeakKeyDictionary()


def plan_codecs(
    model: keras.Model,
    codec: str | Codec = "log_min_max",
    bits: int | Mapping[str, int] | None = None,
    *,
    scope: Scope = "kernels",
    layers: Layers | None = None,
    skip: Layers = (),
    rest: Literal["float32", "float16"] = "float32",
) -> dict[str, Codec]:
    """Return the codec of every float tensor, by path.

    Log min-max chooses the floor of kernels by the squared error; for biases, batch normalization and the like the
    floor is 2**-20 of the largest magnitude.

    Args:
        model: the model.
        codec: a codec, or its name.
        bits: if `codec` is a name: the bits of every tensor, or a mapping from path to bits; tensors of the scope that
            the mapping lacks are stored as the rest.
        scope: "kernels": of convolutions and dense layers; "convolutions": the paper's "CNN only"; "all": the paper's
            "whole network", with biases, batch normalization and its moving statistics.
        layers: the layers to quantize: names, types such as `keras.layers.Conv2D`, or compiled regular expressions that
            match a whole name. A wrapped layer matches by its own name and type and by its wrapper's. By default all.
        skip: layers to leave out, in the same form.
        rest: how the other tensors are stored.

    Raises:
        ValueError: the codec, the scope, a name in `layers` or `skip`, or a path in `bits` is unknown or left out by
            these.

    Example:
        >>> plan = plan_codecs(tfslim.models.SlimNet(), "log_min_max", 10, skip=["logits"])
        >>> plan["stem_conv/kernel"]
        LogMinMax(bits=10, rule='exact_zero', floor=None)
    """
    if scope not in ROLES:
        raise ValueError(f"scope={scope!r}; expected one of {', '.join(map(repr, ROLES))}")
    if rest not in ("float32", "float16"):
        raise ValueError(f"rest={rest!r}; expected 'float32' or 'float16'")
    named = _codecs(codec, bits)
    found = weight_tensors(model)
    if isinstance(bits, Mapping):
        _check_names(bits, found, "bits", "tensor")
    names = {layer.name for each in found.values() for layer in (each.layer, each.owner)}
    chosen = None if layers is None else _matcher(layers, names, "layers")
    left_out = _matcher(skip, names, "skip")
    others = Float16() if rest == "float16" else Float32()
    plan = {}
    for path, tensor in found.items():
        roles = ROLES[scope]
        inside = roles is None or tensor.role in roles
        inside = inside and (chosen is None or chosen(tensor)) and not left_out(tensor)
        if isinstance(bits, Mapping):
            if path in bits and not inside:
                raise ValueError(f"bits: {path!r} is excluded by scope={scope!r}, layers or skip")
            inside = path in bits
        plan[path] = _suited(named(path), tensor) if inside else others
    return plan


def remember_plan(model: keras.Model, plan: Mapping[str, Codec]) -> None:
    """Remember which codecs a model's weights came out of."""
    _PLANS[model] = dict(plan)


def known_plan(
    model: keras.Model, paths: Iterable[str], plan: Mapping[str, Codec] | None = None
) -> Mapping[str, Codec]:
    """Return the given plan, or else the remembered one.

    The weights may have changed since.

    Args:
        model: the model.
        paths: those of its tensors.
        plan: the given plan, if any.

    Returns:
        Codecs by path; empty if no plan is given or remembered.

    Raises:
        TypeError: `plan` is not a mapping, or something in it is not a codec.
        ValueError: `plan` names a tensor that the model does not have.
    """
    if plan is None:
        return _PLANS.get(model, {})
    if not isinstance(plan, Mapping):
        raise TypeError(f"plan must map the paths of tensors to codecs, got {type(plan).__name__}")
    _check_names(plan, paths, "plan", "tensor")
    for path, codec in plan.items():
        if not isinstance(codec, Codec):
            raise TypeError(f"plan[{path!r}] must be a codec such as LogMinMax(bits=4), got {type(codec).__name__}")
    return plan


def _suited(codec: Codec, tensor: WeightTensor) -> Codec:
    """Adapt a codec to vectors, whose small values matter.

    A variance, for example, is divided by. With the least floor no value becomes zero that is at least 2**-20 of the
    largest.
    """
    if tensor.role == "vector" and isinstance(codec, LogMinMax) and codec.rule == "exact_zero" and codec.floor is None:
        return dataclasses.replace(codec, floor=LEAST_FLOOR)
    return codec


def _codecs(codec, bits):
    """Return a function from path to codec."""
    if not isinstance(codec, str):
        if bits is not None:
            raise ValueError(f"bits={bits!r} needs a codec's name; {codec!r} has its own bits")
        return lambda path: codec
    if takes_bits(codec) and bits is None:
        raise ValueError(f"codec {codec!r} needs bits; pass bits=...")
    if isinstance(bits, Mapping):
        return lambda path: codec_of(codec, {"bits": bits[path]})
    made = codec_of(codec, {} if bits is None else {"bits": bits})
    return lambda path: made


def _matcher(wanted: Layers, names: set[str], argument: str):
    wanted = list(wanted)
    _check_names([each for each in wanted if isinstance(each, str)], names, argument, "layer with weights")

    def matches(layer: keras.layers.Layer) -> bool:
        for each in wanted:
            if isinstance(each, type):
                found = isinstance(layer, each)
            elif isinstance(each, str):
                found = layer.name == each
            else:
                found = each.fullmatch(layer.name) is not None
            if found:
                return True
        return False

    return lambda tensor: matches(tensor.layer) or matches(tensor.owner)


def _check_names(wanted: Iterable[str], known: Iterable[str], argument: str, what: str) -> None:
    known = list(known)
    for name in wanted:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=3)
            raise ValueError(
                f"{argument}: the model has no {what} {name!r}"
                + (f"; did you mean {', '.join(map(repr, near))}?" if near else "")
            )
