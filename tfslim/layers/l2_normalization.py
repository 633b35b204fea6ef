"""L2 normalisation of embeddings."""

import keras

from tfslim.layers.composite import Composite


@keras.saving.register_keras_serializable(package="tfslim")
class L2Normalization(Composite):
    """Scales each vector along the last axis to unit length, and then by a factor.

    Takes (N, ..., C) and gives the same shape in float32, also under a mixed policy: the squares of a float16
    embedding add up to more than float16 holds. A vector of zeros stays zero.

    The stock `keras.layers.UnitNormalization` that it is made of has a gradient of 1e12 at a vector of zeros, and no
    stock layer has a smaller one and the same values. A training in which an embedding may die takes a copy of the
    flat model with `tfslim.layers.unit_norm.SteadyUnitNormalization` in its place, as the programs of `training/` do.

    Args:
        scale: length of the result; None and 1.0 both give unit length, None without a layer for it.
        learned: whether training may change the scale; for inputs (N, C) only.

    Raises:
        ValueError: if `scale` is not above 0, or `learned` comes without one or for an input that is no vector.

    Example:
        >>> layer = tfslim.layers.L2Normalization(scale=16.0)
        >>> round(float(keras.ops.norm(layer(keras.ops.ones((1, 128))))), 3)
        16.0

    Reference: L2-constrained softmax, arXiv 1703.09507, section 4.
    """

    def __init__(self, scale: float | None = None, learned: bool = False, **kwargs):
        super().__init__(**kwargs)
        if scale is not None and not scale > 0:
            raise ValueError(f"{self.name}: scale={scale} would not keep the direction; give a number above 0 or None")
        if learned and scale is None:
            raise ValueError(f"{self.name}: learned=True needs a scale to begin with")
        self.scale, self.learned = scale, learned

    def layout(self, x, prefix):
        x = keras.layers.UnitNormalization(axis=-1, dtype="float32", name=f"{prefix}unit")(x)
        return x if self.scale is None else scaled(x, self.scale, self.learned, f"{prefix}scale")

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "learned": self.learned}


def scaled(x: keras.KerasTensor, scale: float, learned: bool, name: str) -> keras.KerasTensor:
    """Multiplies by a factor, as stock layers; the last of them has the name given.

    Keras has no layer with one learned factor; a dense layer from one value to one, applied to each value, is that.

    Args:
        x: (N, ..., C); (N, C) for a learned factor.
        scale: the factor, or its initial value.
        learned: whether it is a trainable variable.
        name: of the layer that gives the result.

    Raises:
        ValueError: a learned factor for an input that is no vector.

    Example:
        >>> scaled(keras.Input((128,)), 16.0, learned=True, name="features_scale").shape
        (None, 128)
    """
    if not learned:
        return keras.layers.Rescaling(scale, dtype="float32", name=name)(x)
    if len(x.shape) != 2:
        raise ValueError(f"{name}: a learned scale is for vectors (N, C), found an input of shape {x.shape}")
    x = keras.layers.Reshape((x.shape[1], 1), dtype="float32", name=f"{name}_column")(x)
    start = keras.initializers.Constant(scale)
    x = keras.layers.Dense(1, use_bias=False, kernel_initializer=start, dtype="float32", name=f"{name}_factor")(x)
    return keras.layers.Reshape((x.shape[1],), dtype="float32", name=name)(x)


def learned_scales(model: keras.Model) -> list[keras.Variable]:
    """The factors that `scaled` made to be learned in a flat model, as weight decay must leave them out.

    Args:
        model: a functional model of stock layers.

    Example:
        >>> inputs = keras.Input((8,))
        >>> model = keras.Model(inputs, scaled(inputs, 16.0, learned=True, name="scale"))
        >>> [float(each.numpy()[0, 0]) for each in learned_scales(model)]
        [16.0]
    """
    return [layer.kernel for layer in model.layers if isinstance(layer, keras.layers.Dense) and _is_factor(layer)]


def _is_factor(layer: keras.layers.Dense) -> bool:
    # From one value to one without a bias: whatever its name, it is a factor.
    return layer.built and not layer.use_bias and tuple(layer.kernel.shape) == (1, 1)
