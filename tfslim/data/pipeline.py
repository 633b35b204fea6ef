"""tf.data pipelines over CelebA, deterministic by seed."""

import os
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfslim.data.augment import augment, mix
from tfslim.data.augmentation import Augmentation
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.images import ImageError, decode
from tfslim.data.sources import ImageFolder

__all__ = ["evaluation_batches", "training_batches"]

LEAST_JPEG = 100  # bytes; smaller files are not images, and Pillow's error names the file


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
    """Stream shuffled, augmented training batches of given epochs.

    The order and the augmentation of epoch e depend on (seed, e) only, so a run resumed at epoch e sees the batches of
    an uninterrupted one. Images that do not fill a batch are dropped from their epoch.

    Args:
        celeba: the labeled images.
        size: (height, width) in pixels.
        batch_size: images per batch.
        part: "train", "validation" or "test".
        targets: "attributes" for (N, A) float32 in {0, 1}, "identities" for (N,) int32.
        augmentation: random changes of the images.
        seed: seed of order and augmentation.
        epochs: the epochs to stream, `len(records) // batch_size` batches each, without a break between them.
        cache: whether to keep the decoded part in memory (N * height * width * 3 bytes).

    Returns:
        A dataset of (images (N, H, W, 3) uint8 or float32 in 0..255, targets).

    Raises:
        ValueError: if the part does not fill one batch, lacks the targets, or mixup is combined with identities.

    Example:
        >>> celeba = CelebA(tfslim.data.draw_faces("drawn", count=100))
        >>> batches = training_batches(celeba, (109, 89), 64, epochs=range(40))
    """
    values, fetch = _open(celeba, part, size, targets, cache)
    count = len(values)
    if count < batch_size:
        raise ValueError(f"{part}: {count} images don't fill one batch of {batch_size}; use a smaller batch_size")

    if augmentation.mixup and targets != "attributes":
        raise ValueError("mixup can't blend identities, which are class indices; set mixup to 0")

    # One pipeline for all epochs, as separate ones would drain at each end and refill. If images may be skipped, each
    # epoch ends separately, since its length is not known in advance.
    separate = celeba.on_error == "skip"
    length = count if separate else count // batch_size * batch_size

    def one_epoch(epoch: tf.Tensor) -> tf.data.Dataset:
        order = tf.random.experimental.stateless_shuffle(tf.range(count), seed=[tf.cast(seed, tf.int64), epoch])
        return tf.data.Dataset.from_tensor_slices((order[:length], epoch * count + tf.range(length, dtype=tf.int64)))

    def change(image: tf.Tensor, index: tf.Tensor, place: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        # One image at a time, while it is still in the cache of the core that decoded it.
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
    """Stream a part once, in file order and without augmentation.

    Arguments and elements are those of `training_batches`; the last batch may be smaller.
    """
    values, fetch = _open(celeba, part, size, targets, cache)
    rows = tf.data.Dataset.range(len(values)).map(lambda row: (tf.cast(row, tf.int32), row))
    images = fetch(rows, lambda image, index, place: (image, values[index]))
    return images.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def _open(
    celeba: CelebA, part: str, size: tuple[int, int], targets: str, cache: bool
) -> tuple[tf.Tensor, Callable[[tf.data.Dataset, Callable], tf.data.Dataset]]:
    """Return a part's targets and a function fetching its images.

    The function maps a dataset of (row, place) and a function `change` to a dataset of change(image, row, place).
    """
    if targets not in ("attributes", "identities"):
        raise ValueError(f"targets={targets!r}: expected 'attributes' or 'identities'")
    if getattr(celeba.part(part), targets) is None:
        raise ValueError(f"{celeba.folder}: there are no {targets} in this data; add their label file")
    if cache:
        # Decoding may skip images, so use the rows and targets that it returns.
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
        """Decode other formats; name damaged files in the error."""
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
        if celeba.on_error == "skip":  # TensorFlow's decoder can neither continue after a damaged file nor name it
            return tf.numpy_function(from_pillow, [name, data], tf.uint8)
        length = tf.strings.length(data)
        start, end = tf.strings.substr(data, 0, 2), tf.strings.substr(data, tf.maximum(length - 2, 0), 2)
        whole = (start == b"\xff\xd8") & (end == b"\xff\xd9") & (length > LEAST_JPEG)
        # TensorFlow's decoder ignores the orientation in the header.
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
