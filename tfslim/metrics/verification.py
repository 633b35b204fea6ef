"""Verification accuracy by k-fold cross-validation, and a table of metrics."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfslim.metrics.error_rates import TarAtFar, auc, checked_scores, eer, error_curve, tar_at_far
from tfslim.metrics.similarity import chi_squared, cosine_similarity, templates

__all__ = [
    "VerificationTable",
    "auc",
    "chi_squared",
    "cosine_similarity",
    "eer",
    "error_curve",
    "kfold_accuracy",
    "tar_at_far",
    "templates",
    "verification_table",
]

FOLDS = 10
FARS = (1e-1, 1e-2, 1e-3)


@dataclasses.dataclass(frozen=True)
class FoldAccuracy:
    """Cross-validated verification accuracy.

    Attributes:
        mean: mean accuracy over the folds.
        error: standard error of the mean.
        folds: accuracy of each fold, with the best threshold of the other folds.
        thresholds: that threshold for each fold.
    """

    mean: float
    error: float
    folds: tuple[float, ...]
    thresholds: tuple[float, ...]


def kfold_accuracy(
    scores: np.ndarray, genuine: np.ndarray, folds: np.ndarray | None = None, seed: int = 0
) -> FoldAccuracy:
    """Compute verification accuracy by k-fold cross-validation (LFW protocol).

    Each fold is scored with the threshold that is best on the other folds. Accuracy is the mean of the accuracies on
    genuine and on impostor pairs: plain accuracy if there are equally many of both, as in LFW's file, and 50 % for
    guessing in every case. Thresholds lie halfway between adjacent scores; of equally good ones the highest is used.

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans.
        folds: (P,) fold of each pair, at least two different ones; None draws ten stratified folds by the seed (a
            person may then be in several, which hardly matters if only one threshold is learned).
        seed: seed of the drawn folds.

    Returns:
        A `FoldAccuracy`.

    Raises:
        ValueError: as in `error_curve`, or if `folds` does not match `scores`, has one fold only, or a fold lacks
            genuine or impostor pairs.

    Example:
        >>> kfold_accuracy(np.array([0.9, 0.2, 0.7, 0.4]), np.array([1, 0, 1, 0]), folds=np.array([0, 0, 1, 1])).mean
        1.0

    Source: Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild", 2007, section 4.
    """
    scores, genuine = checked_scores(scores, genuine)
    folds = _drawn_folds(genuine, seed) if folds is None else checked_folds(folds, scores)
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise ValueError("folds holds one fold only; expected two or more, since thresholds come from the other folds")
    for fold in numbers:
        for kind, name in ((True, "genuine"), (False, "impostor")):
            if not ((folds == fold) & (genuine == kind)).any():
                raise ValueError(f"fold {fold} has no {name} pair; use fewer folds or more pairs")
    order = np.argsort(scores, kind="stable")
    scores, genuine, folds = scores[order], genuine[order], folds[order]
    thresholds = [_best_threshold(scores[folds != fold], genuine[folds != fold]) for fold in numbers]
    accuracies = [
        _accuracy(scores[folds == fold], genuine[folds == fold], threshold)
        for fold, threshold in zip(numbers, thresholds, strict=True)
    ]
    error = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return FoldAccuracy(float(np.mean(accuracies)), float(error), tuple(accuracies), tuple(thresholds))


def checked_folds(folds: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Return the folds as an array, one per score.

    Raises:
        ValueError: if the shapes differ.
    """
    folds = np.asarray(folds)
    if folds.shape != np.shape(scores):
        raise ValueError(f"folds has shape {folds.shape}, expected {np.shape(scores)}, one per score")
    return folds


def _accuracy(scores: np.ndarray, genuine: np.ndarray, threshold: float) -> float:
    accepted = scores >= threshold
    return float((accepted[genuine].mean() + (~accepted[~genuine]).mean()) / 2)


def _best_threshold(scores: np.ndarray, genuine: np.ndarray) -> float:
    """Return the best threshold for scores in increasing order."""
    # A cut at k rejects the k lowest scores; equal scores stay on one side.
    cuts = np.flatnonzero(np.concatenate([[True], scores[1:] > scores[:-1], [True]]))
    rejected = np.concatenate([[0], np.cumsum(genuine)])[cuts]
    count = int(genuine.sum())
    correct = (count - rejected) * (len(genuine) - count) + (cuts - rejected) * count  # integers, so ties are exact
    cut = cuts[len(cuts) - 1 - int(np.argmax(correct[::-1]))]
    if cut == len(scores):
        return float(scores[-1]) + 1
    if cut == 0:
        return float(scores[0])
    # Between adjacent floats the midpoint may round down to the lower score, which would then be accepted.
    middle = scores[cut - 1] + (scores[cut] - scores[cut - 1]) / 2
    return float(middle if middle > scores[cut - 1] else scores[cut])


def _drawn_folds(genuine: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    folds = np.empty(len(genuine), np.int32)
    for kind in (True, False):
        rows = np.flatnonzero(genuine == kind)
        folds[rows] = random.permutation(np.arange(len(rows)) % FOLDS)
    return folds


@dataclasses.dataclass(frozen=True)
class VerificationTable:
    """Verification metrics of one system, in 0..1.

    `genuine` and `impostor` count pairs; `accuracy` is None if there are too few pairs for folds.
    """

    genuine: int
    impostor: int
    eer: float
    auc: float
    tar: tuple[TarAtFar, ...]
    accuracy: FoldAccuracy | None

    def to_dict(self) -> dict:
        """Convert to a dictionary for JSON."""
        return dataclasses.asdict(self)

    def row(self) -> dict[str, float | int | None]:
        """Return the metrics as a CSV row.

        Unresolved TARs are None.
        """
        tars = {f"tar_at_far_{point.far:g}": point.tar if point.resolved else None for point in self.tar}
        accuracy: dict[str, float | None] = {"accuracy": None, "accuracy_error": None}
        if self.accuracy:
            accuracy = {"accuracy": self.accuracy.mean, "accuracy_error": self.accuracy.error}
        return {"genuine": self.genuine, "impostor": self.impostor, "eer": self.eer, **tars, "auc": self.auc} | accuracy


def verification_table(
    scores: np.ndarray,
    genuine: np.ndarray,
    fars: Sequence[float] = FARS,
    folds: np.ndarray | None = None,
    seed: int = 0,
) -> VerificationTable:
    """Compute all verification metrics of one system.

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans, 1 for a pair of one person.
        fars: maximum FARs for the TARs, each in 0..1.
        folds: (P,) fold of each pair; None draws ten. Accuracy needs at least two folds, each with pairs of both
            kinds, and is None otherwise.
        seed: seed of the drawn folds.

    Returns:
        A `VerificationTable`.

    Raises:
        ValueError: as in `error_curve`, or if `folds` does not match `scores`.

    Example:
        >>> table = verification_table(np.array([0.9, 0.8, 0.2, 0.4]), np.array([1, 1, 0, 0]))
        >>> table.eer, table.auc
        (0.0, 1.0)
    """
    curve = error_curve(scores, genuine)
    enough = min(curve.genuine, curve.impostor) >= FOLDS if folds is None else _foldable(genuine, folds)
    return VerificationTable(
        genuine=curve.genuine,
        impostor=curve.impostor,
        eer=eer(curve),
        auc=auc(scores, genuine),
        tar=tuple(tar_at_far(curve, far) for far in fars),
        accuracy=kfold_accuracy(scores, genuine, folds, seed) if enough else None,
    )


def _foldable(genuine: np.ndarray, folds: np.ndarray) -> bool:
    genuine, folds = np.asarray(genuine, bool), checked_folds(folds, genuine)
    both = set(folds[genuine].tolist()) & set(folds[~genuine].tolist())
    return len(both) > 1 and both == set(folds.tolist())
