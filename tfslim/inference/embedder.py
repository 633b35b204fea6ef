"""A model file made ready to embed faces: what size of image it takes, and its embeddings."""

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfslim.data.celeba.people import read_people
from tfslim.data.images import fit_image
from tfslim.data.sources import ImageArchive, ImageFolder
from tfslim.inference.batches import ImageOutputs, image_outputs
from tfslim.inference.model_files import model_file, open_model, shown_shape

if TYPE_CHECKING:
    import keras


def says_embedding(file: Path) -> bool:
    """Whether a `.tflite` file calls an output "embedding" in its signature, as `tfslim.litert.convert` does.

    A model cut at a layer of another name can't be told by this.

    Args:
        file: any file; one with another suffix says nothing.

    Raises:
        ValueError: the file is damaged.

    Example:
        >>> says_embedding(Path("runs/flame/embedding-int8.tflite"))
        True
    """
    if file.suffix != ".tflite":
        return False
    from tfslim.litert import read

    return any("embedding" in signature["outputs"] for signature in read(file).signatures.values())


@dataclasses.dataclass(frozen=True)
class Embedder:
    """A model file that has been opened for its embeddings.

    Attributes:
        path: the file.
        size: (height, width) of the images it takes, in pixels.
        crop: (height, width) in pixels of the middle part of each photo that it was trained on, by the `people.json`
            beside it; None for the whole.
        length: number of elements of an embedding.
        embed: (N, height, width, 3) uint8 pixels -> (N, length) float32 embeddings, not scaled.
    """

    path: Path
    size: tuple[int, int]
    crop: tuple[int, int] | None
    length: int
    embed: Callable[[np.ndarray], np.ndarray]

    def fit(self, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Gives the pixels of an RGB photo as the model was trained on them: cropped, then resized to `size`."""
        return fit_image(image, size, self.crop)


def load_embedder(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Embedder:
    """Opens a model file for its embeddings.

    A `.keras` file is loaded in Keras' safe mode and cut at its embedding by `tfslim.identity.embedding_model`. A
    `.tflite` file is loaded without Keras; its output is taken for the embedding, so convert the cut model.

    Args:
        path: a run folder (its `model.keras`), a `.keras` or a `.tflite` file.
        batch_size: images a `.keras` model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no model, is damaged, takes no (height, width, 3) image, or where its embedding is can't
            be told; the `people.json` beside it is damaged; or a `.tflite` file has as many outputs as `people.json`
            has people and does not call them "embedding", so that it may be the classifier.

    Example:
        >>> embedder = load_embedder("runs/flame")
        >>> embedder.embed(np.zeros((1, *embedder.size, 3), "uint8")).shape
        (1, 128)
    """
    people = read_people(model_file(path))  # before the model, which takes longer
    opened = open_model(path, batch_size, threads, cut)
    file, output_shape = opened.file, opened.output_shape
    if len(output_shape) != 1:
        raise ValueError(
            f"{file}: gives outputs of shape {shown_shape(output_shape)}; expected one embedding (length,)"
        )
    many = file.suffix == ".tflite" and people and output_shape[0] == len(people.identities)
    if many and not says_embedding(file):
        raise ValueError(
            f"{file}: its {output_shape[0]} outputs are as many as the people of people.json, and the file does not "
            "call them 'embedding', so it is taken for a classifier: convert the model cut at its embedding "
            "(tfslim.identity.embedding_model) by tfslim.litert.convert, with its last layer named 'embedding'"
        )
    return Embedder(file, opened.size, people.crop if people else None, output_shape[0], opened.outputs)


def embed_files(
    embedder: Embedder,
    source: ImageFolder | ImageArchive,
    files: Sequence[str],
    batch_size: int = 64,
    on_error: str = "raise",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> ImageOutputs:
    """Embeds image files, each once however many pairs it is in, framed as the model was trained.

    Args:
        embedder: the model.
        source: where the bytes come from, as `CelebA.source` or `PeopleFolder`.
        files: names of the images, such as `Pairs.files()`.
        batch_size: images given to the model at once.
        on_error: "raise" stops at an image that can't be decoded, "skip" leaves it out and notes it.
        progress: called with the images done and their total, after each batch.

    Raises:
        ImageError: an image can't be decoded and on_error is "raise", or none can.

    Example:
        >>> embedded = embed_files(load_embedder("runs/flame"), celeba.source, celeba.part("test").files)
        >>> embedded.values.shape
        (899, 128)
    """
    return image_outputs(embedder.embed, embedder.size, source, files, embedder.fit, batch_size, on_error, progress)


def cut(model: "keras.Model") -> "keras.Model":
    """Cuts a model at its embedding, as `tfslim.identity.embedding_model`, which loads Keras."""
    from tfslim.models.identity import embedding_model

    return embedding_model(model)
