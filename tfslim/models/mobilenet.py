"""MobileNet v1, with a head for facial attributes."""

import keras

from tfslim.layers.convolution import conv_bn_relu
from tfslim.layers.separable_conv import SeparableConv
from tfslim.models.common import image_input, load_weights

__all__ = ["MobileNet"]

# Filters and strides of the separable blocks, which follow a convolution of 32 filters and stride 2.
BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))


def MobileNet(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int = 40,
    alpha: float = 1.0,
    weights: str | None = None,
) -> keras.Model:
    """Build MobileNet v1 with a head for facial attributes.

    It has 3,247,976 trainable parameters with 40 outputs and `alpha` 1, and takes pixels in 0..255. Every convolution
    is padded ("same") and the head is a global average pool, so any resolution down to one pixel builds; below 32
    pixels the last blocks see a single pixel and padding only.

    Args:
        input_shape: (height, width, channels) of the image, in pixels; None for any height or width.
        classes: number of logits.
        alpha: width multiplier of every layer's filters, which are rounded down.
        weights: path of a weights file to load, or None for random initialization.

    Returns:
        A functional model of stock Keras layers, (N, H, W, channels) pixels to (N, classes) logits.

    Raises:
        ValueError: if `alpha` leaves a layer without filters, or `input_shape` is not an image shape.
        FileNotFoundError: if the file `weights` does not exist.

    Example:
        >>> tfslim.models.MobileNet((128, 128, 3), alpha=0.25).count_params()
        228824

    Reference: MobileNets, arXiv 1704.04861, table 1; for attributes as by Wang and Wong, "Facial attributes", table I.
    """
    if int(32 * alpha) < 1:
        raise ValueError(f"MobileNet: alpha={alpha} leaves no filter in the first convolution; use at least {1 / 32}")
    inputs = image_input(input_shape, 1, "MobileNet")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = conv_bn_relu(x, int(32 * alpha), 3, "stem", strides=2)
    for index, (filters, strides) in enumerate(BLOCKS, start=1):
        x = SeparableConv(int(filters * alpha), strides=strides, name=f"block{index}").flat(x)
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    outputs = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return load_weights(keras.Model(inputs, outputs, name="mobilenet"), weights)
