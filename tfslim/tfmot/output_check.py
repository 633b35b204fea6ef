"""Comparison of outputs between Keras 3 and tf_keras models."""

import warnings
from typing import Any

import keras
import numpy as np

from tfslim.graph.cloning import clone_model
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.tfmot.packages import tf_keras

TOLERANCE = 1e-4  # of the largest output
_MOST_TOLERANCE = 1e-2
_ROUNDING = 1e-6  # a few float32 rounding errors
_OPEN_EXTENT = 96  # pixels for sizes that a model leaves open: enough for every network of keras.applications


def check_same_outputs(modern: keras.Model, legacy: Any) -> None:
    """Compare two models on random inputs.

    The inputs are small numbers and numbers of a pixel's size.

    Raises:
        ValueError: the outputs differ by more than TOLERANCE of the largest, and by more than rounding the weights
            would change them; the message names the first layer that differs.

    Warns:
        UserWarning: they differ by more than TOLERANCE, but not by more than that rounding.
    """
    for largest in (255.0, 1.0):
        inputs = [_random(tensor, largest, modern) for tensor in modern.inputs]
        outputs = _run(modern, inputs)
        worst = max(map(_difference, outputs, _run(legacy, inputs)))
        allowed = TOLERANCE if worst <= TOLERANCE else _tolerance(modern, inputs, outputs)
        if worst > allowed:
            layer = _first_difference(modern, legacy, inputs, allowed)
            raise ValueError(
                f"{modern.name}: the translated model's outputs differ by {worst:.1e} of the largest, expected at most "
                f"{allowed:.0e}; {layer}"
            )
        if worst > TOLERANCE:
            warnings.warn(
                f"{modern.name}: the translated model's outputs differ by {worst:.1e} of the largest; rounding the "
                f"weights differently would change them by {allowed:.0e}",
                stacklevel=3,
            )


def _tolerance(modern: keras.Model, inputs: list[np.ndarray], outputs: list[np.ndarray]) -> float:
    """Return the allowed difference: rounding the weights may exceed TOLERANCE.

    Networks that are hardly trained amplify it: for example, a batch normalization whose mean is a thousand deviations
    from 0.
    """
    rng = np.random.default_rng(0)
    copy = clone_model(modern)
    copy.set_weights(
        [
            (each * (1 + _ROUNDING * rng.uniform(-1, 1, each.shape))).astype(each.dtype)
            if each.dtype.kind == "f"
            else each
            for each in map(np.asarray, modern.get_weights())
        ]
    )
    refresh_cached_state(copy)
    change = max(map(_difference, outputs, _run(copy, inputs)))
    return min(max(TOLERANCE, change), _MOST_TOLERANCE)


def in_float32(model: keras.Model) -> keras.Model:
    """Return the model, or a copy that computes in float32."""
    if all(layer.compute_dtype in ("float32", None) for layer in model.layers):
        return model
    return clone_model(model, dtype="float32")


def _random(tensor: keras.KerasTensor, largest: float, model: keras.Model) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = [2 if tensor.shape[0] is None else tensor.shape[0], *(size or _OPEN_EXTENT for size in tensor.shape[1:])]
    if "float" not in tensor.dtype:
        rows = [layer.input_dim for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
        return rng.integers(0, min([*rows, 2 if tensor.dtype == "bool" else 127]), shape).astype(tensor.dtype)
    return rng.uniform(0 if largest > 1 else -1, largest, shape).astype(tensor.dtype)


def _run(model: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    structure = model.input
    if isinstance(structure, dict):
        given: Any = dict(zip(sorted(structure), inputs, strict=True))
    else:
        given = inputs[0] if not isinstance(structure, list | tuple) else inputs
    return [np.asarray(output, np.float64) for output in keras.tree.flatten(model(given, training=False))]


def _difference(one: np.ndarray, other: np.ndarray) -> float:
    if one.shape != other.shape:
        return np.inf
    odd = ~np.isfinite(one)
    if not np.array_equal(one[odd], other[odd], equal_nan=True):
        return np.inf
    return float(np.abs(one[~odd] - other[~odd]).max(initial=0) / max(np.abs(one[~odd]).max(initial=0), 1e-6))


def _first_difference(modern: keras.Model, legacy: Any, inputs: list[np.ndarray], allowed: float) -> str:
    names = {layer.name for layer in legacy.layers}
    both = [layer for layer in modern.layers if layer.name in names and not isinstance(layer, keras.layers.InputLayer)]
    ours = keras.Model(
        modern.input, [layer.get_output_at(0) if hasattr(layer, "get_output_at") else layer.output for layer in both]
    )
    theirs = tf_keras().Model(legacy.input, [legacy.get_layer(layer.name).get_output_at(0) for layer in both])
    for layer, one, other in zip(both, _run(ours, inputs), _run(theirs, inputs), strict=True):
        worst = _difference(one, other)
        if worst > allowed:
            return f"the first that differs is {layer.name!r} ({type(layer).__name__}), by {worst:.1e}"
    return "no single layer differs as much"
