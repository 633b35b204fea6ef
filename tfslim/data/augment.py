"""Random flips, shifts, rotations and colour changes of a batch of images, reproducible by seed."""

import math

import tensorflow as tf

from tfslim.data.augmentation import Augmentation


def augment(images: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Changes each image of a batch at random, the same way for the same `seed`.

    Args:
        images: (N, H, W, 3), uint8 or float32 pixels in 0..255.
        augmentation: how far.
        seed: (2,) integers; another pair gives other changes.

    Returns:
        (N, H, W, 3): uint8 as given if only the geometry changes, float32 in 0..255 if colours do.

    Example:
        >>> images = tf.zeros((2, 8, 8, 3), tf.uint8)
        >>> augment(images, Augmentation(flip=True), seed=(0, 1)).shape
        TensorShape([2, 8, 8, 3])
    """
    moves = augmentation.shift or augmentation.rotation or augmentation.zoom
    if moves:
        images = _move(images, augmentation, seed)
    elif augmentation.flip:
        mirrored = _draw(tf.shape(images)[0], 0, 0, 1, seed) < 0.5
        images = tf.where(mirrored[:, None, None, None], tf.reverse(images, axis=[2]), images)
    if augmentation.brightness or augmentation.contrast or augmentation.saturation:
        images = _recolour(images, augmentation, seed)
    return images


def mix(images: tf.Tensor, targets: tf.Tensor, strength: float, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Blends each image and its targets with those of its mirror place in the batch (mixup).

    Args:
        images: (N, H, W, 3), uint8 or float32 pixels in 0..255.
        targets: (N, A) float32.
        strength: the share is drawn from Beta(strength, strength), one an image.
        seed: (2,) integers; another pair gives other shares.

    Returns:
        Images (N, H, W, 3) float32 and targets (N, A) float32.

    Example:
        >>> images, targets = mix(tf.zeros((2, 8, 8, 3)), tf.eye(2), 0.2, seed=(0, 1))

    Source: Zhang, Cisse, Dauphin, Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018, equation 2.
    """
    seed = tf.cast(seed, tf.int64)
    first, second = (
        tf.random.stateless_gamma(
            [tf.shape(images)[0]], tf.random.experimental.stateless_fold_in(seed, stream), strength
        )
        for stream in (8, 9)
    )
    # Shares below one half would only exchange the two images' roles.
    share = tf.math.divide_no_nan(first, first + second)
    share = tf.maximum(share, 1 - share)
    images = tf.cast(images, tf.float32)
    blended = share[:, None, None, None]
    images = blended * images + (1 - blended) * tf.reverse(images, axis=[0])
    return images, share[:, None] * targets + (1 - share[:, None]) * tf.reverse(targets, axis=[0])


def _draw(count: tf.Tensor, stream: int, low: float, high: float, seed: tf.Tensor) -> tf.Tensor:
    """One uniform number an image; each `stream` is independent of the others under the same seed."""
    seed = tf.random.experimental.stateless_fold_in(tf.cast(seed, tf.int64), stream)
    return tf.random.stateless_uniform([count], seed, low, high)


def _move(images: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Flip, rotation, zoom and shift as one resampling, so that pixels are interpolated once."""
    count = tf.shape(images)[0]
    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float32))
    mirror = tf.where(_draw(count, 0, 0, 1, seed) < 0.5, -1.0, 1.0) if augmentation.flip else tf.ones([count])
    vertical = _draw(count, 1, -augmentation.shift, augmentation.shift, seed) * height
    horizontal = _draw(count, 2, -augmentation.shift, augmentation.shift, seed) * width
    turns = augmentation.rotation or augmentation.zoom
    if not turns:
        # Whole pixels: nothing to interpolate, the image stays as sharp as it was.
        vertical, horizontal = tf.round(vertical), tf.round(horizontal)
    angle = _draw(count, 3, -augmentation.rotation, augmentation.rotation, seed) * (math.pi / 180)
    scale = tf.exp(_draw(count, 4, -1, 1, seed) * math.log1p(augmentation.zoom))
    cosine, sine = tf.cos(angle) * scale, tf.sin(angle) * scale
    centre_x, centre_y = (width - 1) / 2, (height - 1) / 2
    # Rows of the matrix that takes an output pixel to the input pixel it shows, about the centre.
    a, b, c, d = cosine * mirror, -sine, sine * mirror, cosine
    transforms = tf.stack(
        [a, b, centre_x - a * centre_x - b * centre_y + horizontal]
        + [c, d, centre_y - c * centre_x - d * centre_y + vertical]
        + [tf.zeros([count]), tf.zeros([count])],
        axis=1,
    )
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR" if turns else "NEAREST",
        fill_mode="NEAREST",
    )


def _recolour(images: tf.Tensor, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    def each(stream, reach, around):
        count = tf.shape(images)[0]
        return _draw(count, stream, around - reach, around + reach, seed)[:, None, None, None]

    images = tf.cast(images, tf.float32)
    if augmentation.saturation:
        grey = tf.tensordot(images, tf.constant([0.299, 0.587, 0.114]), 1)[..., None]
        images = grey + (images - grey) * each(5, augmentation.saturation, 1.0)
    if augmentation.contrast:
        mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
        images = mean + (images - mean) * each(6, augmentation.contrast, 1.0)
    if augmentation.brightness:
        images = images + 255.0 * each(7, augmentation.brightness, 0.0)
    return tf.clip_by_value(images, 0.0, 255.0)
