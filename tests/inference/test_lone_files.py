"""A .tflite file without labels.json or people.json beside it: its metadata is used, and what lacks is told."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import foreign_metadata
from tests.identity_faces import CROP, HELD_OUT, KNOWN, identity_model, labelled, pixels
from tests.tiny_model import NAMES, tiny_model
from tfslim.data import draw_faces
from tfslim.data.celeba.attributes import ATTRIBUTES, Labels, write_labels
from tfslim.data.celeba.people import People, write_people
from tfslim.data.sources import ImageFolder
from tfslim.inference import embed_files, load_embedder, load_identifier, load_predictor
from tfslim.litert import Metadata, slim_file, with_metadata
from tfslim.models.identity import embedding_model

THRESHOLDS = (0.0, 0.5, -1.5, 0.0, 2.0)


def tflite(model: keras.Model) -> bytes:
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()


@pytest.fixture(scope="module")
def attributes() -> bytes:
    return tflite(tiny_model())


@pytest.fixture(scope="module")
def embedding() -> bytes:
    return tflite(embedding_model(identity_model()))


def write(path, content: bytes, **metadata):
    path.write_bytes(with_metadata(content, Metadata("tiny", **metadata)))
    return path


def test_labels_and_thresholds_are_those_of_the_metadata(attributes, tmp_path):
    path = write(tmp_path / "a.tflite", attributes, labels=NAMES, task="attributes", thresholds=THRESHOLDS)
    assert load_predictor(path).labels == Labels(NAMES, THRESHOLDS)
    slim_file(path, tmp_path / "slim.tflite")
    assert load_predictor(tmp_path / "slim.tflite").labels == Labels(NAMES, THRESHOLDS)
    plain = write(tmp_path / "b.tflite", attributes, labels=NAMES)
    assert load_predictor(plain).labels == Labels(NAMES, (0.0,) * len(NAMES))


def test_labels_of_another_tool_are_taken(attributes, tmp_path):
    buffer = foreign_metadata.metadata_buffer(["theirs.txt"])
    path = tmp_path / "theirs.tflite"
    path.write_bytes(foreign_metadata.with_buffer(attributes, buffer, {"theirs.txt": "a\nb\nc\nd\ne\n"}))
    assert load_predictor(path).labels == Labels(("a", "b", "c", "d", "e"), (0.0,) * 5)


def test_labels_json_beside_a_file_comes_before_its_metadata(attributes, tmp_path):
    path = write(tmp_path / "a.tflite", attributes, labels=NAMES, task="attributes", thresholds=THRESHOLDS)
    write_labels(tmp_path, NAMES[::-1], [1.0] * 5)
    assert load_predictor(path).labels == Labels(NAMES[::-1], (1.0,) * 5)
    write_labels(tmp_path, NAMES[:3])
    message = r"labels\.json names 3 attributes, but .*a\.tflite has 5 outputs and 5 labels in its metadata: correct"
    with pytest.raises(ValueError, match=message):
        load_predictor(path)


@pytest.mark.parametrize(("text", "message"), [("a\nb\n", "names 2 labels, but the model has 5"), ("a\n" * 5, "'a'")])
def test_labels_that_do_not_fit_the_outputs_are_refused(attributes, tmp_path, text, message):
    path = tmp_path / "theirs.tflite"
    buffer = foreign_metadata.metadata_buffer(["theirs.txt"])
    path.write_bytes(foreign_metadata.with_buffer(attributes, buffer, {"theirs.txt": text}))
    with pytest.raises(ValueError, match=rf"theirs\.tflite: .*{message}.*labels\.json"):
        load_predictor(path)


def test_damaged_metadata_is_told_and_passed_over(attributes, tmp_path):
    path = tmp_path / "odd.tflite"
    path.write_bytes(foreign_metadata.with_buffer(attributes, b"\x04\0\0\0M002" + bytes(8)))
    write_labels(tmp_path, NAMES)
    with pytest.warns(UserWarning, match=r"odd\.tflite: its metadata can't be read: .* The model is run without it"):
        assert load_predictor(path).labels.attributes == NAMES


def test_forty_outputs_without_labels_are_celebas(tmp_path):
    (tmp_path / "a.tflite").write_bytes(tflite(tiny_model(40)))
    assert load_predictor(tmp_path / "a.tflite").labels.attributes == ATTRIBUTES
    theirs = [f"label {number}" for number in range(40)]
    path = write(tmp_path / "b.tflite", (tmp_path / "a.tflite").read_bytes(), labels=theirs)
    assert load_predictor(path).labels.attributes == tuple(theirs)


@pytest.mark.parametrize(("activation", "operator"), [("sigmoid", "LOGISTIC"), ("softmax", "SOFTMAX")])
def test_a_file_that_ends_in_probabilities_is_refused(tmp_path, activation, operator):
    write_labels(tmp_path, NAMES)
    (tmp_path / "p.tflite").write_bytes(tflite(tiny_model(len(NAMES), activation)))
    with pytest.raises(ValueError, match=rf"p\.tflite: its output is a probability \({operator}\); expected logits"):
        load_predictor(tmp_path / "p.tflite")


def test_a_file_of_attributes_is_one_also_beside_people(attributes, tmp_path):
    write_people(tmp_path, People(KNOWN, HELD_OUT, CROP))
    path = write(tmp_path / "a.tflite", attributes, labels=NAMES)
    assert load_predictor(path).labels.attributes == NAMES
    (tmp_path / "b.tflite").write_bytes(attributes)
    with pytest.raises(ValueError, match=r"b\.tflite: is of people, by the people\.json beside it"):
        load_predictor(tmp_path / "b.tflite")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """30 drawn faces of 48x40 pixels, of which the model was shown the middle 44x36."""
    return draw_faces(tmp_path_factory.mktemp("data") / "faces", count=30, identities=3, size=(48, 40))


def embed(path, faces, **settings) -> np.ndarray:
    files = [file for file, _, _ in labelled(faces)]
    return embed_files(load_embedder(path, **settings), ImageFolder(faces / "img_align_celeba"), files).values


def test_embeddings_are_the_same_with_people_json_and_with_metadata_alone(embedding, faces, tmp_path):
    beside, alone, bare = (tmp_path / name for name in ("beside", "alone", "bare"))
    for folder in (beside, alone, bare):
        folder.mkdir()
    write_people(beside, People(KNOWN, HELD_OUT, CROP))
    (beside / "e.tflite").write_bytes(embedding)
    write(alone / "e.tflite", embedding, task="embeddings", crop=CROP)
    (bare / "e.tflite").write_bytes(embedding)
    expected = embed(beside / "e.tflite", faces)
    files = [file for file, _, _ in labelled(faces)]
    reference = embedding_model(identity_model()).predict(pixels(faces, files), verbose=0)
    np.testing.assert_allclose(expected, reference, atol=1e-4)
    np.testing.assert_array_equal(embed(alone / "e.tflite", faces), expected)
    slim_file(alone / "e.tflite", alone / "slim.tflite")
    np.testing.assert_array_equal(embed(alone / "slim.tflite", faces), expected)
    np.testing.assert_array_equal(embed(bare / "e.tflite", faces, crop=CROP), expected)
    message = r"e\.tflite: no people\.json beside it or crop in its metadata .*; whole photos are resized to 40x32"
    with pytest.warns(UserWarning, match=message):
        whole = embed(bare / "e.tflite", faces)
    np.testing.assert_array_equal(whole, embed(bare / "e.tflite", faces, crop=None))
    assert np.abs(whole - expected).max() > 0.01


def test_a_file_trained_on_whole_photos_says_so_without_a_warning(embedding, tmp_path):
    assert load_embedder(write(tmp_path / "e.tflite", embedding, task="embeddings")).crop is None


def test_a_file_beside_the_labels_of_attributes_was_trained_on_whole_photos(embedding, tmp_path):
    (tmp_path / "e.tflite").write_bytes(embedding)
    write_labels(tmp_path, NAMES)
    assert load_embedder(tmp_path / "e.tflite").crop is None


def test_people_json_comes_before_the_metadata(embedding, tmp_path):
    write_people(tmp_path, People(KNOWN, HELD_OUT, (20, 20)))
    assert load_embedder(write(tmp_path / "e.tflite", embedding, task="embeddings", crop=CROP)).crop == (20, 20)


def test_an_embedding_as_long_as_there_are_people_is_told_by_its_metadata(embedding, tmp_path):
    write_people(tmp_path, People(tuple(range(6)), (), CROP))
    path = write(tmp_path / "e.tflite", embedding, task="embeddings", crop=CROP)
    assert load_embedder(path).length == 6
    with pytest.raises(ValueError, match=r"e\.tflite: calls its outputs 'embedding'"):
        load_identifier(path)


@pytest.mark.parametrize("task", ["attributes", "identities"])
def test_a_classifier_is_not_taken_for_an_embedding(attributes, tmp_path, task):
    path = write(tmp_path / "a.tflite", attributes, task=task)
    with pytest.raises(ValueError, match=r"a\.tflite: its outputs are a logit per .*; expected an embedding"):
        load_embedder(path)


@pytest.mark.parametrize("task", ["embeddings", "identities"])
def test_a_file_of_people_is_not_taken_for_attributes(embedding, tmp_path, task):
    path = write(tmp_path / "e.tflite", embedding, task=task)
    with pytest.raises(ValueError, match=rf"e\.tflite: its outputs are {task}, by its metadata, and not attributes"):
        load_predictor(path)


@pytest.mark.parametrize("crop", [(0, 5), (5,), (5, 5, 5)])
def test_a_crop_that_is_not_one_is_refused(embedding, tmp_path, crop):
    (tmp_path / "e.tflite").write_bytes(embedding)
    with pytest.raises(ValueError, match="crop must be a height and a width in pixels, None or 'auto', got"):
        load_embedder(tmp_path / "e.tflite", crop=crop)


def test_the_public_names_are_there():
    import tfslim
    from tfslim.inference import embedder, predictor

    assert tfslim.inference.load_predictor is predictor.load_predictor
    assert tfslim.inference.Embedder is embedder.Embedder
    for name in tfslim.inference.__all__:
        assert callable(getattr(tfslim.inference, name)), name
    assert "inference" in dir(tfslim)
