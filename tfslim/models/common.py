"""The input of every model: an image of pixels 0..255, checked for its size."""

import os

import keras


def image_input(input_shape: tuple[int | None, int | None, int], smallest: int, model: str) -> keras.KerasTensor:
    """Returns the symbolic input named "image" of the shape (N, height, width, channels).

    Args:
        input_shape: (height, width, channels) in pixels; None for a height or width that is known only later.
        smallest: least height and width that `model` can take, in pixels.
        model: name of the model, for the error.

    Raises:
        ValueError: if the shape is not of that form, the image is too small, or Keras is set to channels first.
    """
    if keras.config.image_data_format() != "channels_last":
        raise ValueError(
            f"{model}: Keras is set to {keras.config.image_data_format()!r} images; "
            "call keras.config.set_image_data_format('channels_last') first"
        )
    shape = tuple(input_shape)
    if len(shape) != 3 or shape[2] is None:
        raise ValueError(f"{model}: input_shape={input_shape}; expected (height, width, channels)")
    if any(extent is not None and extent < smallest for extent in shape[:2]):
        raise ValueError(
            f"{model}: input_shape={input_shape} is too small; height and width must be at least {smallest} pixels"
        )
    return keras.Input(shape, name="image")


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
