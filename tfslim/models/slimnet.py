"""Slim-Net, the attribute network of Slim-CNN."""

import keras

from tfslim.layers.convolution import conv_bn_relu
from tfslim.layers.slim_module import SlimModule
from tfslim.models.common import image_input, load_weights

__all__ = ["SlimNet"]

SQUEEZE_FILTERS = (16, 32, 48, 64)


def SlimNet(
    input_shape: tuple[int, int, int] = (218, 178, 3), classes: int = 40, weights: str | None = None
) -> keras.Model:
    """Build Slim-Net, the attribute network of Slim-CNN.

    It has 571,304 trainable parameters and 244.35M MACs at the aligned CelebA size, and takes pixels in 0..255. The
    five 3x3 max-pools of stride 2 are unpadded, as in the paper, if each of them has at least 3x3 pixels to pool. For
    smaller inputs (such as 109x89 or 64x64) all five are padded ("same"), so any input of at least 7x7 builds. The
    weights are the same either way.

    Args:
        input_shape: (height, width, channels) of the image, in pixels.
        classes: number of logits.
        weights: path of a weights file to load, or None for random initialization.

    Returns:
        A functional model of stock Keras layers, (N, H, W, 3) pixels to (N, classes) logits.

    Raises:
        ValueError: if `input_shape` is not three known numbers, or the image is smaller than 7x7.
        FileNotFoundError: if the file `weights` does not exist.

    Example:
        >>> tfslim.models.SlimNet((109, 89, 3)).output_shape
        (None, 40)

    Reference: Slim-CNN, arXiv 1907.02157, table 1.
    """
    inputs = image_input(input_shape, 7, "SlimNet")
    if None in input_shape:
        raise ValueError(f"SlimNet: input_shape={input_shape}; the pools need a known height and width")
    padding = "valid" if _pools_fit(min(input_shape[:2])) else "same"
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = conv_bn_relu(x, 96, 7, "stem", strides=2, padding="valid", use_bias=True)
    x = keras.layers.MaxPooling2D(3, 2, padding, name="stem_pool")(x)
    for index, filters in enumerate(SQUEEZE_FILTERS, start=1):
        x = SlimModule(filters, name=f"slim{index}").flat(x)
        x = keras.layers.MaxPooling2D(3, 2, padding, name=f"slim{index}_pool")(x)
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    outputs = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    return load_weights(keras.Model(inputs, outputs, name="slimnet"), weights)


def _pools_fit(extent: int) -> bool:
    extent = (extent - 7) // 2 + 1
    for _ in range(1 + len(SQUEEZE_FILTERS)):
        if extent < 3:
            return False
        extent = (extent - 3) // 2 + 1
    return True
