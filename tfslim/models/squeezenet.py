"""SqueezeNet v1.1 with batch normalization, a face embedding network."""

import keras

from tfslim.layers.convolution import conv_bn_relu
from tfslim.layers.fire import Fire
from tfslim.models.common import image_input, load_weights

__all__ = ["SqueezeNet"]

# Output filters of fire2 to fire9; the squeeze has an eighth of these.
FIRE_FILTERS = (128, 128, 256, 256, 384, 384, 512, 512)


def SqueezeNet(
    input_shape: tuple[int | None, int | None, int] = (113, 113, 3),
    classes: int | None = None,
    embedding: int = 1000,
    weights: str | None = None,
    pool_after: tuple[int, int] = (3, 5),
) -> keras.Model:
    """Build SqueezeNet v1.1 as a face embedding network.

    It has a first stride of 1, BN before every ReLU and 1,243,384 trainable parameters, and takes pixels in 0..255.
    The embedding is the global average of the last convolution after its ReLU, so it is never negative. The three 3x3
    max-pools of stride 2 are unpadded; the smallest image, 15x15 pixels, leaves one pixel.

    Args:
        input_shape: (height, width, channels) of the image, in pixels; None for any height or width.
        classes: number of logits on top of the embedding, or None for the embedding model.
        embedding: length of the embedding.
        weights: path of a weights file to load, or None for random initialization.
        pool_after: numbers of the two Fire modules that a max-pool follows: (3, 5) is v1.1, (4, 8) the released
            SqueezeFacePoseNet. The parameters are the same.

    Returns:
        A functional model of stock Keras layers, (N, H, W, channels) pixels to (N, embedding) float32 features or
        (N, classes) logits; the embedding is the output of the layer "embedding" either way.

    Raises:
        ValueError: if the image is smaller than 15x15, or `pool_after` does not name two Fire modules.
        FileNotFoundError: if the file `weights` does not exist.

    Example:
        >>> tfslim.models.SqueezeNet().output_shape
        (None, 1000)

    Reference: SqueezeNet, arXiv 1602.07360; for faces SqueezerFaceNet, arXiv 2307.10697, section III.
    """
    if len(set(pool_after)) != 2 or not set(pool_after) <= set(range(2, 10)):
        raise ValueError(f"SqueezeNet: pool_after={pool_after}; expected two of the Fire modules 2 to 9")
    inputs = image_input(input_shape, 15, "SqueezeNet")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = conv_bn_relu(x, 64, 3, "conv1", use_bias=True)
    x = keras.layers.MaxPooling2D(3, 2, name="conv1_pool")(x)
    for index, filters in enumerate(FIRE_FILTERS, start=2):
        x = Fire(filters, batch_norm=True, name=f"fire{index}").flat(x)
        if index in pool_after:
            x = keras.layers.MaxPooling2D(3, 2, name=f"fire{index}_pool")(x)
    x = keras.layers.Dropout(0.5, name="conv10_dropout")(x)
    x = conv_bn_relu(x, embedding, 1, "conv10", use_bias=True)
    outputs = keras.layers.GlobalAveragePooling2D(dtype="float32", name="embedding")(x)
    if classes is not None:
        outputs = keras.layers.Dense(classes, dtype="float32", name="logits")(outputs)
    return load_weights(keras.Model(inputs, outputs, name="squeezenet"), weights)
