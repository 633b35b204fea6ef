"""Metrics of binary attributes, beside the majority baseline."""

import csv
import dataclasses
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import rich.box
import rich.console
import rich.table

from tfslim._support.files import replacing

__all__ = ["AttributeTable", "accuracy_thresholds", "attribute_table", "balanced_thresholds"]

COLUMNS = ("accuracy", "balanced_accuracy", "f1", "positive_rate", "majority")


@dataclasses.dataclass(frozen=True)
class AttributeTable:
    """Metrics of each attribute, in 0..1.

    Attributes:
        names: A attribute names.
        images: number of images.
        thresholds: (A,) logits above which an attribute was predicted as present.
        accuracy: (A,) fraction of correct predictions.
        balanced_accuracy: (A,) mean of the recalls of positive and negative images; with one class only in the labels,
            the recall of that class.
        f1: (A,) F1 of the positive class; 0 if there are neither positive labels nor positive predictions.
        positive_rate: (A,) fraction of positive labels.
        majority: (A,) accuracy of always predicting the more frequent label.
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
        """Return the mean of each metric over the attributes."""
        return {column: float(np.mean(getattr(self, column))) for column in COLUMNS}

    def rows(self) -> list[dict[str, Any]]:
        """Return one dictionary per attribute: name, metrics, threshold."""
        return [
            {
                "attribute": name,
                **{column: float(getattr(self, column)[index]) for column in COLUMNS},
                "threshold": float(self.thresholds[index]),
            }
            for index, name in enumerate(self.names)
        ]

    def to_dict(self) -> dict:
        """Convert to {"images", "means", "attributes": [...]} for JSON."""
        return {"images": self.images, "means": self.means(), "attributes": self.rows()}

    def to_csv(self, path: str | os.PathLike) -> None:
        """Write one row per attribute as CSV.

        The last row is called "mean". The file is written atomically.
        """
        fields = ["attribute", *COLUMNS, "threshold"]
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
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
    """Compute the metrics of each attribute.

    Args:
        labels: (N, A) of 0 and 1, any integer, boolean or float dtype.
        logits: (N, A) floats; an attribute is predicted as present if its logit is above its threshold.
        names: A attribute names.
        thresholds: A logits; None means 0 (probability one half) for all.

    Returns:
        An `AttributeTable`.

    Raises:
        ValueError: if shapes don't match, a label is neither 0 nor 1, or a logit or threshold is not finite; names the
            attribute.

    Example:
        >>> table = attribute_table(np.array([[1], [0], [0]]), np.array([[2.0], [-1.0], [0.5]]), ["Smiling"])
        >>> table.balanced_accuracy
        array([0.75])
    """
    labels, logits = _checked(labels, logits, names)
    thresholds = _checked_thresholds(thresholds, names)
    predictions = logits > thresholds
    positive, correct = labels.sum(axis=0), predictions == labels
    hits = (predictions & labels).sum(axis=0)
    count = len(labels)
    recall = _ratio(hits, positive)
    specificity = _ratio((~predictions & ~labels).sum(axis=0), count - positive)
    balanced = np.where(positive == 0, specificity, np.where(positive == count, recall, (recall + specificity) / 2))
    return AttributeTable(
        names=tuple(names),
        images=count,
        thresholds=thresholds,
        accuracy=correct.mean(axis=0),
        balanced_accuracy=balanced,
        f1=_ratio(2 * hits, positive + predictions.sum(axis=0)),
        positive_rate=positive / count,
        majority=np.maximum(positive, count - positive) / count,
    )


def balanced_thresholds(labels: np.ndarray, logits: np.ndarray, names: Sequence[str] | None = None) -> np.ndarray:
    """Choose the thresholds with the highest balanced accuracy.

    Choose them on the validation part and evaluate on the test part. Candidates lie halfway between adjacent logits,
    and beyond the extremes. 0 is kept if it is among the best; otherwise the best one nearest to 0 wins, then the lower
    one. An attribute whose labels are all equal keeps 0.

    Args:
        labels: (N, A) of 0 and 1.
        logits: (N, A) floats.
        names: A attribute names, for error messages.

    Returns:
        (A,) float64 logits; an attribute is present if its logit is above its threshold.

    Raises:
        ValueError: as in `attribute_table`.

    Example:
        >>> balanced_thresholds(np.array([[0], [0], [1]]), np.array([[-3.0], [-2.0], [-1.0]]))
        array([-1.5])
    """
    labels, logits = _checked(labels, logits, names)

    def score(hits, positive, rejections, negative):
        return hits / positive + rejections / negative

    return _best_thresholds(labels, logits, score)


def accuracy_thresholds(labels: np.ndarray, logits: np.ndarray, names: Sequence[str] | None = None) -> np.ndarray:
    """Choose the thresholds with the highest accuracy.

    Arguments, ties and return value are those of `balanced_thresholds`.
    """
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
    # A cut at k has the k lowest logits below it; equal logits stay on one side.
    cuts = np.flatnonzero(np.concatenate([[True], values[1:] > values[:-1], [True]]))
    positives_below = np.concatenate([[0], np.cumsum(truth)])[cuts]
    scores = score(positive - positives_below, positive, cuts - positives_below, negative)
    # Scores are sums of two fractions, so equal ones may differ in the last digit.
    best = cuts[scores >= scores.max() * (1 - 1e-12)]
    if np.searchsorted(values, 0.0, side="right") in best:
        return 0.0
    # Beyond the extremes use a threshold at a distance of one.
    edges = np.concatenate([[values[0] - 2], values, [values[-1] + 2]])
    low, high = edges[best], edges[best + 1]
    middle = low + (high - low) / 2
    # Between adjacent floats the midpoint may round up to the higher logit, which would then not be above it.
    middle = np.where(middle < high, middle, low)
    return float(min(middle, key=lambda threshold: (abs(threshold), threshold)))


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Divide elementwise; 0 for a denominator of 0."""
    return np.divide(part, whole, out=np.zeros(np.shape(part)), where=np.asarray(whole) > 0)


def _checked(labels, logits, names: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray]:
    """Validate the inputs; return boolean labels and float64 logits."""
    labels, logits = np.asarray(labels), np.asarray(logits, np.float64)
    if labels.ndim != 2 or labels.shape != logits.shape:
        raise ValueError(f"labels {labels.shape} and logits {logits.shape} must both be (images, attributes)")
    count, attributes = labels.shape
    names = [f"attribute {index}" for index in range(attributes)] if names is None else list(names)
    if len(names) != attributes:
        raise ValueError(
            f"got {len(names)} names for {attributes} attributes; labels and logits are {labels.shape}, so pass one "
            "name per column"
        )
    if count == 0:
        raise ValueError("labels and logits have no rows; expected at least one image")
    _require((labels == 0) | (labels == 1), labels, names, "label", "0 or 1 (convert CelebA's -1 to 0)")
    _require(np.isfinite(logits), logits, names, "logit", "a finite number")
    return labels.astype(bool), logits


def _checked_thresholds(thresholds, names: Sequence[str]) -> np.ndarray:
    if thresholds is None:
        return np.zeros(len(names))
    thresholds = np.asarray(thresholds, np.float64)
    if thresholds.shape != (len(names),):
        raise ValueError(f"thresholds has shape {thresholds.shape}, expected ({len(names)},), one per attribute")
    _require(np.isfinite(thresholds)[None], thresholds[None], names, "threshold", "a finite number")
    return thresholds


def _require(valid: np.ndarray, values: np.ndarray, names: Sequence[str], kind: str, expected: str) -> None:
    if valid.all():
        return
    row, column = np.argwhere(~valid)[0]
    raise ValueError(
        f"{names[column]}: the {kind} in row {row} is {values[row, column]}, expected {expected} "
        f"({(~valid).sum()} such values in all)"
    )


TITLES = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "f1": "F1",
    "positive_rate": "positive",
    "majority": "majority",
}


def print_table(table: AttributeTable, title: str = "", console: rich.console.Console | None = None) -> None:
    """Print the metrics of each attribute in percent.

    The last row holds the means. Accuracies below the majority baseline are red.

    Args:
        table: the table from `attribute_table`.
        title: a line above the table.
        console: the rich console to print to; None means standard output.

    Example:
        >>> table = attribute_table(np.array([[1], [0], [0]]), np.array([[2.0], [-1.0], [0.5]]), ["Smiling"])
        >>> print_table(table, title="test part")  # doctest: +SKIP
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
