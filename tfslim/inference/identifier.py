"""A classifier of people opened from its file."""

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
from tfslim.inference.embedder import outputs_embedding
from tfslim.inference.model_files import format_shape, model_file, open_model
from tfslim.metrics.identification import IdentityTable, identity_table

__all__ = ["Identifier", "identify", "load_identifier"]


@dataclasses.dataclass(frozen=True)
class Identifier:
    """A classifier of people that is ready to run.

    Attributes:
        path: the file.
        size: (height, width) of the images it takes, in pixels.
        people: the person of each output and how it was trained, from the `people.json` beside it.
        logits: (N, height, width, 3) uint8 pixels -> (N, C) float32 logits.
    """

    path: Path
    size: tuple[int, int]
    people: People
    logits: Callable[[np.ndarray], np.ndarray]

    def fit(self, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Return a photo's pixels as the model takes them.

        The RGB photo is cropped as in training and resized to `size`.
        """
        return fit_image(image, size, self.people.crop)


def load_identifier(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Identifier:
    """Open a classifier of people.

    A `.keras` file is loaded in Keras' safe mode, a `.tflite` file is run without Keras.

    Args:
        path: a run folder (its `model.keras`), a `.keras`, `.tfslim` or `.tflite` file, with a `people.json` beside
            it.
        batch_size: images a Keras model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: the file does not exist, or has no `people.json` beside it.
        ValueError: the file is not a model, is damaged, does not take (height, width, 3) images, has another number of
            outputs than its `people.json` has people, or is a `.tflite` file that calls its output an embedding.

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
            f"{opened.file}: its outputs have shape {format_shape(opened.output_shape)}, but people.json names "
            f"{len(people.identities)} people; a model that outputs an embedding does not name people"
        )
    if outputs_embedding(opened):
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
    """Compute how often a classifier names the right person.

    Args:
        identifier: the classifier.
        source: where the bytes come from, such as `CelebA.source`.
        records: images of people it knows (`People.known`), with CelebA's own identity numbers.
        batch_size: images passed to the model at once.
        on_error: "raise" stops at an image that can't be decoded, "skip" leaves it out and notes it.
        progress: called with the images done and their total, after each batch.

    Returns:
        How often it was right, and the images left out -> why.

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
