"""Check that images are in a model's pixel range."""

from collections.abc import Mapping

import keras
import numpy as np

__all__ = ["scale_warning"]

_SCALING_LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)


def scale_warning(samples: Mapping[str, np.ndarray], model: keras.Model) -> str | None:
    """Describe a mismatch of pixel ranges, or return None.

    The mismatch is that images are in 0..1 or -1..1 while the model itself scales pixels of 0..255.

    Args:
        samples: input name -> values, (N, ...).
        model: the model that they are for.
    """
    scaling = [layer.name for layer in model.layers if isinstance(layer, _SCALING_LAYERS) and _divides_pixels(layer)]
    if not scaling or len(samples) > 1:
        return None
    (values,) = samples.values()
    if values.min() < -1.001 or values.max() > 1.001:
        return None
    return (
        f"representative images range from {values.min():g} to {values.max():g}, but layer '{scaling[0]}' of the model "
        "scales pixels of 0..255; pass unscaled pixels, else all quantization ranges are wrong"
    )


def _divides_pixels(layer: keras.layers.Layer) -> bool:
    if isinstance(layer, keras.layers.Rescaling):
        return 0 < float(np.max(np.abs(layer.scale))) <= 0.02
    return layer.input_mean is not None and float(np.max(layer.input_variance)) > 100
