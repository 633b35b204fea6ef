"""Image input and weight loading shared by all models."""

import os
from collections.abc import Iterable

import keras

__all__ = ["image_input", "load_weights"]


def image_input(input_shape: tuple[int | None, int | None, int], smallest: int, model: str) -> keras.KerasTensor:
    """Return the symbolic image input of a model, named "image".

    Args:
        input_shape: (height, width, channels) in pixels; None for a height or width that is not known yet.
        smallest: minimum height and width that `model` accepts, in pixels.
        model: name of the model, for the error message.

    Returns:
        A KerasTensor of shape (N, height, width, channels).

    Raises:
        ValueError: if the shape does not have three entries with known channels, the image is too small, or Keras is
            set to channels first.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{model}: Keras is set to {keras.config.image_data_format()!r} images; "
            "call keras.config.set_image_data_format('channels_last') first"
        )
    shape = tuple(input_shape) if isinstance(input_shape, Iterable) else ()
    if len(shape) != 3 or shape[2] is None:
        raise ValueError(f"{model}: input_shape={input_shape}; expected (height, width, channels)")
    if any(extent is not None and extent < smallest for extent in shape[:2]):
        raise ValueError(
            f"{model}: input_shape={input_shape} is too small; height and width must be at least {smallest} pixels"
        )
    return keras.Input(shape, name="image")


def load_weights(model: keras.Model, weights: str | os.PathLike | None) -> keras.Model:
    """Load a weights file into a model and return it.

    Args:
        model: the model to change in place.
        weights: path of a `.weights.h5` or `.keras` file; None leaves the model unchanged.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is not a weights file, or holds the weights of another architecture.
    """
    if weights is None:
        return model
    if not os.path.isfile(weights):
        raise FileNotFoundError(
            f"{model.name}: weights={os.fspath(weights)!r} is not a file; pass the path of a weights file, or None for "
            "random weights"
        )
    try:
        model.load_weights(weights)
    except (ValueError, OSError, KeyError) as error:
        raise ValueError(
            f"{model.name}: {os.fspath(weights)!r} does not hold the weights of this model; expected a .weights.h5 or "
            f".keras file saved from a {model.name} with the same arguments ({error})"
        ) from error
    return model
