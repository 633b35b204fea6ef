"""Prediction of attributes with a model file.

The file is opened with its image size, label names and thresholds; the outputs are logits.
"""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tfslim.data.celeba.attributes import Labels, attribute_columns, read_labels
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.images import fit_image
from tfslim.inference.batches import image_outputs
from tfslim.inference.model_files import OpenedModel, format_shape, model_file, open_model

if TYPE_CHECKING:
    import keras

__all__ = ["PartPredictions", "Predictor", "load_predictor", "predict_part"]

# task in a file's metadata -> what to do with it
_OTHER_TASKS = {
    "identities": "load_identifier or tfslim evaluate --task identity",
    "embeddings": "load_embedder or tfslim evaluate --task verification",
}


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model file that is ready to predict attributes.

    Attributes:
        path: the file.
        size: (height, width) of the images it takes, in pixels.
        labels: name and threshold (on the logit) of each output.
        logits: (N, height, width, 3) uint8 pixels -> (N, A) float32 logits.
    """

    path: Path
    size: tuple[int, int]
    labels: Labels
    logits: Callable[[np.ndarray], np.ndarray]

    def fit(self, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Return an RGB photo's pixels, resized to `size`."""
        return fit_image(image, size)


def load_predictor(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Predictor:
    """Open a model file to predict attributes.

    A `.keras` file is loaded in Keras' safe mode, a `.tflite` file is run without Keras or TensorFlow. The names and
    thresholds of the outputs are those of the `labels.json` beside the file, else of its metadata (`.tflite`; also
    files of other tools that have a label file in it), else 40 outputs are CelebA's 40 attributes.

    Args:
        path: a `.keras`, `.tflite` or `.tfslim` file, or a run folder, which stands for its `model.keras`.
        batch_size: images a Keras model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a model, is damaged, does not take (height, width, 3) images, does not end in
            logits, or has another number of outputs than labels; or it is of people, by its metadata or by a
            `people.json` alone beside it.

    Example:
        >>> predictor = load_predictor("runs/slimnet")
        >>> predictor.logits(np.zeros((1, *predictor.size, 3), "uint8")).shape
        (1, 40)
    """
    file = model_file(path)
    if file.suffix != ".tflite":  # whose metadata may name its labels
        _check_people(file)
    opened = open_model(file, batch_size, threads, _check_logits)
    metadata, shape = opened.metadata, opened.output_shape
    if metadata and metadata.task in _OTHER_TASKS:
        raise ValueError(
            f"{file}: its outputs are {metadata.task}, by its metadata, and not attributes: use "
            f"{_OTHER_TASKS[metadata.task]}"
        )
    if file.suffix == ".tflite" and not (metadata and metadata.labels):
        _check_people(file)
    if len(shape) != 1 or shape[0] is None:
        raise ValueError(f"{file}: its outputs have shape {format_shape(shape)}; expected one logit per attribute")
    if opened.output_activation:
        raise ValueError(f"{file}: its output is a probability ({opened.output_activation}); expected logits")
    return Predictor(file, opened.size, _labels(opened, shape[0]), opened.outputs)


def _check_people(file: Path) -> None:
    """Raise a ValueError if the model identifies people.

    The files beside the model say so.
    """
    if (file.parent / "people.json").is_file() and not (file.parent / "labels.json").is_file():
        raise ValueError(
            f"{file}: is of people, by the people.json beside it, and not of attributes: use load_identifier or "
            "load_embedder, or tfslim evaluate --task identity or verification"
        )


def _check_logits(model: "keras.Model") -> "keras.Model":
    from tfslim.graph.outputs import find_output_activation

    found = find_output_activation(model)
    if found:
        raise ValueError(f"its output is a probability ({found}); expected logits")
    return model


def _labels(opened: OpenedModel, outputs: int) -> Labels:
    """Return the labels of the model's outputs.

    They are those of labels.json beside the file, else of its metadata, else CelebA's.
    """
    beside, metadata = opened.file.parent / "labels.json", opened.metadata
    if not (metadata and metadata.labels):
        return read_labels(opened.file, outputs)
    if beside.is_file():
        labels = read_labels(opened.file)
        if len(labels.attributes) != outputs:
            raise ValueError(
                f"{beside} names {len(labels.attributes)} attributes, but {opened.file} has {outputs} outputs and "
                f"{len(metadata.labels)} labels in its metadata: correct labels.json, or move it away to use the "
                "metadata"
            )
        return labels
    if len(metadata.labels) != outputs:
        raise ValueError(
            f"{opened.file}: its metadata names {len(metadata.labels)} labels, but the model has {outputs} outputs: "
            f"put a labels.json beside it with {outputs} names, {beside}"
        )
    if len(set(metadata.labels)) < outputs:
        twice = next(name for name in metadata.labels if list(metadata.labels).count(name) > 1)
        raise ValueError(f"{opened.file}: label {twice!r} is in its metadata twice: put a labels.json beside it")
    return Labels(tuple(metadata.labels), tuple(metadata.thresholds) or (0.0,) * outputs)


@dataclasses.dataclass(frozen=True)
class PartPredictions:
    """Logits of a part's images, with their labels.

    Attributes:
        names: A attribute names, those of the model's outputs.
        logits: (N, A) float32.
        labels: (N, A) uint8 of 0 and 1, the columns in the order of `names`.
        skipped: images and label rows left out -> why.
    """

    names: tuple[str, ...]
    logits: np.ndarray
    labels: np.ndarray
    skipped: dict[str, str]


def check_attributes(celeba: CelebA) -> None:
    """Raise a ValueError if the data lacks attributes."""
    if not celeba.attribute_names:
        raise ValueError(f"{celeba.folder}: there are no attributes in this data (no list_attr_celeba.txt or .csv)")


def label_columns(predictor: Predictor, celeba: CelebA) -> list[int]:
    """Return the data's column for each of the model's outputs.

    Raises:
        ValueError: the data has no attributes, or lacks one that the model predicts.
    """
    check_attributes(celeba)
    try:
        return attribute_columns(predictor.labels.attributes, celeba.attribute_names)
    except ValueError as error:
        raise ValueError(
            f"{predictor.path}: its outputs don't fit the attributes of {celeba.folder}: {error}"
        ) from error


def predict_part(
    predictor: Predictor,
    celeba: CelebA,
    part: str,
    batch_size: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> PartPredictions:
    """Predict the attributes of every image of a part.

    Some hundred images are in memory at a time, whatever the part's size.

    Args:
        predictor: the model.
        celeba: the labelled images; its `on_error` decides whether one that can't be decoded raises or is left out.
        part: "train", "validation" or "test".
        batch_size: images passed to the model at once.
        progress: called with the images done and their total, after each batch.

    Returns:
        Logits and labels, row by row, of the images that could be decoded.

    Raises:
        ValueError: the part is empty, or the data's attributes don't fit the model's outputs.
        ImageError: an image can't be decoded.

    Example:
        >>> predictions = predict_part(load_predictor("runs/slimnet"), CelebA("celeba"), "test")
        >>> attribute_table(predictions.labels, predictions.logits, predictions.names).means()["accuracy"]
        0.884
    """
    columns = label_columns(predictor, celeba)
    records = celeba.part(part)
    answers = image_outputs(
        predictor.logits,
        predictor.size,
        celeba.source,
        records.files,
        celeba.fit,
        batch_size,
        celeba.on_error,
        progress,
    )
    for file, why in answers.skipped.items():
        celeba.skip(file, why)
    assert records.attributes is not None  # as `label_columns` has seen to
    labels = records.attributes[np.isin(records.files, answers.files)][:, columns]
    return PartPredictions(predictor.labels.attributes, answers.values, labels, dict(celeba.skipped))
