"""L2 normalization of embeddings."""

import keras

from tfslim.layers.composite import Composite

__all__ = ["L2Normalization"]


@keras.saving.register_keras_serializable(package="tfslim")
class L2Normalization(Composite):
    """Layer that L2-normalizes the last axis to a given length.

    The length is fixed or learned.

    The output has the shape of the input, (N, ..., C), and is float32 even under a mixed policy, because the sum of
    squares of a float16 embedding can overflow float16. A vector of zeros stays zero.

    The stock `keras.layers.UnitNormalization` inside has a gradient of 1e12 at a vector of zeros, and no stock layer
    computes the same values with a smaller one. To train a model whose embedding may become zero, use a copy of the
    flat model with `tfslim.layers.unit_norm.SteadyUnitNormalization` in its place, as the training programs do.

    Args:
        scale: length of the output. None and 1.0 both mean unit length; None adds no layer for it.
        learned: whether the scale is trainable; for (N, C) inputs only.

    Raises:
        ValueError: if `scale` is not above 0, or if `learned` is set without a scale or for an input that is not
            (N, C).

    Example:
        >>> layer = tfslim.layers.L2Normalization(scale=16.0)
        >>> round(float(keras.ops.norm(layer(keras.ops.ones((1, 128))))), 3)
        16.0

    Reference: L2-constrained softmax, arXiv 1703.09507, section 4.
    """

    def __init__(self, scale: float | None = None, learned: bool = False, **kwargs):
        super().__init__(**kwargs)
        if scale is not None and not scale > 0:
            raise ValueError(f"{self.name}: scale={scale} does not keep the direction; use a number above 0, or None")
        if learned and scale is None:
            raise ValueError(f"{self.name}: learned=True needs an initial scale, such as scale=16.0")
        self.scale, self.learned = scale, learned

    def layout(self, x, prefix):
        x = keras.layers.UnitNormalization(axis=-1, dtype="float32", name=f"{prefix}unit")(x)
        return x if self.scale is None else scaled(x, self.scale, self.learned, f"{prefix}scale")

    def get_config(self):
        return {**super().get_config(), "scale": self.scale, "learned": self.learned}


def scaled(x: keras.KerasTensor, scale: float, learned: bool, name: str) -> keras.KerasTensor:
    """Multiply a tensor by a fixed or learned scalar.

    Only stock layers are used. Keras has no layer with one learned scalar; a dense layer from one value to one value,
    applied to each element, does the same.

    Args:
        x: (N, ..., C); (N, C) for a learned factor.
        scale: the factor, or its initial value.
        learned: whether the factor is trainable.
        name: name of the last layer.

    Raises:
        ValueError: if `learned` is set and `x` is not (N, C).

    Example:
        >>> scaled(keras.Input((128,)), 16.0, learned=True, name="features_scale").shape
        (None, 128)
    """
    if not learned:
        return keras.layers.Rescaling(scale, dtype="float32", name=name)(x)
    if len(x.shape) != 2:
        raise ValueError(f"{name}: a learned scale needs an input of shape (N, C), got {x.shape}")
    x = keras.layers.Reshape((x.shape[1], 1), dtype="float32", name=f"{name}_column")(x)
    start = keras.initializers.Constant(scale)
    x = keras.layers.Dense(1, use_bias=False, kernel_initializer=start, dtype="float32", name=f"{name}_factor")(x)
    return keras.layers.Reshape((x.shape[1],), dtype="float32", name=name)(x)


def learned_scales(model: keras.Model) -> list[keras.Variable]:
    """Return the learned scale factors of a flat model.

    They are the ones that `scaled` adds, which weight decay must exclude.

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
    # A dense layer from one value to one without a bias is a scalar factor, whatever its name.
    return layer.built and not layer.use_bias and tuple(layer.kernel.shape) == (1, 1)
