"""Loading a weights file into a freshly built model."""

import os

import keras


def load_weights(model: keras.Model, weights: str | os.PathLike | None) -> keras.Model:
    """Loads the file `weights` (`.weights.h5` or `.keras`) into `model` and returns it; None leaves it as it is.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is no weights file, or one of a model of another shape.
    """
    if weights is None:
        return model
    if not os.path.isfile(weights):
        raise FileNotFoundError(
            f"{model.name}: weights={os.fspath(weights)!r} is not a file; give a path, or None for random weights"
        )
    try:
        model.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{model.name}: {os.fspath(weights)!r} does not hold the weights of this model; expected a .weights.h5 or "
            f".keras file saved from a {model.name} with the same arguments ({error})"
        ) from error
    return model
