"""How well a model answers binary attributes: accuracy, balanced accuracy and F1, beside what guessing would give."""

import csv
import dataclasses
import os
from collections.abc import Callable, Sequence

import numpy as np
import rich.box
import rich.console
import rich.table

from tfslim._support.files import replacing

COLUMNS = ("accuracy", "balanced_accuracy", "f1", "positive_rate", "majority")


@dataclasses.dataclass(frozen=True)
class AttributeTable:
    """Figures for each attribute, all as shares in 0..1, and their means over the attributes.

    `accuracy` is the share of right answers. `balanced_accuracy` is the mean of the shares of right answers among the
    positive and among the negative images; where the labels hold one class only, it is the share of right answers in
    that class (its recall). `f1` is that of the positive class, and 0 where nothing is and nothing is called positive.
    `positive_rate` is the share of positive labels, and `majority` the accuracy of always giving the commoner answer.
    `thresholds` are the logits above which an attribute was taken as there.
    """

    names: tuple[str, ...]
    images: int
    thresholds: np.ndarray
    accuracy: np.ndarray
    balanced_accuracy: np.ndarray
    f1: np.ndarray
    positive_rate: np.ndarray
    majority: np.ndarray

    def means(self) -> dict[str, float]:
        """The mean of each figure over the attributes."""
        return {column: float(np.mean(getattr(self, column))) for column in COLUMNS}

    def rows(self) -> list[dict[str, float | str]]:
        """One dictionary an attribute: attribute, the figures, threshold."""
        return [
            {
                "attribute": name,
                **{column: float(getattr(self, column)[index]) for column in COLUMNS},
                "threshold": float(self.thresholds[index]),
            }
            for index, name in enumerate(self.names)
        ]

    def to_dict(self) -> dict:
        """The table as {"images", "means", "attributes": [...]}, for JSON."""
        return {"images": self.images, "means": self.means(), "attributes": self.rows()}

    def to_csv(self, path: str | os.PathLike) -> None:
        """Writes one line an attribute and a last one "mean"; the file is written beside and then renamed."""
        fields = ["attribute", *COLUMNS, "threshold"]
        with replacing(path) as beside, open(beside, "w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, fields)
            writer.writeheader()
            writer.writerows(self.rows())
            writer.writerow({"attribute": "mean", **self.means()})


def attribute_table(
    labels: np.ndarray,
    logits: np.ndarray,
    names: Sequence[str],
    thresholds: Sequence[float] | np.ndarray | None = None,
) -> AttributeTable:
    """Compares a model's logits with the labels, attribute by attribute.

    Args:
        labels: (N, A) of 0 and 1, any integer, boolean or float dtype.
        logits: (N, A) floats; an attribute is taken as there where its logit is above its threshold.
        names: A names.
        thresholds: A logits; None means 0 (probability one half) for all.

    Raises:
        ValueError: if the shapes don't fit, a label is neither 0 nor 1, or a logit or threshold is NaN, naming the
            attribute.

    Example:
        >>> table = attribute_table(np.array([[1], [0], [0]]), np.array([[2.0], [-1.0], [0.5]]), ["Smiling"])
        >>> table.balanced_accuracy
        array([0.75])
    """
    labels, logits = _checked(labels, logits, names)
    thresholds = _checked_thresholds(thresholds, names)
    answers = logits > thresholds
    positive, right = labels.sum(axis=0), answers == labels
    hits = (answers & labels).sum(axis=0)
    count = len(labels)
    recall = _share(hits, positive)
    specificity = _share((~answers & ~labels).sum(axis=0), count - positive)
    balanced = np.where(positive == 0, specificity, np.where(positive == count, recall, (recall + specificity) / 2))
    return AttributeTable(
        names=tuple(names),
        images=count,
        thresholds=thresholds,
        accuracy=right.mean(axis=0),
        balanced_accuracy=balanced,
        f1=_share(2 * hits, positive + answers.sum(axis=0)),
        positive_rate=positive / count,
        majority=np.maximum(positive, count - positive) / count,
    )


def balanced_thresholds(labels: np.ndarray, logits: np.ndarray, names: Sequence[str] | None = None) -> np.ndarray:
    """Chooses for each attribute the logit threshold with the highest balanced accuracy on these labels.

    Choose on the validation part and judge on the test part. Candidates lie halfway between neighbouring logits, and
    beyond the extremes; 0 is kept where it is as good as the best, else the nearest to 0 of the equally good ones wins,
    then the lower. An attribute of which the labels hold one class only keeps 0.

    Args:
        labels: (N, A) of 0 and 1.
        logits: (N, A) floats.
        names: A names, for the messages.

    Returns:
        A thresholds, float64: an attribute is there where its logit is above.

    Raises:
        ValueError: as `attribute_table`.

    Example:
        >>> balanced_thresholds(np.array([[0], [0], [1]]), np.array([[-3.0], [-2.0], [-1.0]]))
        array([-1.5])
    """
    labels, logits = _checked(labels, logits, names)

    def score(hits, positive, rejections, negative):
        return hits / positive + rejections / negative

    return _best_thresholds(labels, logits, score)


def accuracy_thresholds(labels: np.ndarray, logits: np.ndarray, names: Sequence[str] | None = None) -> np.ndarray:
    """Chooses for each attribute the logit threshold with the highest accuracy; otherwise as `balanced_thresholds`."""
    labels, logits = _checked(labels, logits, names)

    def score(hits, positive, rejections, negative):
        return hits + rejections

    return _best_thresholds(labels, logits, score)


def _best_thresholds(labels: np.ndarray, logits: np.ndarray, score: Callable) -> np.ndarray:
    columns = zip(labels.T, logits.T, strict=True)
    return np.array([_best_threshold(truth, values, score) for truth, values in columns], np.float64)


def _best_threshold(truth: np.ndarray, values: np.ndarray, score: Callable) -> float:
    positive = int(truth.sum())
    negative = len(truth) - positive
    if positive == 0 or negative == 0:
        return 0.0
    order = np.argsort(values, kind="stable")
    values, truth = values[order], truth[order]
    # A cut at k has the k lowest logits below it; it can't part equal logits.
    cuts = np.flatnonzero(np.concatenate([[True], values[1:] > values[:-1], [True]]))
    positives_below = np.concatenate([[0], np.cumsum(truth)])[cuts]
    scores = score(positive - positives_below, positive, cuts - positives_below, negative)
    # Equal scores may differ in the last digit, being sums of two fractions; hence the tolerance.
    best = cuts[scores >= scores.max() * (1 - 1e-12)]
    if np.searchsorted(values, 0.0, side="right") in best:
        return 0.0
    # Beyond the extremes there is no middle; a threshold one away from them does the same.
    edges = np.concatenate([[values[0] - 2], values, [values[-1] + 2]])
    low, high = edges[best], edges[best + 1]
    middle = low + (high - low) / 2
    # Between neighbouring floats the middle may round to the higher one, which would then not be above it.
    middle = np.where(middle < high, middle, low)
    return float(min(middle, key=lambda threshold: (abs(threshold), threshold)))


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """part / whole, and 0 where there is nothing to share."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)


def _checked(labels, logits, names: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """The labels as booleans and the logits as float64, once they are known to be sound."""
    labels, logits = np.asarray(labels), np.asarray(logits, np.float64)
    if labels.ndim != 2 or labels.shape != logits.shape:
        raise ValueError(f"labels {labels.shape} and logits {logits.shape} must both be (images, attributes)")
    count, attributes = labels.shape
    names = [f"attribute {index}" for index in range(attributes)] if names is None else list(names)
    if len(names) != attributes:
        raise ValueError(
            f"there are {len(names)} names for {attributes} attributes: labels and logits are {labels.shape}"
        )
    if count == 0:
        raise ValueError("there are no images: labels and logits have no rows")
    _demand((labels == 0) | (labels == 1), labels, names, "label", "0 or 1 (CelebA's -1 is 0 here)")
    _demand(np.isfinite(logits), logits, names, "logit", "a finite number")
    return labels.astype(bool), logits


def _checked_thresholds(thresholds, names: Sequence[str]) -> np.ndarray:
    if thresholds is None:
        return np.zeros(len(names))
    thresholds = np.asarray(thresholds, np.float64)
    if thresholds.shape != (len(names),):
        raise ValueError(f"thresholds {thresholds.shape} must be ({len(names)},): one for each attribute")
    _demand(np.isfinite(thresholds)[None], thresholds[None], names, "threshold", "a finite number")
    return thresholds


def _demand(sound: np.ndarray, values: np.ndarray, names: Sequence[str], what: str, expected: str) -> None:
    if sound.all():
        return
    row, column = np.argwhere(~sound)[0]
    raise ValueError(
        f"{names[column]}: the {what} in row {row} is {values[row, column]}, expected {expected} "
        f"({(~sound).sum()} such values in all)"
    )


TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "f1": "F1",
    "positive_rate": "positive",
    "majority": "majority",
}


def print_table(table: AttributeTable, title: str = "", console: rich.console.Console | None = None) -> None:
    """Prints a row for each attribute, all figures in percent, and their means; accuracies below the majority are red.

    Args:
        table: what `attribute_table` made.
        title: a line above it.
        console: where to print; None means standard output.

    Example:
        >>> print_table(attribute_table(labels, logits, names), title="test part")
    """
    view = rich.table.Table(title=title or None, box=rich.box.SIMPLE_HEAD, show_footer=True)
    means = table.means()
    view.add_column("attribute", footer=f"mean of {len(table.names)}", no_wrap=True)
    for column in COLUMNS:
        view.add_column(TITLES[column], footer=f"{means[column]:.2%}", justify="right", no_wrap=True)
    chosen = bool(table.thresholds.any())
    if chosen:
        view.add_column("threshold", justify="right", no_wrap=True)
    for row in table.rows():
        cells = [f"{row[column]:.2%}" for column in COLUMNS]
        if row["accuracy"] < row["majority"]:
            cells[0] = f"[red]{cells[0]}[/red]"
        view.add_row(rich.markup.escape(row["attribute"]), *cells, *([f"{row['threshold']:+.2f}"] if chosen else []))
    console = console or rich.console.Console()
    console.print(view)
    console.print(f"{table.images:,} images", highlight=False)
