"""A model file made ready to answer: what size of image it takes, what its outputs are called, and its logits."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfslim.data.celeba.attributes import Labels, attribute_columns, read_labels
from tfslim.data.celeba.dataset import CelebA
from tfslim.inference.batches import image_outputs
from tfslim.inference.model_files import model_file, open_model, shown_shape

if TYPE_CHECKING:
    import keras


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model file that has been opened.

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


def load_predictor(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Predictor:
    """Opens a model file; a `.keras` file in Keras' safe mode, a `.tflite` file without loading Keras or TensorFlow.

    Args:
        path: as for `tfslim.inference.model_files.model_file`.
        batch_size: images a `.keras` model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no model, is damaged, takes no (height, width, 3) image, does not end in logits, or its
            number of outputs does not fit its `labels.json`; or a `people.json` alone beside it says that it is of
            people.

    Example:
        >>> predictor = load_predictor("runs/slimnet")
        >>> predictor.logits(np.zeros((1, *predictor.size, 3), "uint8")).shape
        (1, 40)
    """
    file = model_file(path)
    if (file.parent / "people.json").is_file() and not (file.parent / "labels.json").is_file():
        raise ValueError(
            f"{file}: is of people, by the people.json beside it, and not of attributes: "
            "evaluate.py --task identity or verification is for it"
        )
    opened = open_model(file, batch_size, threads, _ending_in_logits)
    shape = opened.output_shape
    if len(shape) != 1:
        raise ValueError(f"{opened.file}: gives outputs of shape {shown_shape(shape)}; expected one logit an attribute")
    return Predictor(opened.file, opened.size, read_labels(opened.file, outputs=shape[0]), opened.outputs)


def _ending_in_logits(model: "keras.Model") -> "keras.Model":
    from tfslim.graph.outputs import find_output_activation

    found = find_output_activation(model)
    if found:
        raise ValueError(f"its output is a probability ({found}); expected logits")
    return model


@dataclasses.dataclass(frozen=True)
class PartPredictions:
    """What a model said of a part's images, and what the labels say.

    Attributes:
        names: A attribute names, those of the model's outputs.
        logits: (N, A) float32.
        labels: (N, A) uint8 of 0 and 1, the columns in the order of `names`.
        skipped: what was left out -> why.
    """

    names: tuple[str, ...]
    logits: np.ndarray
    labels: np.ndarray
    skipped: dict[str, str]


def check_attributes(celeba: CelebA) -> None:
    """Raises a ValueError if the data has no attributes to compare answers with."""
    if not celeba.attribute_names:
        raise ValueError(f"{celeba.folder}: there are no attributes in this data (no list_attr_celeba.txt or .csv)")


def label_columns(predictor: Predictor, celeba: CelebA) -> list[int]:
    """Finds the data's column of each of the model's outputs.

    Raises:
        ValueError: the data has no attributes, or lacks one that the model answers.
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
    """Runs a model on every image of a part; memory holds some hundred images, whatever the part's size.

    Args:
        predictor: the model.
        celeba: the labelled images; its `on_error` says whether one that can't be decoded stops it or is left out.
        part: "train", "validation" or "test".
        batch_size: images given to the model at once.
        progress: called with the images done and their total, after each batch.

    Raises:
        ValueError: the part is empty, or the data's attributes don't fit the model's outputs.
        ImageError: an image can't be decoded.

    Example:
        >>> answers = predict_part(load_predictor("runs/slimnet"), CelebA("celeba"), "test")
        >>> attribute_table(answers.labels, answers.logits, answers.names).means()["accuracy"]
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
    labels = records.attributes[np.isin(records.files, answers.files)][:, columns]
    return PartPredictions(predictor.labels.attributes, answers.values, labels, dict(celeba.skipped))
