"""tf.data pipelines over CelebA: decoding, shuffling and augmentation, each a function of the seed alone."""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfslim.data.augment import augment, mix
from tfslim.data.augmentation import Augmentation
from tfslim.data.celeba import CelebA
from tfslim.data.images import ImageError, decode
from tfslim.data.sources import ImageFolder


def training_batches(
    celeba: CelebA,
    size: tuple[int, int],
    batch_size: int,
    *,
    part: str = "train",
    targets: str = "attributes",
    augmentation: Augmentation = Augmentation(),
    seed: int = 0,
    epochs: range = range(1),
    cache: bool = False,
) -> tf.data.Dataset:
    """Streams shuffled, augmented training batches of the given epochs, without a break between them.

    Epoch e is the same whatever came before: its order and its changes are drawn from (seed, e) alone, so a run
    resumed at epoch e sees what an unbroken one would have seen. What does not fill a batch is left out of that epoch.

    Args:
        celeba: the labelled images.
        size: (height, width) in pixels.
        batch_size: images in a batch.
        part: "train", "validation" or "test".
        targets: "attributes" for (N, A) float32 in {0, 1}, "identities" for (N,) int32.
        augmentation: random changes.
        seed: of order and changes.
        epochs: which epochs to stream; `len(records) // batch_size` batches each.
        cache: keep the decoded part in memory (N * height * width * 3 bytes).

    Returns:
        A dataset of (images (N, H, W, 3) uint8 or float32 in 0..255, targets).

    Example:
        >>> batches = training_batches(CelebA("faces"), (109, 89), 64, epochs=range(40))
    """
    values, fetch = _open(celeba, part, size, targets, cache)
    count = len(values)
    if count < batch_size:
        raise ValueError(f"{part}: {count} images don't fill one batch of {batch_size}; take a smaller batch_size")

    if augmentation.mixup and targets != "attributes":
        raise ValueError("mixup blends attributes; identities are class numbers and can't be blended: set mixup to 0")

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[tf.cast(seed, tf.int64), epoch])

        def change(step: tf.Tensor, batch: tuple[tf.Tensor, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
            draw = tf.stack([epoch * count + step, tf.cast(seed, tf.int64)])
            images, wanted = augment(batch[0], augmentation, draw), tf.gather(values, batch[1])
            return mix(images, wanted, augmentation.mixup, draw) if augmentation.mixup else (images, wanted)

        batches = fetch(tf.data.Dataset.from_tensor_slices(order), batch_size, True)
        return batches.enumerate().map(change, num_parallel_calls=tf.data.AUTOTUNE)

    return tf.data.Dataset.range(epochs.start, epochs.stop).flat_map(one_epoch).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
    celeba: CelebA,
    part: str,
    size: tuple[int, int],
    batch_size: int,
    *,
    targets: str = "attributes",
    cache: bool = False,
) -> tf.data.Dataset:
    """Streams a part once, in file order, unchanged; arguments and elements as in `training_batches`."""
    values, fetch = _open(celeba, part, size, targets, cache)
    batches = fetch(tf.data.Dataset.range(len(values), output_type=tf.int32), batch_size, False)
    return batches.map(lambda images, index: (images, tf.gather(values, index))).prefetch(tf.data.AUTOTUNE)


def _open(
    celeba: CelebA, part: str, size: tuple[int, int], targets: str, cache: bool
) -> tuple[tf.Tensor, Callable[[tf.data.Dataset, int, bool], tf.data.Dataset]]:
    """The part's target values, and what turns a dataset of row numbers into batches of (images, row numbers)."""
    if targets not in ("attributes", "identities"):
        raise ValueError(f"targets={targets!r}: expected 'attributes' or 'identities'")
    if getattr(celeba.part(part), targets) is None:
        raise ValueError(f"{celeba.folder}: there are no {targets} in this data")
    if cache:
        # Decoding may skip images, so rows and targets are those that it gives.
        images, attributes, identities = celeba.arrays(part, size)
        values, fetch = {"attributes": attributes, "identities": identities}[targets], _fetch_cached(images)
    else:
        records = celeba.part(part)
        values, fetch = getattr(records, targets), _fetch_decoded(celeba, records.files, size)
    return tf.constant(values, tf.float32 if targets == "attributes" else tf.int32), fetch


def _fetch_cached(array: np.ndarray):
    images = tf.constant(array)

    def fetch(indices: tf.data.Dataset, batch_size: int, drop_remainder: bool) -> tf.data.Dataset:
        return indices.batch(batch_size, drop_remainder).map(lambda index: (tf.gather(images, index), index))

    return fetch


def _fetch_decoded(celeba: CelebA, names: np.ndarray, size: tuple[int, int]):
    files = tf.constant(names)
    height, width = size

    def from_pillow(name: bytes, data: bytes) -> np.ndarray:
        """What the fast path can't take for sure: other formats, and damaged files, which get their name said."""
        try:
            return decode(data, name.decode(), size)
        except ImageError as error:
            if celeba.on_error != "skip":
                raise
            celeba.skip(name.decode(), str(error))
            return np.zeros((0, 0, 3), np.uint8)

    def read(name: tf.Tensor) -> tf.Tensor:
        if isinstance(celeba.source, ImageFolder):
            return tf.io.read_file(tf.strings.join([os.fspath(celeba.source.path) + os.sep, name]))
        return tf.numpy_function(lambda file: celeba.read(file.decode()), [name], tf.string)

    def fast(data: tf.Tensor) -> tf.Tensor:
        image = tf.io.decode_jpeg(data, channels=3, dct_method="INTEGER_ACCURATE")
        same = tf.reduce_all(tf.shape(image)[:2] == [height, width])
        return tf.cond(same, lambda: image, lambda: _resize(image, size))

    def load(index: tf.Tensor):
        name = files[index]
        data = read(name)
        whole = (tf.strings.substr(data, 0, 2) == b"\xff\xd8") & (tf.strings.substr(data, -2, 2) == b"\xff\xd9")
        # A camera's own header may say that the picture lies on its side, which TensorFlow's decoder ignores.
        turned = tf.strings.regex_full_match(tf.strings.substr(data, 0, 64), r"(?s).*Exif.*")
        image = tf.cond(
            whole & ~turned, lambda: fast(data), lambda: tf.numpy_function(from_pillow, [name, data], tf.uint8)
        )
        return image, index

    def fetch(indices: tf.data.Dataset, batch_size: int, drop_remainder: bool) -> tf.data.Dataset:
        images = indices.map(load, num_parallel_calls=tf.data.AUTOTUNE)
        if celeba.on_error == "skip":
            images = images.filter(lambda image, index: tf.size(image) > 0)
        images = images.map(lambda image, index: (tf.ensure_shape(image, (height, width, 3)), index))
        return images.batch(batch_size, drop_remainder)

    return fetch


def _resize(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    resized = tf.image.resize(image, size, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
