"""A small net of what int8 training has to deal with, for the test process and one without TensorFlow."""

import keras
from keras import layers


def int8_net() -> keras.Model:
    """Rescaling, batch normalisation, depthwise, multiplication, Concatenate, hard_swish; 8x8 pixels to 2 logits."""
    inputs = keras.Input((8, 8, 3), name="image")
    x = layers.Conv2D(6, 3, use_bias=False, name="conv")(layers.Rescaling(1 / 127.5, -1.0, name="rescaling")(inputs))
    x = layers.ReLU()(layers.BatchNormalization(momentum=0.8)(x))
    y = layers.DepthwiseConv2D(3, padding="same", name="deep")(x)
    x = layers.Concatenate()([x, layers.Multiply()([x, layers.Activation("sigmoid")(y)])])
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(8, 1, activation="hard_swish", name="point")(x))
    return keras.Model(inputs, layers.Dense(2, name="logits")(x))
