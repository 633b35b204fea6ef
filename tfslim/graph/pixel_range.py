"""Check of the pixel range that a model expects."""

from collections.abc import Mapping

import keras
import numpy as np

__all__ = ["scale_warning"]

_PIXELS = (keras.layers.Rescaling, keras.layers.Normalization)


def scale_warning(samples: Mapping[str, np.ndarray], model: keras.Model) -> str | None:
    """Return a warning if pixels would be rescaled twice.

    Args:
        samples: input name -> values, (N, ...).
        model: the model that takes them.

    Returns:
        The warning, or None if the values lie outside -1..1 or the model does not divide pixels of 0..255.
    """
    divides = [layer.name for layer in model.layers if isinstance(layer, _PIXELS) and _divides_pixels(layer)]
    if not divides or len(samples) > 1:
        return None
    (values,) = samples.values()
    if values.min() < -1.001 or values.max() > 1.001:
        return None
    return (
        f"representative images run from {values.min():g} to {values.max():g}, and layer '{divides[0]}' of the model "
        "divides pixels of 0..255; pass unscaled pixels, or all ranges are wrong"
    )


def _divides_pixels(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.Rescaling):
        return 0 < float(np.max(np.abs(layer.scale))) <= 0.02
    return layer.input_mean is not None and float(np.max(layer.input_variance)) > 100
