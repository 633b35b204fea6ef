"""Representative values for every input of a model, from arrays, a tf.data.Dataset or a folder of images."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import keras
import numpy as np

from tfslim.litert.calibration import MAXIMUM, MINIMUM, gather
from tfslim.litert.image_folder import read_image_folder

Given = np.ndarray | Iterable | Mapping[str, np.ndarray] | str | Path | None


def representative_samples(given: Given, model: keras.Model) -> dict[str, np.ndarray]:
    """Collects and checks representative values.

    Args:
        given: For one input what `tfslim.litert.calibration.gather` takes, or the path of a folder of images; for
            several inputs a dictionary of (N, ...) arrays, or an iterable of dictionaries of single values, by the
            inputs' names.
        model: The model with batch 1 that they are for.

    Returns:
        Input name -> (N, ...) values in the dtype of that input; 20 <= N <= 500.

    Raises:
        ValueError: If values are missing, too few, alike, not finite or of another shape.
        FileNotFoundError: If the folder is not there.
    """
    inputs = {tensor.name: tensor for tensor in model.inputs}
    if len(inputs) > 1:
        return _of_several(given, inputs, model.name)
    ((name, tensor),) = inputs.items()
    shape = tuple(tensor.shape[1:])
    if isinstance(given, (str, Path)):
        if len(shape) != 3 or shape[2] != 3:
            raise ValueError(f"model '{model.name}' takes {shape}, no RGB image: give arrays in place of a folder")
        given = read_image_folder(given, shape[:2], MAXIMUM)
    elif isinstance(given, Mapping):
        if list(given) != [name]:
            raise ValueError(f"representative values are named {', '.join(given)}; model '{model.name}' takes {name}")
        given = given[name]
    return {name: gather(given, shape).astype(_dtype(tensor))}


def _of_several(given: Given, inputs: Mapping[str, keras.KerasTensor], model: str) -> dict[str, np.ndarray]:
    expected = f"model '{model}' has {len(inputs)} inputs ({', '.join(inputs)})"
    if given is None or isinstance(given, (str, Path, np.ndarray)):
        raise ValueError(f"{expected}; give representative values as a dictionary of arrays by these names")
    if not isinstance(given, Mapping):
        rows = [row for row, _ in zip(given, range(MAXIMUM), strict=False)]
        if not rows or any(not isinstance(row, Mapping) for row in rows):
            raise ValueError(f"{expected}; each representative value must be a dictionary by these names")
        given = {name: np.stack([row[name] for row in rows if name in row]) for name in rows[0]}
    if set(given) != set(inputs):
        raise ValueError(f"{expected}; representative values are named {', '.join(map(str, given))}")
    samples = {name: np.asarray(given[name])[:MAXIMUM].astype(_dtype(tensor)) for name, tensor in inputs.items()}
    counts = {len(values) for values in samples.values()}
    for name, values in samples.items():
        if values.shape[1:] != tuple(inputs[name].shape[1:]):
            raise ValueError(
                f"{name}: representative values have shape {values.shape}, expected (N, *{inputs[name].shape[1:]})"
            )
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: representative values hold NaN or infinity")
    different = len({b"".join(value.tobytes() for value in row) for row in zip(*samples.values(), strict=False)})
    if len(counts) > 1 or different < MINIMUM:
        raise ValueError(
            f"{expected}; found {' and '.join(map(str, sorted(counts)))} representative values, {different} of them "
            f"different; expected as many for each, at least {MINIMUM} different ones"
        )
    return samples


def _dtype(tensor: keras.KerasTensor) -> str:
    return tensor.dtype if tensor.dtype in ("int32", "int64", "bool") else "float32"
