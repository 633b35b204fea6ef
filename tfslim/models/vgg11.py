"""VGG11 with batch normalisation for face identities, its convolutions replaced by smaller modules or not."""

import keras

from tfslim.layers.fire import Fire
from tfslim.layers.flame import Flame
from tfslim.layers.separable_conv import SeparableConv
from tfslim.models.common import image_input, load_weights

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
    """Builds VGG11 for face identities: 10,735,872 weights by the paper's rule, and 910,568 with Flame modules.

    Pixels 0..255 in, logits out; the layer "embedding" gives the 128 features of a face. Five 2x2 max-pools leave a
    32nd of height and width (rounded down), and at least 32x32 pixels are needed. The head of the standard and the
    separable network is a 3x3 convolution without padding, which makes the 3x3 that is left of 96..127 pixels a single
    value; where less than 3 is left (64..95 pixels: 2, 32..63: 1), its kernel is as small as what is left. More than
    127 pixels leave more than one value, and the first dense layer grows. In the Fire and Flame networks the head
    is a padded module, and the first dense layer always takes all that is left.

    Args:
        input_shape: (height, width, channels) of the image, in pixels.
        classes: number of logits.
        module: "standard" for 3x3 convolutions, "fire", "separable" or "flame" for modules in their place.
        squeeze_ratio: squeeze filters of a Fire or Flame module as a share of its output filters.
        shrink: half as many filters before the last two convolutions.
        shallow: one convolution between the pools, in place of two.
        dropout: rate before the head, the embedding and the logits.
        weights: path of a weights file to load, or None for random initialisation.

    Returns:
        A functional model of stock Keras layers, (N, H, W, channels) pixels to (N, classes) logits.

    Raises:
        ValueError: if the image is smaller than 32x32, `module` is unknown, or `squeeze_ratio` leaves no filter.
        FileNotFoundError: if there is no file `weights`.

    Example:
        >>> tfslim.models.VGG11(module="flame").get_layer("embedding").output.shape
        (None, 128)

    Reference: VGG, arXiv 1409.1556, network A; the modules and the head by Shih, Huang and Chung (NTU DLCV 2018).
    """
    if module not in MODULES:
        raise ValueError(f"VGG11: module={module!r}; expected one of {', '.join(MODULES)}")
    if None in input_shape:
        raise ValueError(f"VGG11: input_shape={input_shape}; height and width must be known, for the first dense layer")
    inputs = image_input(input_shape, 32, "VGG11")
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
    """Filters of the convolutions before each pool."""
    widths = [(64,), (128,), (256, 256), (512, 512), (512, 512)]
    if shrink:
        widths[:4] = [tuple(filters // 2 for filters in stage) for stage in widths[:4]]
    return [stage[-1:] for stage in widths] if shallow else widths


def _unit(x, filters, module, squeeze_ratio, name):
    """What stands in the place of a padded 3x3 convolution."""
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
