"""Embedders against plain numpy, and image files embedded once each."""

import collections

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from tests.tiny_model import SIZE
from tfslim.data.celeba.people import People, write_people
from tfslim.data.images import ImageError
from tfslim.data.verification.people_folder import PeopleFolder
from tfslim.inference.embedder import embed_files, load_embedder
from tfslim.inference.identifier import load_identifier
from tfslim.models.identity import embedding_model

LENGTH, PEOPLE = 6, 4


def classifier(embedding: str = "embedding") -> keras.Model:
    """A model of 40x32 pixels whose embedding numpy can work out, and a classifier of four people upon it."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(x))
    x = keras.layers.Dense(LENGTH, name=embedding)(x)
    return keras.Model(inputs, keras.layers.Dense(PEOPLE, name="logits")(keras.layers.ReLU()(x)), name="tiny")


def reference(model: keras.Model, images: np.ndarray, embedding: str = "embedding") -> np.ndarray:
    kernel, bias = model.get_layer(embedding).get_weights()
    scaled = images.astype("float64") / 127.5 - 1
    pooled = scaled.reshape(len(images), SIZE[0] // 8, 8, SIZE[1] // 8, 8, 3).mean(axis=(2, 4))
    return pooled.reshape(len(images), kernel.shape[0]) @ kernel + bias


@pytest.fixture(scope="module")
def model():
    return classifier()


@pytest.fixture(scope="module")
def folder(model, tmp_path_factory):
    """A run folder with a model.keras, its people.json and the embedding as embedding.tflite."""
    folder = tmp_path_factory.mktemp("run")
    model.save(folder / "model.keras")
    write_people(folder, People((7, 9, 11, 20), held_out=(30, 31), crop=(60, 50)))
    for name, converted in (("embedding.tflite", embedding_model(model)), ("classifier.tflite", model)):
        (folder / name).write_bytes(tf.lite.TFLiteConverter.from_keras_model(converted).convert())
    return folder


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_embeddings_are_those_of_the_layer_whatever_the_batches(folder, model, count):
    embedder = load_embedder(folder, batch_size=3)
    embeddings = embedder.embed(images(count))
    assert (embeddings.shape, embeddings.dtype) == ((count, LENGTH), np.float32)
    np.testing.assert_allclose(embeddings, reference(model, images(count)), atol=1e-5)
    assert (embedder.path, embedder.size, embedder.crop) == (folder / "model.keras", SIZE, (60, 50))
    assert embedder.length == LENGTH


def test_a_tflite_file_gives_the_same(folder, model):
    embedder = load_embedder(folder / "embedding.tflite")
    np.testing.assert_allclose(embedder.embed(images(3)), reference(model, images(3)), atol=1e-4)
    assert (embedder.size, embedder.crop, embedder.length) == (SIZE, (60, 50), LENGTH)


def test_without_a_layer_of_that_name_it_is_what_the_classifier_takes(tmp_path):
    model = classifier(embedding="features")
    model.save(tmp_path / "own.keras")
    with pytest.warns(UserWarning, match=r"own\.keras: no people\.json beside it says how photos were cropped"):
        embedder = load_embedder(tmp_path / "own.keras")
    expected = np.maximum(reference(model, images(4), "features"), 0)
    np.testing.assert_allclose(embedder.embed(images(4)), expected, atol=1e-5)
    assert embedder.crop is None


def test_a_photo_is_framed_as_in_training(folder):
    photo = np.random.default_rng(1).integers(0, 256, (100, 80, 3), dtype=np.uint8)
    middle = Image.fromarray(photo[20:80, 15:65])
    expected = np.asarray(middle.resize(SIZE[::-1], Image.Resampling.BILINEAR))
    embedder = load_embedder(folder / "embedding.tflite")
    np.testing.assert_array_equal(embedder.fit(Image.fromarray(photo), SIZE), expected)


class CountingFolder(PeopleFolder):
    def __init__(self, folder):
        super().__init__(folder)
        self.reads = collections.Counter()

    def read(self, name):
        self.reads[name] += 1
        return super().read(name)


@pytest.fixture
def photos(tmp_path):
    """Eleven photos of one person, in a folder of people that counts how often each is read."""
    (tmp_path / "faces" / "Ann").mkdir(parents=True)
    for number in range(11):
        pixels = np.random.default_rng(number).integers(0, 256, (70 + number, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "faces" / "Ann" / f"{number:02d}.png")
    return CountingFolder(tmp_path / "faces")


def test_files_are_embedded_once_each_in_order(folder, model, photos):
    embedder = load_embedder(folder)
    files = sorted(photos.names(), reverse=True)
    moves = []
    embedded = embed_files(
        embedder, photos, files, batch_size=4, progress=lambda done, total: moves.append((done, total))
    )
    assert embedded.files.tolist() == files
    assert set(photos.reads.values()) == {1}
    assert moves == [(4, 11), (8, 11), (11, 11)]
    pixels = [embedder.fit(Image.open(photos.path / file), SIZE) for file in files]
    np.testing.assert_allclose(embedded.values, reference(model, np.stack(pixels)), atol=1e-5)
    assert embedded.skipped == {}


def test_photos_that_cannot_be_decoded_stop_it_or_are_left_out(folder, photos):
    embedder = load_embedder(folder)
    whole = embed_files(embedder, photos, sorted(photos.names()))
    (photos.path / "Ann" / "03.png").write_bytes(b"no image")
    with pytest.raises(ImageError, match="Ann/03.png"):
        embed_files(embedder, photos, sorted(photos.names()))
    left = embed_files(embedder, photos, [*sorted(photos.names()), "Ann/none.png"], batch_size=4, on_error="skip")
    assert list(left.skipped) == ["Ann/03.png", "Ann/none.png"]
    assert "not a JPEG, PNG" in left.skipped["Ann/03.png"]
    kept = [row for row in range(11) if row != 3]
    assert left.files.tolist() == whole.files[kept].tolist()
    np.testing.assert_allclose(left.values, whole.values[kept], atol=1e-6)
    with pytest.raises(ImageError, match="none of 1 images"):
        embed_files(embedder, photos, ["Ann/03.png"], on_error="skip")


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"batch_size": 0}, "batch_size must be 1 or more, found 0"), ({"on_error": "stop"}, "found 'stop'")],
)
def test_arguments_out_of_range_are_said(folder, photos, settings, message):
    with pytest.raises(ValueError, match=message):
        embed_files(load_embedder(folder / "embedding.tflite"), photos, ["Ann/03.png"], **settings)


def test_a_tflite_classifier_is_not_taken_for_an_embedding(folder):
    with pytest.raises(ValueError, match=r"classifier.tflite: its 4 outputs are as many as the people of people.json"):
        load_embedder(folder / "classifier.tflite")


def test_an_embedding_as_long_as_there_are_people_is_told_by_its_name(model, tmp_path):
    write_people(tmp_path, People(tuple(range(LENGTH))))
    cut = embedding_model(model)
    named = keras.Model(cut.input, {"embedding": cut.output})
    file = tmp_path / "named.tflite"
    file.write_bytes(tf.lite.TFLiteConverter.from_keras_model(named).convert())
    np.testing.assert_allclose(load_embedder(file).embed(images(2)), reference(model, images(2)), atol=1e-4)
    with pytest.raises(ValueError, match=r"named.tflite: calls its outputs 'embedding'"):
        load_identifier(file)


def _saved(path, inputs, outputs):
    keras.Model(inputs, outputs).save(path)
    return path


def test_models_that_give_no_embedding_are_said(folder, tmp_path):
    inputs = keras.Input((16, 16, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    with pytest.raises(ValueError, match=r"a\.keras: .* has no layer named 'embedding'"):
        load_embedder(_saved(tmp_path / "a.keras", inputs, pooled))
    maps = keras.layers.Conv2D(2, 3, name="embedding")(inputs)
    with pytest.raises(ValueError, match=r"b\.keras: its outputs have shape \(14, 14, 2\); expected one embedding"):
        load_embedder(_saved(tmp_path / "b.keras", inputs, maps))
    open_inputs = keras.Input((None, None, 3))
    dense = keras.layers.Dense(3, name="embedding")(keras.layers.GlobalAveragePooling2D()(open_inputs))
    with pytest.raises(ValueError, match=r"c\.keras: takes inputs of shape \(any, any, 3\)"):
        load_embedder(_saved(tmp_path / "c.keras", open_inputs, dense))
    with pytest.raises(ValueError, match="batch_size must be 1 or more, found 0"):
        load_embedder(folder, batch_size=0)
    with pytest.raises(FileNotFoundError, match="none.keras: no such file"):
        load_embedder(folder / "none.keras")
    (tmp_path / "people.json").write_text("{")
    with pytest.raises(ValueError, match="people.json: damaged"):
        load_embedder(tmp_path / "a.keras")


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_file_cut_short_is_said(folder, tmp_path, kept):
    (tmp_path / "cut.keras").write_bytes((folder / "model.keras").read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cut\.keras: not a \.keras file, or one cut short"):
        load_embedder(tmp_path / "cut.keras")
