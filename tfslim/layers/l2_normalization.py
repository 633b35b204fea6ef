"""L2 normalisation of embeddings."""

import keras

from tfslim.layers.composite import Composite


@keras.saving.register_keras_serializable(package="tfslim")
class L2Normalization(Composite):
    """Scales each vector along the last axis to unit length, and then by a fixed factor.

    Takes (N, ..., C) and gives the same shape in float32, also under a mixed policy: the squares of a float16
    embedding add up to more than float16 holds. A vector of zeros stays zero.

    Args:
        scale: length of the result; None and 1.0 both give unit length, None without a layer for it.

    Raises:
        ValueError: if `scale` is not above 0.

    Example:
        >>> layer = tfslim.layers.L2Normalization(scale=16.0)
        >>> round(float(keras.ops.norm(layer(keras.ops.ones((1, 128))))), 3)
        16.0

    Reference: L2-constrained softmax, arXiv 1703.09507, section 4.
    """

    def __init__(self, scale: float | None = None, **kwargs):
        super().__init__(**kwargs)
        if scale is not None and not scale > 0:
            raise ValueError(f"{self.name}: scale={scale} would not keep the direction; give a number above 0 or None")
        self.scale = scale

    def layout(self, x, prefix):
        x = keras.layers.UnitNormalization(axis=-1, dtype="float32", name=f"{prefix}unit")(x)
        if self.scale is None:
            return x
        return keras.layers.Rescaling(self.scale, dtype="float32", name=f"{prefix}scale")(x)

    def get_config(self):
        return {**super().get_config(), "scale": self.scale}
