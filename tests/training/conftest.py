"""Drawn faces and a tiny model that answers at random, for the programs to work on."""

import shutil

import pytest
import tensorflow as tf

from tests.tiny_model import NAMES, tiny_model
from tfslim.data.drawn_faces import draw_faces
from tfslim.data.names import write_labels


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
