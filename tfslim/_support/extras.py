"""Imports of optional packages, with advice if one is missing."""

import contextlib
import importlib
import traceback
from collections.abc import Iterator
from types import ModuleType

# Package -> the extra of pyproject.toml that installs it.
EXTRAS = {
    "ai_edge_litert": "litert",
    "constriction": "packed",
    "jsonargparse": "programs",
    "keras_hub": "imagenet",
    "shtab": "programs",
    "tensorboard": "programs",
    "tensorflow": "tensorflow",
    "tensorflow_datasets": "tfds",
    "tensorflow_model_optimization": "tfmot",
    "tf_keras": "tfmot",
    "yaml": "programs",
}


def require(module: str, purpose: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: such as "ai_edge_litert.interpreter"; its package stands in `EXTRAS`.
        purpose: what needs it, as the start of an error message: "running a .tflite file".

    Returns:
        The module.

    Raises:
        ModuleNotFoundError: The package is not installed; the message names the extra.

    Example:
        >>> require("constriction", "entropy coding")  # doctest: +SKIP
        <module 'constriction' ...>
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if (error.name or package).partition(".")[0] != package:
            raise  # it is there, but lacks something itself
        raise ModuleNotFoundError(f"{purpose} needs {advice(package)}", name=package) from error


def advice(package: str) -> str:
    """Return advice on how to install a missing package."""
    extra = EXTRAS[package]
    return (
        f'{package}, which is not installed: pip install "tfslim-edge[{extra}]", '
        f'or from a checkout pip install --editable ".[{extra}]"'
    )


def name_extra(error: ModuleNotFoundError, purpose: str) -> ModuleNotFoundError:
    """Return an import error that names the extra to install.

    The error is returned as it is if no extra has the package. Where Keras asks for TensorFlow, the message also says
    how to choose another backend.

    Args:
        error: raised by an import.
        purpose: what needs the package, as the start of an error message: "tfslim.models".
    """
    package = (error.name or "").partition(".")[0]
    if package not in EXTRAS or "pip install" in str(error):
        return error
    message = f"{purpose} needs {advice(package)}"
    asked_by = [frame.f_globals.get("__name__", "") for frame, _ in traceback.walk_tb(error.__traceback__)]
    if package == "tensorflow" and any(name.split(".")[0] == "keras" for name in asked_by):
        message += "; without TensorFlow, Keras runs on jax or torch if KERAS_BACKEND says so"
    return ModuleNotFoundError(message, name=error.name)


@contextlib.contextmanager
def naming_extra(purpose: str) -> Iterator[None]:
    """Name the extra if an import in the block fails.

    Args:
        purpose: what needs the package, as the start of an error message: "tfslim.models".

    Example:
        >>> with naming_extra(__name__):
        ...     import keras
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise name_extra(error, purpose) from error
