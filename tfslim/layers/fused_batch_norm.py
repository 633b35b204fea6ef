"""Batch normalization with TensorFlow's fused kernel."""

import keras


@keras.saving.register_keras_serializable(package="tfslim")
class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Batch normalization that trains with one fused kernel.

    Keras 3 computes batch normalization of (N, H, W, C) tensors in about ten small operations; on a CPU they take more
    than half of a small network's training step, and the fused kernel about halves the training time. Variables,
    inference and results are those of `keras.layers.BatchNormalization`; only the training pass differs, by rounding.

    Example:
        >>> layer = FusedBatchNormalization()
        >>> layer(tf.ones((4, 2, 2, 3)), training=True).shape
        TensorShape([4, 2, 2, 3])
    """

    computes_as_stock = True  # for `graph.stock_layers`

    def call(self, inputs, training=None, mask=None):
        fusible = len(inputs.shape) == 4 and self.axis in (-1, 3) and self.scale and self.center
        # The kernel sees only the images of its own replica.
        fusible = fusible and not self.synchronized
        # oneDNN has no fast kernel for other channel counts: there ten small operations take half the fused time.
        fusible = fusible and inputs.shape[-1] % 4 == 0
        if not (training and self.trainable and fusible and mask is None):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        # The fast 16-bit kernel needs a multiple of 16 channels; without it float32 is ten times faster.
        vectors = inputs.shape[-1] % 16 == 0
        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs if vectors else tf.cast(inputs, tf.float32),
            scale=tf.cast(self.gamma.value, tf.float32),
            offset=tf.cast(self.beta.value, tf.float32),
            mean=tf.zeros([0]),
            variance=tf.zeros([0]),
            epsilon=self.epsilon,
            is_training=True,
        )
        # The kernel returns the unbiased variance; Keras' moving variance averages the biased one.
        count = tf.cast(tf.size(inputs) // tf.shape(inputs)[-1], tf.float32)
        variance *= (count - 1) / count
        self.moving_mean.assign(self.moving_mean * self.momentum + mean * (1 - self.momentum))
        self.moving_variance.assign(self.moving_variance * self.momentum + variance * (1 - self.momentum))
        return tf.cast(outputs, inputs.dtype)
