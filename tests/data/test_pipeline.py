"""Streams give each image once an epoch with its own labels, alike for a seed, and name what they can't decode."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tfslim.data import CelebA
from tfslim.data.augmentation import Augmentation
from tfslim.data.pipeline import evaluation_batches, training_batches

SIZE = (14, 12)


@pytest.fixture
def little(celeba_folder):
    return celeba_folder(20)


CACHES = pytest.mark.parametrize("cache", [False, True], ids=["decoded", "cached"])


def collected(batches):
    pairs = [(images.numpy(), targets.numpy()) for images, targets in batches]
    return np.concatenate([p[0] for p in pairs]), np.concatenate([p[1] for p in pairs])


def same_rows(celeba, part, images, targets):
    """Whether each image comes with the row of targets that its colour, unlike any other, belongs to."""
    expected, attributes, _ = celeba.arrays(part, SIZE)
    for image, target in zip(images, targets, strict=True):
        row = np.abs(expected.astype(int) - image.astype(int)).max(axis=(1, 2, 3)).argmin()
        np.testing.assert_allclose(image, expected[row], atol=2)
        np.testing.assert_array_equal(target, attributes[row])


@CACHES
def test_evaluation_keeps_file_order(little, cache):
    celeba = CelebA(little.path)
    images, targets = collected(evaluation_batches(celeba, "train", SIZE, 5, cache=cache))
    expected, attributes, _ = celeba.arrays("train", SIZE)
    np.testing.assert_allclose(images.astype(int), expected.astype(int), atol=2)
    np.testing.assert_array_equal(targets, attributes)


@CACHES
def test_training_epochs_are_shuffles_and_do_not_depend_on_where_one_starts(little, cache):
    celeba = CelebA(little.path)
    count = len(celeba.part("train"))
    options = {"augmentation": Augmentation(flip=True), "seed": 3, "cache": cache}
    images, targets = collected(training_batches(celeba, SIZE, 2, epochs=range(3), **options))
    steps = count // 2 * 2
    assert len(images) == 3 * steps
    same_rows(celeba, "train", images, targets)
    assert len({image.tobytes() for image in images[:steps]}) == steps
    assert not np.array_equal(targets[:steps], targets[steps : 2 * steps])
    again = collected(training_batches(celeba, SIZE, 2, epochs=range(1, 3), **options))
    np.testing.assert_array_equal(again[0], images[steps:])
    np.testing.assert_array_equal(again[1], targets[steps:])


def test_zip_and_folder_give_the_same(celeba_folder):
    streams = []
    for kind in ("folder", "zip"):
        celeba = CelebA(celeba_folder(10, images=kind).path)
        streams.append(collected(evaluation_batches(celeba, "train", SIZE, 4)))
    np.testing.assert_array_equal(streams[0][0], streams[1][0])


def test_a_truncated_image_is_named_when_it_is_read(little):
    celeba = CelebA(little.path)
    name = str(celeba.part("train").files[1])
    (celeba.source.path / name).write_bytes(little.jpeg(1)[:-30])
    with pytest.raises(tf.errors.InvalidArgumentError, match=name):
        collected(evaluation_batches(celeba, "train", SIZE, 4))


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xff\xd8\xff\xd9"])
def test_an_image_that_is_hardly_there_is_named(little, data):
    celeba = CelebA(little.path)
    name = str(celeba.part("train").files[1])
    (celeba.source.path / name).write_bytes(data)
    with pytest.raises(tf.errors.InvalidArgumentError, match=name):
        collected(evaluation_batches(celeba, "train", SIZE, 4))


@CACHES
def test_skipping_a_truncated_image_keeps_the_others_labels(little, cache):
    celeba = CelebA(little.path, on_error="skip")
    count, name = len(celeba.part("train")), str(celeba.part("train").files[1])
    (celeba.source.path / name).write_bytes(little.jpeg(1)[:-30])
    images, targets = collected(evaluation_batches(celeba, "train", SIZE, 4, cache=cache))
    assert len(images) == count - 1
    same_rows(celeba, "train", images, targets)
    assert name in celeba.skipped


@CACHES
def test_skipping_an_image_damaged_within_keeps_the_others_labels(little, cache):
    celeba = CelebA(little.path, on_error="skip")
    count, name = len(celeba.part("train")), str(celeba.part("train").files[1])
    tables = little.jpeg(1).replace(b"\xff\xdb\x00", b"\xff\xdb\xff")  # of a length that can't be; both ends are whole
    (celeba.source.path / name).write_bytes(tables)
    images, targets = collected(evaluation_batches(celeba, "train", SIZE, 4, cache=cache))
    assert len(images) == count - 1
    same_rows(celeba, "train", images, targets)
    assert name in celeba.skipped


def test_png_grey_and_turned_pictures_are_decoded(little):
    celeba = CelebA(little.path)
    names = [str(name) for name in celeba.part("train").files[:3]]
    pixels = np.asarray(little.image(0)).copy()
    pixels[: len(pixels) // 2] = (20, 90, 230)  # so that it shows which side is up
    picture = Image.fromarray(pixels)
    picture.save(celeba.source.path / names[0], "PNG")
    picture.convert("L").save(celeba.source.path / names[1], "JPEG")
    lying = picture.getexif()
    lying[0x0112] = 6
    picture.rotate(90, expand=True).save(celeba.source.path / names[2], "JPEG", exif=lying, quality=95, subsampling=0)
    exif = (celeba.source.path / names[2]).read_bytes()
    comment = b"\xff\xfe" + (302).to_bytes(2) + b"c" * 300  # before the header that says it
    (celeba.source.path / names[2]).write_bytes(exif[:2] + comment + exif[2:])
    images, _ = collected(evaluation_batches(celeba, "train", SIZE, 4))
    expected = celeba.arrays("train", SIZE)[0]
    assert np.abs(images[2].astype(int) - images[0]).mean() < 3  # it was turned upright
    np.testing.assert_allclose(images[:3].astype(int), expected[:3].astype(int), atol=2)


@CACHES
def test_every_path_crops_alike(little, cache):
    for row, file in enumerate(little.files):  # a border that the crop must leave out
        pixels = np.zeros((20, 16, 3), np.uint8)
        pixels[3:17, 2:14] = little.pixels[row]
        name = little.path / "img_align_celeba" / file
        Image.fromarray(pixels).save(name, "PNG" if row % 2 else "JPEG", **({} if row % 2 else {"quality": 100}))
    celeba = CelebA(little.path, crop=(10, 8))
    images, _ = collected(evaluation_batches(celeba, "train", SIZE, 5, cache=cache))
    colours = little.pixels[little.parts == 0]
    np.testing.assert_allclose(images, np.broadcast_to(colours[:, None, None], images.shape), atol=4)
    np.testing.assert_allclose(images, celeba.arrays("train", SIZE)[0], atol=2)


def test_wrong_arguments_are_refused(little):
    celeba = CelebA(little.path)
    with pytest.raises(ValueError, match="smaller batch_size"):
        training_batches(celeba, SIZE, 1000)
    with pytest.raises(ValueError, match="'attributes' or 'identities'"):
        evaluation_batches(celeba, "train", SIZE, 4, targets="names")
    with pytest.raises(ValueError, match="mixup"):
        training_batches(celeba, SIZE, 2, targets="identities", augmentation=Augmentation(mixup=0.2))
