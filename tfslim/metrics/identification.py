"""How well a classifier names people: top-1, top-5 and balanced accuracy, beside what guessing would give."""

import csv
import dataclasses
import os

import numpy as np

from tfslim._support.files import replacing

FIGURES = ("top_1", "top_5", "balanced_accuracy", "majority")


@dataclasses.dataclass(frozen=True)
class IdentityTable:
    """Figures over all images and person by person; shares are in 0..1.

    Attributes:
        images: number of images.
        top_1: share of the images whose own person has the highest logit. Of equal logits the first output's counts as
            the highest, as for argmax.
        top_5: share of those whose person is among the five highest.
        balanced_accuracy: mean over the people who have an image of their shares of right answers.
        majority: share of the images of the person who has most: the accuracy of always naming that one.
        people: (K,) the output of each person who has an image, rising.
        images_each: (K,) number of images of each.
        top_1_each: (K,) share of each one's images answered rightly.
        top_5_each: (K,) share of each one's images with the person among the five highest.
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
        """The figures over all images, for JSON."""
        counts = {"images": self.images, "people": len(self.people)}
        return counts | {name: getattr(self, name) for name in FIGURES}

    def to_csv(self, path: str | os.PathLike, names: tuple[int, ...] | None = None) -> None:
        """Writes one line a person; the file is written beside and then renamed.

        Args:
            path: the file.
            names: what to call the person of each output, such as `People.identities`; None writes output numbers.
        """
        columns = zip(self.people, self.images_each, self.top_1_each, self.top_5_each, strict=True)
        with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["person", "images", "top_1", "top_5"])
            for person, images, first, among in columns:
                name = names[person] if names is not None else person
                writer.writerow([name, images, float(first), float(among)])


def identity_table(labels: np.ndarray, logits: np.ndarray) -> IdentityTable:
    """Compares a classifier's logits with whose images they are.

    Args:
        labels: (N,) int, the output that is right for each image.
        logits: (N, C) floats.

    Raises:
        ValueError: the shapes don't fit, there is no image, a label is no output, or a logit is not finite.

    Example:
        >>> table = identity_table(np.array([0, 1, 1]), np.array([[2.0, 1.0], [0.0, 3.0], [1.0, 0.0]]))
        >>> table.top_1, table.balanced_accuracy
        (0.6666666666666666, 0.75)
    """
    labels, logits = np.asarray(labels), np.asarray(logits)
    if labels.ndim != 1 or logits.ndim != 2 or len(labels) != len(logits):
        raise ValueError(f"labels {labels.shape} and logits {logits.shape} must be (images,) and (images, people)")
    if not len(labels):
        raise ValueError("there are no images: labels and logits have no rows")
    if labels.min() < 0 or labels.max() >= logits.shape[1]:
        raise ValueError(f"labels are {labels.min()} to {labels.max()}, but there are {logits.shape[1]} outputs")
    if not np.isfinite(logits).all():
        row = int(np.flatnonzero(~np.isfinite(logits).all(axis=1))[0])
        raise ValueError(f"the logits of row {row} hold NaN or infinity")
    own = logits[np.arange(len(labels)), labels][:, None]
    earlier = np.arange(logits.shape[1]) < labels[:, None]
    rank = (logits > own).sum(axis=1) + ((logits == own) & earlier).sum(axis=1)
    people, place, counts = np.unique(labels, return_inverse=True, return_counts=True)
    first = np.bincount(place, rank < 1) / counts
    return IdentityTable(
        images=len(labels),
        top_1=float((rank < 1).mean()),
        top_5=float((rank < 5).mean()),
        balanced_accuracy=float(first.mean()),
        majority=float(counts.max() / len(labels)),
        people=people,
        images_each=counts,
        top_1_each=first,
        top_5_each=np.bincount(place, rank < 5) / counts,
    )
