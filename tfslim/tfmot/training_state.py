"""A training with TF-MOT's wrappers saved between epochs, and gone on with."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from tfslim.atomic import replacing
from tfslim.tfmot.legacy import tf_keras, tfmot


def save_training(model: Any, path: str | os.PathLike) -> None:
    """Saves a model of `quantize_aware`, `sparsify` or `cluster` with all that its training has gathered.

    Weights, ranges, masks, centroids, the steps counted so far, and where it is compiled the optimizer's variables.

    Args:
        model: the `tf_keras.Model`.
        path: an .npz file; it is written beside and then renamed.

    Example:
        >>> tfslim.tfmot.save_training(training, "runs/qat/state.npz")
    """
    values = {f"v{number}": variable.numpy() for number, variable in enumerate(_unique(model.variables))}
    values |= {f"o{number}": variable.numpy() for number, variable in enumerate(_optimizer_variables(model))}
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, architecture=model.to_json(), **values)


def restore_training(model: Any, path: str | os.PathLike) -> None:
    """Brings a model back to where `save_training` found it; its training then goes on with the same weights.

    Args:
        model: made by the same call from the same Keras 3 model; compiled, if the optimizer is to go on as well.
        path: the file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, of another model or of another optimizer.

    Example:
        >>> training, _ = tfslim.tfmot.sparsify(model, 0.7)
        >>> training.compile("adam", loss)
        >>> tfslim.tfmot.restore_training(training, "runs/sparse/state.npz")
    """
    _, values, optimizer_values = _read(path)
    _assign(_unique(model.variables), values, path, "model")
    if optimizer_values and getattr(model, "optimizer", None) is not None:
        _assign(_optimizer_variables(model), optimizer_values, path, "optimizer")


def load_quantize_aware(path: str | os.PathLike) -> Any:
    """Loads a model of `quantize_aware` that `save_training` saved, without the Keras 3 model that it came from.

    Args:
        path: the file.

    Returns:
        The `tf_keras.Model`, not compiled; after compiling, `restore_training` brings the optimizer back too.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is damaged, or holds other layers than `quantize_aware` makes.

    Example:
        >>> report = tfslim.tfmot.convert(tfslim.tfmot.load_quantize_aware("runs/qat/state.npz"), "face.tflite")
    """
    from tfslim.tfmot.weight_quantizers import Int8Config, Int8Wrapper

    architecture, values, _ = _read(path)
    try:
        config = json.loads(architecture)
        _check_classes(config, path)
        with tfmot().quantization.keras.quantize_scope({"Int8Config": Int8Config, "Int8Wrapper": Int8Wrapper}):
            model = tf_keras().models.model_from_json(architecture)
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: its architecture is damaged ({error})") from error
    _assign(_unique(model.variables), values, path, "model")
    return model


def _read(path: str | os.PathLike) -> tuple[str, list[np.ndarray], list[np.ndarray]]:
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: not there, so there is nothing to go on from")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as state:
            counts = [sum(name.startswith(letter) for name in state.files) for letter in "vo"]
            groups = [
                [state[f"{letter}{number}"] for number in range(count)]
                for letter, count in zip("vo", counts, strict=True)
            ]
            return str(state["architecture"]), *groups
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: damaged ({error}); start again") from error


def _assign(variables: list, values: list[np.ndarray], path: str | os.PathLike, what: str) -> None:
    found, expected = [value.shape for value in values], [tuple(variable.shape) for variable in variables]
    if found != expected:
        raise ValueError(
            f"{path}: is the state of another {what} ({len(found)} variables, this one has {len(expected)}); make it "
            "by the call that it began with"
        )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)


def _optimizer_variables(model: Any) -> list:
    optimizer = getattr(model, "optimizer", None)
    if optimizer is None:
        return []
    optimizer.build(model.trainable_variables)
    return list(optimizer.variables)


def _unique(variables: list) -> list:
    return list({id(variable): variable for variable in variables}.values())


def _check_classes(config: Any, path: str | os.PathLike) -> None:
    """Refuses what runs code of the file's own, such as a Lambda layer."""
    if isinstance(config, list):
        for value in config:
            _check_classes(value, path)
    elif isinstance(config, dict):
        name = config.get("class_name")
        allowed = name in ("Functional", "Int8Wrapper", "Int8Config")
        stock = isinstance(name, str) and (hasattr(tf_keras().layers, name) or _is_harmless(name))
        if name is not None and (name == "Lambda" or not (allowed or stock)):
            raise ValueError(f"{path}: holds a {name!r}, which quantize_aware never makes; it is not loaded")
        for value in config.values():
            _check_classes(value, path)


def _is_harmless(name: str) -> bool:
    tk = tf_keras()
    return any(hasattr(module, name) for module in (tk.initializers, tk.regularizers, tk.constraints))
