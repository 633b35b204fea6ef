"""A model's answers to a whole part of CelebA, image by image, beside the labels."""

import dataclasses
from collections.abc import Callable

import numpy as np

from tfslim.data.celeba import CelebA
from tfslim.data.names import attribute_columns
from tfslim.image_outputs import image_outputs
from tfslim.predictor import Predictor


@dataclasses.dataclass(frozen=True)
class Answers:
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


def answer_part(
    predictor: Predictor,
    celeba: CelebA,
    part: str,
    batch_size: int = 64,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Answers:
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
        >>> answers = answer_part(load_predictor("runs/slimnet"), CelebA("celeba"), "test")
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
    return Answers(predictor.labels.attributes, answers.values, labels, dict(celeba.skipped))
