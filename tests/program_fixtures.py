"""Drawn faces and tiny models that answer at random, for the programs to work on."""

import shutil

import pytest
import tensorflow as tf

from tests.identity_faces import CROP, HELD_OUT, KNOWN, PEOPLE, identity_model, labelled
from tests.tiny_model import NAMES, tiny_model
from tfslim.data.celeba.attributes import write_labels
from tfslim.data.celeba.people import People, write_people
from tfslim.data.drawn_faces.dataset import draw_faces
from tfslim.models.identity import embedding_model

__all__ = [
    "faces",
    "identity_run",
    "lfw",
    "model",
    "own_faces",
    "people_faces",
    "people_run",
    "run_folder",
    "trained",
]


@pytest.fixture(scope="session")
def faces(tmp_path_factory):
    """64 drawn faces of 48x40 pixels, so that they have to be resized; about 48 train, 8 validation, 8 test."""
    return draw_faces(tmp_path_factory.mktemp("data") / "faces", count=64, size=(48, 40))


@pytest.fixture
def own_faces(faces, tmp_path):
    """A copy of the faces, to be damaged."""
    return shutil.copytree(faces, tmp_path / "faces")


@pytest.fixture(scope="session")
def model():
    return tiny_model()


@pytest.fixture(scope="session")
def trained(model, tmp_path_factory):
    """A run folder with model.keras, labels.json and tiny.tflite of the same weights."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    model.save(folder / "model.keras")
    (folder / "tiny.tflite").write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    write_labels(folder, NAMES)
    return folder


@pytest.fixture
def run_folder(trained, tmp_path):
    """A copy of the run folder, to be written to."""
    return shutil.copytree(trained, tmp_path / "runs" / "tiny")


@pytest.fixture(scope="session")
def people_faces(tmp_path_factory):
    """84 drawn faces of 48x40 pixels, of seven people."""
    return draw_faces(tmp_path_factory.mktemp("data") / "faces", count=84, identities=PEOPLE, size=(48, 40))


@pytest.fixture(scope="session")
def identity_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    model = identity_model()
    model.save(folder / "model.keras")
    for name, converted in (("classifier.tflite", model), ("embedding.tflite", embedding_model(model))):
        (folder / name).write_bytes(tf.lite.TFLiteConverter.from_keras_model(converted).convert())
    write_people(folder, People(KNOWN, HELD_OUT, CROP))
    return folder


@pytest.fixture
def people_run(identity_run, tmp_path):
    """A copy of the run folder, to be written to."""
    return shutil.copytree(identity_run, tmp_path / "runs" / "tiny")


@pytest.fixture
def lfw(people_faces, tmp_path):
    """The faces of two people as LFW lays them out, and a list of pairs of two folds."""
    for person, name in ((1, "Ann_Lee"), (2, "Bo")):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        files = [file for file, who, _ in labelled(people_faces) if who == person]
        for number, file in enumerate(files, start=1):
            shutil.copy(people_faces / "img_align_celeba" / file, tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg")
    (tmp_path / "pairs.txt").write_text(
        "2\t2\nAnn_Lee\t1\t2\nBo\t1\t2\nAnn_Lee\t3\tBo\t3\nBo\t4\tAnn_Lee\t4\n"
        "Ann_Lee\t5\t6\nBo\t5\t6\nAnn_Lee\t7\tBo\t7\nBo\t1\tAnn_Lee\t1\n"
    )
    return tmp_path / "lfw"
