"""Whether images fit the pixels that a model takes."""

from collections.abc import Mapping

import keras
import numpy as np

_PIXELS = (keras.layers.Rescaling, keras.layers.Normalization)


def scale_warning(samples: Mapping[str, np.ndarray], model: keras.Model) -> str | None:
    """Says that pixels seem to be on 0..1 while the model divides them once more; None where nothing is odd.

    Args:
        samples: input name -> values, (N, ...).
        model: the model that they are for.
    """
    divides = [layer.name for layer in model.layers if isinstance(layer, _PIXELS) and _divides_pixels(layer)]
    if not divides or len(samples) > 1:
        return None
    (values,) = samples.values()
    if values.min() < -1.001 or values.max() > 1.001:
        return None
    return (
        f"representative images run from {values.min():g} to {values.max():g}, and layer '{divides[0]}' of the model "
        "divides pixels of 0..255: give pixels as they are, else all ranges are wrong"
    )


def _divides_pixels(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.Rescaling):
        return 0 < float(np.max(np.abs(layer.scale))) <= 0.02
    return layer.input_mean is not None and float(np.max(layer.input_variance)) > 100
