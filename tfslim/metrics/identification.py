"""Metrics of identity classifiers, beside the majority baseline."""

import csv
import dataclasses
import os

import numpy as np

from tfslim._support.files import replacing

__all__ = ["IdentityTable", "identity_table"]

FIGURES = ("top_1", "top_5", "balanced_accuracy", "majority")


@dataclasses.dataclass(frozen=True)
class IdentityTable:
    """Identification metrics, over all images and per person, in 0..1.

    Attributes:
        images: number of images.
        top_1: fraction of images whose person has the highest logit. Of equal logits the first output ranks higher, as
            in argmax.
        top_5: fraction of images whose person is among the five highest logits.
        balanced_accuracy: mean top-1 accuracy over the people who have an image.
        majority: accuracy of always predicting the person with the most images.
        people: (K,) output index of each person who has an image, increasing.
        images_each: (K,) number of images per person.
        top_1_each: (K,) top-1 accuracy per person.
        top_5_each: (K,) top-5 accuracy per person.
    """

    images: int
    top_1: float
    top_5: float
    balanced_accuracy: float
    majority: float
    people: np.ndarray
    images_each: np.ndarray
    top_1_each: np.ndarray
    top_5_each: np.ndarray

    def to_dict(self) -> dict:
        """Convert the overall metrics to a dictionary for JSON."""
        counts = {"images": self.images, "people": len(self.people)}
        return counts | {name: getattr(self, name) for name in FIGURES}

    def to_csv(self, path: str | os.PathLike, names: tuple[int, ...] | None = None) -> None:
        """Write one row per person as CSV, atomically.

        Args:
            path: the file to write.
            names: name of the person of each output, such as `People.identities`; None writes output indices.
        """
        columns = zip(self.people, self.images_each, self.top_1_each, self.top_5_each, strict=True)
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["person", "images", "top_1", "top_5"])
            for person, images, top_1, top_5 in columns:
                name = names[person] if names is not None else person
                writer.writerow([name, images, float(top_1), float(top_5)])


def identity_table(labels: np.ndarray, logits: np.ndarray) -> IdentityTable:
    """Compute top-1, top-5 and balanced accuracy.

    Args:
        labels: (N,) int, output index of each image's person.
        logits: (N, C) floats.

    Returns:
        An `IdentityTable`.

    Raises:
        ValueError: if shapes don't match, there are no images, a label is not an output index, or a logit is not
            finite.

    Example:
        >>> table = identity_table(np.array([0, 1, 1]), np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]))
        >>> table.top_1, table.balanced_accuracy
        (0.6666666666666666, 0.75)
    """
    labels, logits = np.asarray(labels), np.asarray(logits)
    if labels.ndim != 1 or logits.ndim != 2 or len(labels) != len(logits):
        raise ValueError(f"labels {labels.shape} and logits {logits.shape} must be (images,) and (images, people)")
    if not len(labels):
        raise ValueError("labels and logits have no rows; expected at least one image")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(
            f"labels are {labels.min()} to {labels.max()}, expected output indices 0 to {logits.shape[1] - 1}"
        )
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise ValueError(f"the logits of row {row} hold NaN or infinity; expected finite numbers")
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1]) < labels[:, None]
    rank = (logits > own).sum(axis=1) + ((logits == own) & earlier).sum(axis=1)
    people, index, counts = np.unique(labels, return_inverse=True, return_counts=True)
    top_1 = np.bincount(index, rank < 1) / counts
    return IdentityTable(
        images=len(labels),
        top_1=float((rank < 1).mean()),
        top_5=float((rank < 5).mean()),
        balanced_accuracy=float(top_1.mean()),
        majority=float(counts.max() / len(labels)),
        people=people,
        images_each=counts,
        top_1_each=top_1,
        top_5_each=np.bincount(index, rank < 5) / counts,
    )
