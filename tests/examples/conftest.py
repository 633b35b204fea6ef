"""A small face model as files whose labels lie inside them, and a photo."""

import keras
import numpy as np
import pytest
from PIL import Image

import tfslim.litert
from tests.export_checks import with_statistics

NAMES = ("Smiling", "Wearing_Hat", "Young", *(f"Label_{number}" for number in range(17)))


@pytest.fixture(scope="session")
def photo(tmp_path_factory):
    """A picture of just the size that the model takes, so that nobody has to scale it."""
    rng = np.random.default_rng(5)
    path = tmp_path_factory.mktemp("photo") / "face.png"
    Image.fromarray(rng.integers(0, 256, (40, 32, 3), dtype="uint8")).save(path)
    return path


@pytest.fixture(scope="session")
def wide_photo(photo):
    """A picture twice as wide, of which `photo` is the middle."""
    path = photo.with_name("wide.png")
    wide = Image.new("RGB", (64, 40), "red")
    wide.paste(Image.open(photo), (16, 0))
    wide.save(path)
    return path


@pytest.fixture(scope="session")
def labelled_files(tmp_path_factory):
    """The Keras model, and its int8 file with float32 ends and its int8 file with int8 ends."""
    keras.utils.set_random_seed(5)
    inputs = keras.Input((40, 32, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = keras.layers.Conv2D(8, 3, 2, activation="relu")(x)
    outputs = keras.layers.Dense(len(NAMES), name="logits")(keras.layers.GlobalMaxPooling2D()(x))
    model = with_statistics(keras.Model(inputs, outputs, name="tiny"))
    images = np.random.default_rng(0).integers(0, 256, (24, 40, 32, 3), dtype="uint8")
    folder = tmp_path_factory.mktemp("labelled")
    metadata = tfslim.litert.Metadata("tiny", labels=NAMES)
    for io in ("float32", "int8"):
        tfslim.litert.convert(model, folder / f"{io}.tflite", "int8", representative=images, io=io, metadata=metadata)
    return model, folder / "float32.tflite", folder / "int8.tflite"
