"""An identity classifier's file made ready to answer: whom its outputs mean, and its logits."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from tfslim.data.celeba.people import People, read_people
from tfslim.data.celeba.records import Records
from tfslim.data.images import fit_image
from tfslim.data.sources import ImageArchive, ImageFolder
from tfslim.inference.batches import image_outputs
from tfslim.inference.embedder import says_embedding
from tfslim.inference.model_files import model_file, open_model, shown_shape
from tfslim.metrics.identification import IdentityTable, identity_table


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
        return fit_image(image, size, self.people.crop)


def load_identifier(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Identifier:
    """Opens an identity classifier; a `.keras` file in Keras' safe mode, a `.tflite` file without loading Keras.

    Args:
        path: a run folder (its `model.keras`), a `.keras` or a `.tflite` file, with a `people.json` beside it.
        batch_size: images a `.keras` model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: there is no such file, or no `people.json` beside it.
        ValueError: the file is no model, is damaged, takes no (height, width, 3) image, or its number of outputs does
            not fit its `people.json`, or it is a `.tflite` file that calls its output an embedding.

    Example:
        >>> identifier = load_identifier("runs/flame")
        >>> identifier.people.identities[identifier.logits(photo[None])[0].argmax()]
        2880
    """
    file = model_file(path)
    people = read_people(file)
    if people is None:
        raise FileNotFoundError(f"{file}: there is no people.json beside it to say whom its outputs mean")
    opened = open_model(file, batch_size, threads)
    if opened.output_shape != (len(people.identities),):
        raise ValueError(
            f"{opened.file}: gives outputs of shape {shown_shape(opened.output_shape)}, but people.json names "
            f"{len(people.identities)} people; a model that gives an embedding has no names to give"
        )
    if says_embedding(file):
        raise ValueError(f"{file}: calls its outputs 'embedding', though they are as many as people.json names people")
    return Identifier(opened.file, opened.size, people, opened.outputs)


def identify(
    identifier: Identifier,
    source: ImageFolder | ImageArchive,
    records: Records,
    batch_size: int = 64,
    on_error: str = "raise",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[IdentityTable, dict[str, str]]:
    """Has a classifier name the people of some images, framed as it was trained.

    Args:
        identifier: the classifier.
        source: where the bytes come from, as `CelebA.source`.
        records: images of people it knows (`People.known`), with CelebA's own identity numbers.
        batch_size: images given to the model at once.
        on_error: "raise" stops at an image that can't be decoded, "skip" leaves it out and notes it.
        progress: called with the images done and their total, after each batch.

    Returns:
        How often it was right, and what was left out -> why.

    Raises:
        ImageError: an image can't be decoded and on_error is "raise", or none can.

    Example:
        >>> known = identifier.people.known(celeba.part("test"), "test", identifier.path)
        >>> identify(identifier, celeba.source, known)[0].top_1
        0.394
    """
    answers = image_outputs(
        identifier.logits, identifier.size, source, records.files, identifier.fit, batch_size, on_error, progress
    )
    decoded = records[np.isin(records.files, answers.files)]
    return identity_table(identifier.people.outputs_of(decoded), answers.values), answers.skipped
