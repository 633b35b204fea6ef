"""Saving and resuming of trainings with TF-MOT's wrappers."""

import os
from pathlib import Path
from typing import Any

import numpy as np

from tfslim._support.files import replacing
from tfslim.tfmot.stored_architecture import difference, stored_model

__all__ = ["load_quantize_aware", "restore_training", "save_training"]


def save_training(model: Any, path: str | os.PathLike) -> None:
    """Save a model of `quantize_aware`, `sparsify` or `cluster` in training.

    The file holds weights, ranges, masks, centroids, step counts and, if the model is compiled, the optimizer's
    variables.

    Args:
        model: the `tf_keras.Model`.
        path: an .npz file; it is written under another name first, and then renamed.

    Raises:
        FileNotFoundError: the folder does not exist.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> training, _ = tfslim.tfmot.quantize_aware(model)
        >>> tfslim.tfmot.save_training(training, "state.npz")
    """
    values = {f"v{number}": variable.numpy() for number, variable in enumerate(_unique(model.variables))}
    values |= {f"o{number}": variable.numpy() for number, variable in enumerate(_optimizer_variables(model))}
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, architecture=model.to_json(), **values)


def restore_training(model: Any, path: str | os.PathLike) -> None:
    """Restore the state that `save_training` saved, to resume training.

    Args:
        model: made by the same call from the same Keras 3 model; compiled, to restore the optimizer as well.
        path: the file.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is damaged, of another model or of another optimizer; the model is then unchanged.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> training, _ = tfslim.tfmot.sparsify(model, 0.7)
        >>> training.compile("adam", "mse")
        >>> tfslim.tfmot.save_training(training, "state.npz")
        >>> tfslim.tfmot.restore_training(training, "state.npz")
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
    """Load a model of `quantize_aware` that `save_training` saved.

    The original Keras 3 model is not needed.

    Args:
        path: the file.

    Returns:
        The `tf_keras.Model`, not compiled; after compiling, `restore_training` restores the optimizer too.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: it is damaged, or contains layers that `quantize_aware` doesn't create.

    Example:
        >>> model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64, "relu"), keras.layers.Dense(2)])
        >>> training, _ = tfslim.tfmot.quantize_aware(model)
        >>> tfslim.tfmot.save_training(training, "state.npz")
        >>> tfslim.tfmot.load_quantize_aware("state.npz").name == model.name
        True
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
        raise FileNotFoundError(f"{path}: does not exist, so no training can be resumed from it")
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as state:
            counts = [sum(name.startswith(letter) for name in state.files) for letter in "vo"]
            variables, optimizer = (
                [state[f"{letter}{number}"] for number in range(count)]
                for letter, count in zip("vo", counts, strict=True)
            )
            return str(state["architecture"]), variables, optimizer
    except Exception as error:  # a damaged file raises whatever its first reader raises
        raise ValueError(f"{path}: damaged ({type(error).__name__}: {error}); start the training again") from error


def _check_fit(variables: list, values: list[np.ndarray], path: str | os.PathLike, what: str) -> None:
    found = [(value.shape, value.dtype) for value in values]
    expected = [(tuple(variable.shape), variable.dtype.as_numpy_dtype) for variable in variables]
    if found != expected:
        odd = [f"{one} of {two}" for (one, two), each in zip(found, expected, strict=False) if (one, two) != each]
        raise ValueError(
            f"{path}: is the state of another {what} ({len(found)} variables, this one has {len(expected)}"
            f"{f', and the first that differs is {odd[0]}' if odd else ''}); create it by the same call as "
            "the saved one"
        )


def _check_architecture(model: Any, architecture: str, path: str | os.PathLike) -> None:
    try:
        found = difference(architecture, model)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if found:
        raise ValueError(
            f"{path}: is the state of another model ({found}); create it by the same call as the saved one"
        )


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
