"""An identity classifier's file made ready to answer: whom its outputs mean, and its logits."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tfslim.data.crop import middle
from tfslim.data.images import resize
from tfslim.data.people import People, read_people
from tfslim.model_files import check_image_input, keras_outputs, load_keras_file, open_tflite, shown_shape
from tfslim.predictor import model_file


@dataclasses.dataclass(frozen=True)
class Identifier:
    """A classifier of people that has been opened.

    Attributes:
        path: the file.
        size: (height, width) of the images it takes, in pixels.
        people: whom its outputs mean and how it was trained, from the `people.json` beside it.
        logits: (N, height, width, 3) uint8 pixels -> (N, C) float32 logits.
    """

    path: Path
    size: tuple[int, int]
    people: People
    logits: Callable[[np.ndarray], np.ndarray]

    def fit(self, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Gives the pixels of an RGB photo as the model was trained on them: cropped, then resized to `size`."""
        return resize(middle(image, self.people.crop), size)


def load_identifier(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Identifier:
    """Opens an identity classifier; a `.keras` file in Keras' safe mode, a `.tflite` file without loading Keras.

    Args:
        path: a run folder (its `model.keras`), a `.keras` or a `.tflite` file, with a `people.json` beside it.
        batch_size: images a `.keras` model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: there is no such file, or no `people.json` beside it.
        ValueError: the file is no model, is damaged, takes no (height, width, 3) image, or its number of outputs does
            not fit its `people.json`.

    Example:
        >>> identifier = load_identifier("runs/flame")
        >>> identifier.people.identities[identifier.logits(photo[None])[0].argmax()]
        2880
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, found {batch_size}")
    file = model_file(path)
    people = read_people(file)
    if people is None:
        raise FileNotFoundError(f"{file}: there is no people.json beside it to say whom its outputs mean")
    if file.suffix == ".tflite":
        input_shape, output_shape, logits = open_tflite(file, threads)
    else:
        model = load_keras_file(file)
        input_shape, output_shape = model.inputs[0].shape[1:], model.outputs[0].shape[1:]
        logits = keras_outputs(model, batch_size)
    check_image_input(file, input_shape)
    if output_shape != (len(people.identities),):
        raise ValueError(
            f"{file}: gives outputs of shape {shown_shape(output_shape)}, but people.json names "
            f"{len(people.identities)} people; a model that gives an embedding has no names to give"
        )
    return Identifier(file, tuple(input_shape[:2]), people, logits)
