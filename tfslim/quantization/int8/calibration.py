"""Calibration: ranges of layers' outputs on representative inputs."""

import warnings
from collections.abc import Collection, Iterable, Iterator
from typing import Any

import keras
import numpy as np

from tfslim.graph.checks import as_functional
from tfslim.graph.pixel_range import scale_warning
from tfslim.graph.traversal import iter_layer_calls

_BATCH = 32
_MOST_BATCHES = 100


def measure_ranges(
    model: keras.Model, names: Collection[str], representative: Iterable, original: keras.Model | None = None
) -> dict[str, tuple[float, float]]:
    """Measure output ranges of layers, averaged over batches.

    Args:
        model: a functional model, in float.
        names: names of its layers; a layer that is called several times has the range of all its outputs.
        representative: (N, ...) array of inputs, or batches of inputs or (inputs, targets), of which 100 are used; for
            several inputs lists or dictionaries of arrays, as the model takes them.
        original: the model that this one was rewritten from, if it was; its rescalings tell which pixel range it takes.

    Returns:
        Name -> mean of the batches' minima and maxima, with 0 within the range.

    Raises:
        ValueError: `representative` is empty, or a batch has inputs that the model doesn't take, NaN or infinity.

    Warns:
        UserWarning: the inputs seem to be pixels on 0..1 while the model takes 0..255.

    Example:
        >>> measure_ranges(rewrite_for_int8(model), ["image_quantized"], images, model)
        {'image_quantized': (0.0, 255.0)}
    """
    tensors = {
        f"{number}": (call.operation.name, call.outputs[0])
        for number, call in enumerate(iter_layer_calls(model, model.inputs, opened=False))
        if call.operation.name in names
    }
    inner = keras.Model(model.input, {key: tensor for key, (_, tensor) in tensors.items()})
    rows: list[dict[str, tuple[float, float]]] = []
    ends: dict[str, list[float]] = {}
    for number, batch in enumerate(_batches(representative, model)):
        for name, values in _by_name(batch, model):
            if not np.isfinite(values).all():
                raise ValueError(f"representative: batch {number} holds NaN or infinity for the input {name!r}")
            ends.setdefault(name, []).extend((values.min(), values.max()))
        found: dict[str, tuple[float, float]] = {}
        for key, output in inner(batch, training=False).items():
            name, values = tensors[key][0], keras.ops.convert_to_numpy(output)
            least, largest = found.get(name, (0.0, 0.0))
            found[name] = min(float(values.min()), least), max(float(values.max()), largest)
        rows.append(found)
    if not rows:
        raise ValueError("representative has no batches; pass some inputs to measure ranges on")
    odd = scale_warning({name: np.array(values) for name, values in ends.items()}, original or model)
    if odd:
        warnings.warn(odd, stacklevel=3)
    return {name: tuple(np.mean([row[name] for row in rows], axis=0).tolist()) for name in names}


def _batches(representative: Iterable, model: keras.Model) -> Iterator:
    several = len(model.inputs) > 1 and isinstance(representative, list | tuple)
    if several and all(isinstance(each, np.ndarray) for each in representative):
        representative = _cut(list(representative))  # an array can't be a batch of several inputs
    elif isinstance(representative, np.ndarray | dict):
        representative = _cut(representative)
    for number, batch in enumerate(representative):
        if number == _MOST_BATCHES:
            return
        inputs = batch[0] if isinstance(batch, tuple) else batch
        _check_structure(inputs, model)
        yield keras.tree.map_structure(_floats, inputs)


def _cut(arrays: Any) -> Iterator:
    """Yield batches of arrays in any structure."""
    lengths = {len(array) for array in keras.tree.flatten(arrays)}
    if len(lengths) > 1:
        raise ValueError(f"representative holds arrays of different lengths: {sorted(lengths)}")
    for at in range(0, max(lengths, default=0), _BATCH):
        yield keras.tree.map_structure(lambda array, at=at: array[at : at + _BATCH], arrays)


def _by_name(batch: Any, model: keras.Model) -> Iterator:
    if isinstance(batch, dict):
        return iter(batch.items())
    names = [tensor._keras_history.operation.name for tensor in model.inputs]
    return zip(names, keras.tree.flatten(batch), strict=True)


def _check_structure(inputs: Any, model: keras.Model) -> None:
    model = as_functional(model)
    names = [tensor._keras_history.operation.name for tensor in model.inputs]
    keys = set(model.input) if isinstance(model.input, dict) else set(names)
    if isinstance(inputs, dict):
        fits, found = inputs.keys() == keys, f"a dictionary of {', '.join(map(repr, inputs))}"
    else:
        number = len(keras.tree.flatten(inputs))
        fits, found = number == len(names), f"{number} array{'s' * (number != 1)}"
        fits = fits and (number == 1 or not isinstance(model.input, dict))
    if not fits:
        raise ValueError(
            f"representative: a batch holds {found}, {model.name} has the inputs {', '.join(map(repr, names))}; pass "
            "lists or dictionaries as the model takes them (a tuple is inputs and targets)"
        )


def _floats(values):
    values = np.asarray(values)
    return values.astype("float32") if values.dtype.kind in "fu" else values
