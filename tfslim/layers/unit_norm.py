"""Unit vectors whose gradient is of a size that training can bear, also where a vector is zero."""

import keras

SHORTEST = 1e-6  # vectors up to this length have no direction that could be told from rounding


def unit_vectors(values: keras.KerasTensor, axis: int | tuple[int, ...] = -1) -> keras.KerasTensor:
    """Scales vectors to unit length; those that are next to nothing stay as they are.

    Their gradient is thus of the size of any other. That of a division by a floor would be as long as the floor is
    small, and one vector of zeros would fling away the bias that it comes from.

    Args:
        values: floats of any shape.
        axis: the axis or axes along which a vector lies.

    Example:
        >>> unit_vectors(np.array([[3.0, 4.0], [0.0, 0.0]], "float32"))
        <tf.Tensor: shape=(2, 2), dtype=float32, numpy=
        array([[0.6, 0.8],
               [0. , 0. ]], dtype=float32)>
    """
    squares = keras.ops.sum(keras.ops.square(values), axis=axis, keepdims=True)
    # Chosen before the root, or 0 times infinity would make the gradient NaN.
    return values * keras.ops.rsqrt(keras.ops.where(squares > SHORTEST**2, squares, keras.ops.ones_like(squares)))


@keras.saving.register_keras_serializable(package="tfslim")
class SteadyUnitNormalization(keras.layers.UnitNormalization):
    """`keras.layers.UnitNormalization` for the copy of a model that is trained, with a bounded gradient.

    Keras' own has a gradient of 1e12 at a vector of zeros, which one dead embedding in a batch is enough for. What is
    saved keeps the stock layer: put this one into a copy by `clone_model`, and bring the weights back.

    Example:
        >>> replace = {keras.layers.UnitNormalization: SteadyUnitNormalization}
        >>> copy = tfslim.graph.cloning.clone_model(model, replace=replace)
    """

    computes_as_stock = True  # for `graph.stock_layers`

    def call(self, inputs):
        return unit_vectors(inputs, tuple(self.axis) if isinstance(self.axis, list) else self.axis)
