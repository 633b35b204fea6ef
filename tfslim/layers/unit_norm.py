"""L2 normalization with a bounded gradient at zero vectors."""

import keras

__all__ = ["SteadyUnitNormalization", "unit_vectors"]

SHORTEST = 1e-6  # the direction of a shorter vector is rounding noise


def unit_vectors(values: keras.KerasTensor, axis: int | tuple[int, ...] = -1) -> keras.KerasTensor:
    """Scale vectors to unit length, leaving those near zero unchanged.

    The gradient of an unchanged vector is 1. Dividing by a small floor instead would have a gradient of one over the
    floor, so a single vector of zeros would destroy the bias that it comes from.

    Args:
        values: floats of any shape.
        axis: the axis or axes of a vector.

    Returns:
        A tensor of the same shape and dtype.

    Example:
        >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]], "float32"))
        <tf.Tensor: shape=(2, 2), dtype=float32, numpy=
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)>
    """
    squares = keras.ops.sum(keras.ops.square(values), axis=axis, keepdims=True)
    # Select before the square root, or 0 times infinity would make the gradient NaN.
    return values * keras.ops.rsqrt(keras.ops.where(squares > SHORTEST**2, squares, keras.ops.ones_like(squares)))


@keras.saving.register_keras_serializable(package="tfslim")
class SteadyUnitNormalization(keras.layers.UnitNormalization):
    """`keras.layers.UnitNormalization` with a bounded gradient, for training.

    The stock layer has a gradient of 1e12 at a vector of zeros, so one dead embedding in a batch ruins a step. Saved
    models keep the stock layer: put this one into a copy with `clone_model`, train it, and copy the weights back.

    Example:
        >>> replace = {keras.layers.UnitNormalization: SteadyUnitNormalization}
        >>> copy = tfslim.graph.cloning.clone_model(model, replace=replace)
    """

    computes_as_stock = True  # for `graph.stock_layers`

    def call(self, inputs):
        return unit_vectors(inputs, tuple(self.axis) if isinstance(self.axis, list) else self.axis)
