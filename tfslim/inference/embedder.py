"""A model file opened for its embeddings of faces."""

import dataclasses
import os
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from tfslim.data.celeba.people import People, read_people
from tfslim.data.images import fit_image
from tfslim.data.sources import ImageArchive, ImageFolder
from tfslim.inference.batches import ImageOutputs, image_outputs
from tfslim.inference.model_files import OpenedModel, format_shape, model_file, open_model

if TYPE_CHECKING:
    import keras

__all__ = ["Embedder", "embed_files", "load_embedder"]

_CLASSIFIERS = {"attributes": "a logit per attribute", "identities": "a logit per person"}


@dataclasses.dataclass(frozen=True)
class Embedder:
    """A model file that is ready to embed faces.

    Attributes:
        path: the file.
        size: (height, width) of the images it takes, in pixels.
        crop: (height, width) in pixels of the middle part of each photo that it was trained on; None for the whole.
        length: number of elements of an embedding.
        embed: (N, height, width, 3) uint8 pixels -> (N, length) float32 embeddings, not scaled.
    """

    path: Path
    size: tuple[int, int]
    crop: tuple[int, int] | None
    length: int
    embed: Callable[[np.ndarray], np.ndarray]

    def fit(self, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Return a photo's pixels as the model takes them.

        The RGB photo is cropped as in training and resized to `size`.
        """
        return fit_image(image, size, self.crop)


def load_embedder(
    path: str | os.PathLike,
    batch_size: int = 64,
    threads: int | None = None,
    crop: tuple[int, int] | Literal["auto"] | None = "auto",
) -> Embedder:
    """Open a model file for its embeddings.

    A `.keras` file is loaded in Keras' safe mode and cut at its embedding by `tfslim.identity.embedding_model`. A
    `.tflite` file is run without Keras; its output is taken for the embedding, so convert the cut model.

    Args:
        path: a run folder (its `model.keras`), a `.keras`, `.tfslim` or `.tflite` file.
        batch_size: images a Keras model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.
        crop: (height, width) in pixels of the middle part of each photo to embed, None for the whole photo. "auto" is
            as in training: by the `people.json` beside the file, else by its metadata, else the whole photo with a
            warning.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a model, is damaged, does not take (height, width, 3) images, or has no embedding
            that can be told by name or place; the `people.json` beside it is damaged; or a `.tflite` file is a
            classifier, by its metadata or because it has as many outputs as `people.json` has people and does not
            call them "embedding".

    Example:
        >>> embedder = load_embedder("runs/flame")
        >>> embedder.embed(np.zeros((1, *embedder.size, 3), "uint8")).shape
        (1, 128)
    """
    people = read_people(model_file(path))  # before the model, which takes longer
    opened = open_model(path, batch_size, threads, cut_at_embedding)
    file, output_shape, metadata = opened.file, opened.output_shape, opened.metadata
    if len(output_shape) != 1:
        raise ValueError(
            f"{file}: its outputs have shape {format_shape(output_shape)}; expected one embedding (length,)"
        )
    if metadata and metadata.task in _CLASSIFIERS:
        raise ValueError(
            f"{file}: its outputs are {_CLASSIFIERS[metadata.task]}, by its metadata; expected an embedding: export it "
            "with --outputs embedding"
        )
    many = file.suffix == ".tflite" and people and output_shape[0] == len(people.identities)
    if many and not outputs_embedding(opened):
        raise ValueError(
            f"{file}: its {output_shape[0]} outputs are as many as the people of people.json, and the file does not "
            "call them 'embedding', so it is taken for a classifier: convert the model cut at its embedding "
            "(tfslim.identity.embedding_model) by tfslim.litert.convert, with its last layer named 'embedding'"
        )
    crop = _training_crop(opened, people) if crop == "auto" else crop
    if crop is not None and (len(crop) != 2 or min(crop) < 1):
        raise ValueError(f"crop must be a height and a width in pixels, None or 'auto', got {crop!r}")
    assert output_shape[0] is not None  # as for every layer that an embedding can come from
    return Embedder(file, opened.size, crop, output_shape[0], opened.outputs)


def _training_crop(opened: OpenedModel, people: People | None) -> tuple[int, int] | None:
    """Return the crop with which the model was trained.

    It is stated beside the file or in the file's metadata.
    """
    if people:
        return people.crop
    if opened.metadata and opened.metadata.task:
        return opened.metadata.crop
    if (opened.file.parent / "labels.json").is_file():  # models of attributes are trained on whole photos
        return None
    height, width = opened.size
    where = "people.json beside it" + (" or crop in its metadata" if opened.file.suffix == ".tflite" else "")
    warnings.warn(
        f"{opened.file}: no {where} says how photos were cropped in training; whole photos are resized to "
        f"{height}x{width} (put people.json beside it, or pass crop=(height, width) or crop=None)",
        stacklevel=3,
    )
    return None


def outputs_embedding(opened: OpenedModel) -> bool:
    """Return whether a `.tflite` file outputs an embedding.

    Its metadata tells, or else an output called "embedding" in a signature, as `tfslim.litert.convert` writes it. A
    model cut at a layer of another name can't be told by this.
    """
    if opened.metadata and opened.metadata.task:
        return opened.metadata.task == "embeddings"
    return "embedding" in opened.output_names


def embed_files(
    embedder: Embedder,
    source: ImageFolder | ImageArchive,
    files: Sequence[str],
    batch_size: int = 64,
    on_error: str = "raise",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImageOutputs:
    """Embed image files, cropped as in training.

    Args:
        embedder: the model.
        source: where the bytes come from, such as `CelebA.source` or a `PeopleFolder`.
        files: names of the images, such as `Pairs.files()`.
        batch_size: images passed to the model at once.
        on_error: "raise" stops at an image that can't be decoded, "skip" leaves it out and notes it.
        progress: called with the images done and their total, after each batch.

    Returns:
        The embedding of each image, in the order of `files`.

    Raises:
        ImageError: an image can't be decoded and on_error is "raise", or none can.

    Example:
        >>> embedded = embed_files(load_embedder("runs/flame"), celeba.source, celeba.part("test").files)
        >>> embedded.values.shape
        (899, 128)
    """
    return image_outputs(embedder.embed, embedder.size, source, files, embedder.fit, batch_size, on_error, progress)


def cut_at_embedding(model: "keras.Model") -> "keras.Model":
    """Cut a model at its embedding.

    `tfslim.identity.embedding_model` does it, which loads Keras.
    """
    from tfslim.models.identity import embedding_model

    return embedding_model(model)
