"""tf.data pipelines over CelebA: decoding, shuffling and augmentation, each a function of the seed alone."""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfslim.data.augment import augment, mix
from tfslim.data.augmentation import Augmentation
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.images import ImageError, decode
from tfslim.data.sources import ImageFolder

LEAST_JPEG = 100  # bytes; what is smaller is no picture, and Pillow's error names the file


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

    # Epochs follow one another without a break: a pipeline for each would run empty at its end and fill again. Only
    # where images are skipped does each end for itself, since how many there are is not known beforehand.
    separate = celeba.on_error == "skip"
    length = count if separate else count // batch_size * batch_size

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[tf.cast(seed, tf.int64), epoch])
        return tf.data.Dataset.from_tensor_slices((order[:length], epoch * count + tf.range(length, dtype=tf.int64)))

    def change(image: tf.Tensor, index: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # One image at a time, while it still lies in the cache of the core that decoded it.
        return augment(image, augmentation, tf.stack([place, tf.cast(seed, tf.int64)])), values[index], place

    def blend(images: tf.Tensor, wanted: tf.Tensor, places: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        if not augmentation.mixup:
            return images, wanted
        return mix(images, wanted, augmentation.mixup, tf.stack([places[0], tf.cast(seed, tf.int64)]))

    def batches(rows: tf.data.Dataset) -> tf.data.Dataset:
        return fetch(rows, change).batch(batch_size, drop_remainder=True).map(blend)

    numbers = tf.data.Dataset.range(epochs.start, epochs.stop)
    if separate:
        stream = numbers.flat_map(lambda epoch: batches(one_epoch(epoch)))
    else:
        stream = batches(numbers.flat_map(one_epoch))
    return stream.prefetch(tf.data.AUTOTUNE)


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
    rows = tf.data.Dataset.range(len(values)).map(lambda row: (tf.cast(row, tf.int32), row))
    images = fetch(rows, lambda image, index, place: (image, values[index]))
    return images.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _open(
    celeba: CelebA, part: str, size: tuple[int, int], targets: str, cache: bool
) -> tuple[tf.Tensor, Callable[[tf.data.Dataset, Callable], tf.data.Dataset]]:
    """The part's target values, and what makes a dataset of change(image, row, place) of one of (row, place)."""
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

    def fetch(rows: tf.data.Dataset, change: Callable) -> tf.data.Dataset:
        return rows.map(lambda index, place: change(images[index], index, place), num_parallel_calls=tf.data.AUTOTUNE)

    return fetch


def _fetch_decoded(celeba: CelebA, names: np.ndarray, size: tuple[int, int]):
    files = tf.constant(names)
    height, width = size

    def from_pillow(name: bytes, data: bytes) -> np.ndarray:
        """What the fast path can't take for sure: other formats, and damaged files, which get their name said."""
        try:
            return decode(data, name.decode(), size, celeba.crop)
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
        if celeba.crop is not None:
            image = _middle(image, celeba.crop)
        same = tf.reduce_all(tf.shape(image)[:2] == [height, width])
        return tf.cond(same, lambda: image, lambda: _resize(image, size))

    def load(index: tf.Tensor) -> tf.Tensor:
        name = files[index]
        data = read(name)
        if celeba.on_error == "skip":  # TensorFlow's decoder can't go on after a damaged file, nor say its name
            return tf.numpy_function(from_pillow, [name, data], tf.uint8)
        length = tf.strings.length(data)
        start, end = tf.strings.substr(data, 0, 2), tf.strings.substr(data, tf.maximum(length - 2, 0), 2)
        whole = (start == b"\xff\xd8") & (end == b"\xff\xd9") & (length > LEAST_JPEG)
        # A header may say that the picture lies on its side, which TensorFlow's decoder ignores.
        turned = tf.strings.regex_full_match(data, r"\C*(?:Exif|tiff:Orientation)\C*")
        return tf.cond(
            whole & ~turned, lambda: fast(data), lambda: tf.numpy_function(from_pillow, [name, data], tf.uint8)
        )

    def fetch(rows: tf.data.Dataset, change: Callable) -> tf.data.Dataset:
        def finish(image: tf.Tensor, index: tf.Tensor, place: tf.Tensor):
            return change(tf.ensure_shape(image, (height, width, 3)), index, place)

        if celeba.on_error != "skip":
            return rows.map(lambda index, place: finish(load(index), index, place), num_parallel_calls=tf.data.AUTOTUNE)
        images = rows.map(lambda index, place: (load(index), index, place), num_parallel_calls=tf.data.AUTOTUNE)
        images = images.filter(lambda image, index, place: tf.size(image) > 0)
        return images.map(finish, num_parallel_calls=tf.data.AUTOTUNE)

    return fetch


def _middle(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    whole = tf.shape(image)[:2]
    cut = tf.minimum(whole, size)
    top, left = tf.unstack((whole - cut) // 2)
    return image[top : top + cut[0], left : left + cut[1]]


def _resize(image: tf.Tensor, size: tuple[int, int]) -> tf.Tensor:
    resized = tf.image.resize(image, size, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
