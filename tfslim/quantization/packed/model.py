"""`tfslim.load_packed`: a `.tfslim` file as a Keras model."""

import os

import keras
import numpy as np

from tfslim.graph.derived_state import refresh_cached_state
from tfslim.quantization.model_tensors import model_variables
from tfslim.quantization.packed.architecture import build_model, kind_of_type
from tfslim.quantization.packed.reader import read_packed

__all__ = ["load_packed"]


def load_packed(path: str | os.PathLike) -> keras.Model:
    """Load a file of `tfslim.save_packed` as a float model.

    The model is an ordinary one and not compiled. Nothing in the file is run or unpickled: it may only contain layers
    of Keras and tfslim that compute. A damaged or hostile file raises an error before memory is taken for the model's
    variables; reading its tensors, which comes first, takes memory in proportion to the file's bytes.

    Args:
        path: the file.

    Returns:
        A model with the weights of the saved one, bit for bit.

    Raises:
        FileNotFoundError: the file does not exist.
        ImportError: it is entropy-coded and constriction is not installed.
        ValueError: it is damaged, cut short, of another version, or doesn't contain such a model.

    Example:
        >>> report = tfslim.save_packed(tfslim.models.SlimNet(), "face.tfslim")
        >>> tfslim.load_packed("face.tfslim").name
        'slimnet'
    """
    packed = read_packed(path)
    values = {name: each.values for name, each in packed.tensors.items()}
    expected = {name: (each.shape, kind_of_type(each.dtype.name)) for name, each in values.items()}
    try:
        model = build_model(packed.architecture, expected)
    except ValueError as error:
        raise ValueError(f"{os.fspath(path)}: architecture: {error}") from error
    for name, variable in model_variables(model).items():
        _assign(variable, values[name], f"{os.fspath(path)}: tensor data: {name}")
    refresh_cached_state(model)
    return model


def _assign(variable: keras.Variable, values: np.ndarray, what: str) -> None:
    if keras.backend.is_int_dtype(variable.dtype):
        narrow = values.astype(variable.dtype)
        if not np.array_equal(narrow, values):
            raise ValueError(f"{what}: its values do not fit {variable.dtype}")
        values = narrow
    variable.assign(values)
