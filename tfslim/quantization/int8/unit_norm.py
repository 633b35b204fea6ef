"""Unit vectors as one int8 operator of TFLite."""

import keras

from tfslim.layers.unit_norm import SHORTEST, SteadyUnitNormalization


@keras.saving.register_keras_serializable("tfslim")
class Int8UnitNormalization(SteadyUnitNormalization):
    """Unit normalization that the converter turns into one L2_NORMALIZATION.

    `keras.layers.UnitNormalization` itself becomes five steps.

    Example:
        >>> Int8UnitNormalization()(np.array([[3.0, 4.0]], "float32"))
        <tf.Tensor: shape=(1, 2), dtype=float32, numpy=array([[0.6, 0.8]], dtype=float32)>
    """

    def call(self, inputs, training=False):
        if training:
            return super().call(inputs)
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        squares = keras.ops.sum(keras.ops.square(inputs), axis=axis, keepdims=True)
        return inputs * keras.ops.rsqrt(keras.ops.maximum(squares, SHORTEST**2))
