"""ResNet18 with a dense head, optionally pretrained on ImageNet."""

import keras

from tfslim._support.extras import require
from tfslim.models.common import image_input, load_weights

__all__ = ["ResNet18"]

PRESET = "resnet_18_imagenet"


def load_imagenet_resnet18(model: keras.Model) -> keras.Model:
    """Load keras-hub's ImageNet weights into a ResNet18 backbone.

    Args:
        model: a model made by `tfslim.models.ResNet18`, changed in place; its head keeps its weights.

    Returns:
        `model`.

    Raises:
        ImportError: if keras-hub is not installed.
        RuntimeError: if the preset can't be downloaded (from Kaggle; it is cached after the first time).
    """
    keras_hub = require("keras_hub", 'ResNet18(weights="imagenet")')
    try:
        backbone = keras_hub.models.Backbone.from_preset(PRESET, dtype="float32")
    except Exception as error:  # keras-hub and kagglehub raise whatever their HTTP client does
        raise RuntimeError(
            f"ResNet18: keras-hub could not download the preset {PRESET!r} ({type(error).__name__}: {error}); "
            "check the network, download it once on a machine with network access, or use weights=None"
        ) from error
    for ours, theirs in backbone_layers():
        model.get_layer(ours).set_weights(backbone.get_layer(theirs).get_weights())
    return model


def backbone_layers() -> list[tuple[str, str]]:
    """Return pairs of corresponding layer names, ours and keras-hub's."""
    units = [("stem", "conv1")]
    for stage in range(4):
        for block in range(2):
            ours, theirs = f"stage{stage + 1}_block{block + 1}", f"stack{stage}_block{block}"
            if stage > 0 and block == 0:
                units.append((f"{ours}_skip", f"{theirs}_0"))
            units += [(f"{ours}_first", f"{theirs}_1"), (f"{ours}_second", f"{theirs}_2")]
    return [(f"{ours}_{kind}", f"{theirs}_{kind}") for ours, theirs in units for kind in ("conv", "bn")]


STAGE_FILTERS = (64, 128, 256, 512)
BLOCKS_PER_STAGE = 2
# Mean and standard deviation of ImageNet's pixels, which the pretrained weights expect.
PIXEL_MEAN = (123.675, 116.28, 103.53)
PIXEL_DEVIATION = (58.395, 57.12, 57.375)


def ResNet18(
    input_shape: tuple[int | None, int | None, int] = (224, 224, 3),
    classes: int = 40,
    head: tuple[int, ...] = (512, 128),
    weights: str | None = None,
) -> keras.Model:
    """Build ResNet18 with a head of dense layers.

    The backbone up to the average pool has 11,176,512 trainable parameters, the default head with 40 outputs 333,480.
    It takes pixels in 0..255 and normalizes them with ImageNet's statistics. Any resolution down to one pixel builds;
    below 32 pixels the last stage sees a single pixel and padding only.

    Args:
        input_shape: (height, width, 3) of the image, in pixels; None for any height or width.
        classes: number of logits.
        head: units of the dense layers with ReLU between the average pool and the logits; () for none.
        weights: "imagenet" for keras-hub's pretrained backbone (the head stays random), the path of a weights file
            for the whole model, or None for random initialization.

    Returns:
        A functional model of stock Keras layers, (N, H, W, 3) pixels to (N, classes) logits.

    Raises:
        ImportError: if `weights` is "imagenet" and keras-hub is not installed.
        RuntimeError: if the preset can't be downloaded.
        FileNotFoundError: if the file `weights` does not exist.

    Example:
        >>> tfslim.models.ResNet18((64, 64, 3), classes=40).output_shape
        (None, 40)

    Reference: ResNet, arXiv 1512.03385, table 1; the head as by Wang and Wong, "Facial attributes".
    """
    inputs = image_input(input_shape, 1, "ResNet18")
    if input_shape[2] != 3:
        raise ValueError(f"ResNet18: input_shape={input_shape}; the pixels are normalized as RGB, so 3 channels")
    x = _normalize(inputs)
    x = _conv_bn(x, 64, 7, 2, "stem")
    x = keras.layers.ReLU(name="stem_relu")(x)
    # After a ReLU zeros never win a max-pool, so this pads like PyTorch's pool.
    x = keras.layers.ZeroPadding2D(1, name="stem_pool_pad")(x)
    x = keras.layers.MaxPooling2D(3, 2, name="stem_pool")(x)
    for stage, filters in enumerate(STAGE_FILTERS, start=1):
        for block in range(1, BLOCKS_PER_STAGE + 1):
            x = _block(x, filters, 2 if stage > 1 and block == 1 else 1, f"stage{stage}_block{block}")
    x = keras.layers.GlobalAveragePooling2D(name="global_pool")(x)
    for index, units in enumerate(head, start=1):
        x = keras.layers.Dense(units, name=f"head{index}_dense")(x)
        x = keras.layers.ReLU(name=f"head{index}_relu")(x)
    outputs = keras.layers.Dense(classes, dtype="float32", name="logits")(x)
    model = keras.Model(inputs, outputs, name="resnet18")
    if weights == "imagenet":
        return load_imagenet_resnet18(model)
    return load_weights(model, weights)


def _normalize(x):
    variance = [deviation**2 for deviation in PIXEL_DEVIATION]
    return keras.layers.Normalization(mean=list(PIXEL_MEAN), variance=variance, name="normalization")(x)


def _block(x, filters, strides, name):
    """Apply the basic block: two 3x3 convolutions and a skip.

    The skip is projected if the shape changes.
    """
    skip = x if strides == 1 else _conv_bn(x, filters, 1, strides, f"{name}_skip")
    x = _conv_bn(x, filters, 3, strides, f"{name}_first")
    x = keras.layers.ReLU(name=f"{name}_first_relu")(x)
    x = _conv_bn(x, filters, 3, 1, f"{name}_second")
    x = keras.layers.Add(name=f"{name}_add")([x, skip])
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _conv_bn(x, filters, size, strides, name):
    # Keras pads a strided convolution at the bottom right; the pretrained weights expect padding on both sides.
    if strides > 1 and size > 1:
        x = keras.layers.ZeroPadding2D(size // 2, name=f"{name}_pad")(x)
    padding = "valid" if strides > 1 else "same"
    x = keras.layers.Conv2D(
        filters, size, strides, padding, use_bias=False, kernel_initializer="he_normal", name=f"{name}_conv"
    )(x)
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=f"{name}_bn")(x)
