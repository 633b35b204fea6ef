"""A model of one dense layer over 8x8 averages, so that numpy gives its logits too."""

import keras
import numpy as np

SIZE = (40, 32)
NAMES = ("Smiling", "Male", "Black_Hair", "Eyeglasses", "Bald")  # another order than CelebA's


def tiny_model(outputs: int = len(NAMES), activation: str | None = None) -> keras.Model:
    """A model of 40x32 pixels with random weights, whose answers differ from image to image."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = keras.layers.AveragePooling2D(8)(x)
    x = keras.layers.Flatten()(x)
    return keras.Model(inputs, keras.layers.Dense(outputs, activation, name="logits")(x), name="tiny")


def reference_logits(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The logits of a tiny model for (N, 40, 32, 3) uint8 pixels, in float64 numpy."""
    kernel, bias = model.get_layer("logits").get_weights()
    scaled = images.astype("float64") / 127.5 - 1
    pooled = scaled.reshape(len(images), SIZE[0] // 8, 8, SIZE[1] // 8, 8, 3).mean(axis=(2, 4))
    return pooled.reshape(len(images), kernel.shape[0]) @ kernel + bias
