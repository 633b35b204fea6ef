"""A training with TF-MOT's wrappers saved between epochs, and gone on with."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfslim._support.files import replacing
from tfslim.tfmot.stored_architecture import difference, stored_model


def save_training(model: Any, path: str | os.PathLike) -> None:
    """Saves a model of `quantize_aware`, `sparsify` or `cluster` with all that its training has gathered.

    Weights, ranges, masks, centroids, the steps counted so far, and where it is compiled the optimizer's variables.

    Args:
        model: the `tf_keras.Model`.
        path: an .npz file; it is written beside and then renamed.

    Raises:
        FileNotFoundError: the folder does not exist.

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
        ValueError: it is damaged, of another model or of another optimizer; the model is then as it was.

    Example:
        >>> training, _ = tfslim.tfmot.sparsify(model, 0.7)
        >>> training.compile("adam", loss)
        >>> tfslim.tfmot.restore_training(training, "runs/sparse/state.npz")
    """
    architecture, values, optimizer_values = _read(path)
    variables, optimizer_variables = _unique(model.variables), []
    _check_architecture(model, architecture, path)
    _check_fit(variables, values, path, "model")
    if optimizer_values and getattr(model, "optimizer", None) is not None:
        optimizer_variables = _optimizer_variables(model)
        _check_fit(optimizer_variables, optimizer_values, path, "optimizer")
    _assign(variables, values)
    _assign(optimizer_variables, optimizer_values[: len(optimizer_variables)])


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
    architecture, values, _ = _read(path)
    try:
        model = stored_model(architecture)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    variables = _unique(model.variables)
    _check_fit(variables, values, path, "model")
    _assign(variables, values)
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
    except Exception as error:  # a damaged file ends in whatever exception the first to read it meets
        raise ValueError(f"{path}: damaged ({type(error).__name__}: {error}); start again") from error


def _check_fit(variables: list, values: list[np.ndarray], path: str | os.PathLike, what: str) -> None:
    found = [(value.shape, value.dtype) for value in values]
    expected = [(tuple(variable.shape), variable.dtype.as_numpy_dtype) for variable in variables]
    if found != expected:
        odd = [f"{one} of {two}" for (one, two), each in zip(found, expected, strict=False) if (one, two) != each]
        raise ValueError(
            f"{path}: is the state of another {what} ({len(found)} variables, this one has {len(expected)}"
            f"{f', and the first that differs is {odd[0]}' if odd else ''}); make it by the call that it began with"
        )


def _check_architecture(model: Any, architecture: str, path: str | os.PathLike) -> None:
    try:
        found = difference(architecture, model)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if found:
        raise ValueError(f"{path}: is the state of another model ({found}); make it by the call that it began with")


def _assign(variables: list, values: list[np.ndarray]) -> None:
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
