"""VGG11 for face identities, with plain convolutions or smaller modules."""

import keras

from tfslim.layers.fire import Fire
from tfslim.layers.flame import Flame
from tfslim.layers.separable_conv import SeparableConv
from tfslim.models.common import image_input, load_weights

__all__ = ["VGG11"]

MODULES = ("standard", "fire", "separable", "flame")


def VGG11(
    input_shape: tuple[int, int, int] = (120, 120, 3),
    classes: int = 2360,
    module: str = "standard",
    squeeze_ratio: float = 0.125,
    shrink: bool = False,
    shallow: bool = False,
    dropout: float = 0.3,
    weights: str | None = None,
) -> keras.Model:
    """Build VGG11 with batch normalization for face identities.

    It has 10,735,872 weights by the paper's rule, 910,568 with Flame modules, and takes pixels in 0..255. The output
    of the layer "embedding" is the 128 features of a face. Five 2x2 max-pools divide height and width by 32 (rounded
    down), so at least 32x32 pixels are needed. The head of the standard and the separable network is an unpadded 3x3
    convolution, which reduces the 3x3 positions of 96..127 pixels to one; for smaller images (64..95 pixels: 2x2,
    32..63: 1x1) its kernel shrinks accordingly. More than 127 pixels leave more than one position, and the first dense
    layer grows. In the Fire and Flame networks the head is a padded module, and the first dense layer takes all
    positions.

    Args:
        input_shape: (height, width, channels) of the image, in pixels.
        classes: number of logits.
        module: "standard" for 3x3 convolutions; "fire", "separable" or "flame" to replace them by that module.
        squeeze_ratio: squeeze filters of a Fire or Flame module as a fraction of its output filters.
        shrink: whether to halve the filters before the last two convolutions.
        shallow: whether to have one convolution between the pools instead of two.
        dropout: rate before the head, the embedding and the logits.
        weights: path of a weights file to load, or None for random initialization.

    Returns:
        A functional model of stock Keras layers, (N, H, W, channels) pixels to (N, classes) logits.

    Raises:
        ValueError: if the image is smaller than 32x32, `module` is unknown, or `squeeze_ratio` leaves no filter.
        FileNotFoundError: if the file `weights` does not exist.

    Example:
        >>> tfslim.models.VGG11(module="flame").get_layer("embedding").output.shape
        (None, 128)

    Reference: VGG, arXiv 1409.1556, network A; the modules and the head by Shih, Huang and Chung (NTU DLCV 2018).
    """
    if module not in MODULES:
        raise ValueError(f"VGG11: module={module!r}; expected one of {', '.join(MODULES)}")
    inputs = image_input(input_shape, 32, "VGG11")
    if None in input_shape:
        raise ValueError(f"VGG11: input_shape={input_shape}; the first dense layer needs a known height and width")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    for stage, widths in enumerate(_filters(shrink, shallow), start=1):
        for index, filters in enumerate(widths, start=1):
            name = f"stage{stage}_{index}"
            x = _unit(x, filters, module, squeeze_ratio, name)
            x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
        x = keras.layers.MaxPooling2D(2, name=f"stage{stage}_pool")(x)

    x = keras.layers.Dropout(dropout, name="head_conv_dropout")(x)
    x = keras.layers.BatchNormalization(name="head_conv_bn")(x)
    x = _head_conv(x, module, squeeze_ratio)
    x = keras.layers.ReLU(name="head_conv_relu")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    x = keras.layers.Dropout(dropout, name="embedding_dropout")(x)
    x = keras.layers.BatchNormalization(name="embedding_bn")(x)
    x = keras.layers.Dense(128, kernel_initializer=_small_normal(), name="embedding")(x)
    x = keras.layers.ReLU(name="logits_relu")(x)
    x = keras.layers.Dropout(dropout, name="logits_dropout")(x)
    x = keras.layers.BatchNormalization(name="logits_bn")(x)
    outputs = keras.layers.Dense(classes, kernel_initializer=_small_normal(), dtype="float32", name="logits")(x)
    return load_weights(keras.Model(inputs, outputs, name=f"vgg11_{module}"), weights)


def _filters(shrink: bool, shallow: bool) -> list[tuple[int, ...]]:
    """Return the filters of the convolutions before each pool."""
    widths = [(64,), (128,), (256, 256), (512, 512), (512, 512)]
    if shrink:
        widths[:4] = [tuple(filters // 2 for filters in stage) for stage in widths[:4]]
    return [stage[-1:] for stage in widths] if shallow else widths


def _unit(x, filters, module, squeeze_ratio, name):
    """Apply a padded 3x3 convolution or its replacement module."""
    if module == "fire":
        return Fire(filters, squeeze_ratio, name=name).flat(x)
    if module == "flame":
        return Flame(filters, squeeze_ratio, name=name).flat(x)
    if module == "separable":
        return SeparableConv(filters, name=name).flat(x)
    return keras.layers.Conv2D(filters, 3, padding="same", name=f"{name}_conv")(x)


def _head_conv(x, module, squeeze_ratio):
    if module in ("fire", "flame"):
        return _unit(x, 256, module, squeeze_ratio, "head")
    kernel = tuple(min(3, extent) for extent in x.shape[1:3])
    return keras.layers.Conv2D(256, kernel, padding="valid", name="head_conv")(x)


def _small_normal() -> keras.initializers.Initializer:
    return keras.initializers.RandomNormal(stddev=0.01)
