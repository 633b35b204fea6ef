"""A tiny model that names people at random, and drawn faces read without the library's help."""

import keras
import numpy as np
from PIL import Image

from tests.tiny_model import SIZE
from tfslim.models.identity import embedding_model

KNOWN, HELD_OUT, CROP = (2, 4, 5, 6, 1), (3, 7), (44, 36)
PEOPLE = 7


def identity_model(activation: str | None = None) -> keras.Model:
    """A model of 40x32 pixels that answers at random: an embedding of six numbers, and five people upon it."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(x))
    x = keras.layers.Dense(6, activation, name="embedding")(x)
    return keras.Model(inputs, keras.layers.Dense(len(KNOWN), name="logits")(x), name="tiny")


def labelled(folder) -> list[tuple[str, int, int]]:
    """(file, person, part) of every image, from the label files' text alone."""
    person = dict(line.split() for line in (folder / "identity_CelebA.txt").read_text().splitlines())
    part = dict(line.split() for line in (folder / "list_eval_partition.txt").read_text().splitlines())
    return [(file, int(person[file]), int(part[file])) for file in sorted(person)]


def pixels(folder, files, crop=CROP) -> np.ndarray:
    shown = []
    for file in files:
        with Image.open(folder / "img_align_celeba" / file) as image:
            if crop:
                top, left = (image.height - crop[0]) // 2, (image.width - crop[1]) // 2
                image = image.crop((left, top, left + crop[1], top + crop[0]))
            shown.append(np.asarray(image.resize(SIZE[::-1], Image.Resampling.BILINEAR)))
    return np.stack(shown)


def unit_embeddings(folder, files, crop=CROP) -> dict[str, np.ndarray]:
    embeddings = embedding_model(identity_model()).predict(pixels(folder, files, crop), verbose=0).astype("float64")
    return dict(zip(files, embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True), strict=True))
