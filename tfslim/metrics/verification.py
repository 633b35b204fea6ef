"""How well a model's scores tell pairs of one person from pairs of two, in one table."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfslim.metrics.error_rates import TarAtFar, auc, checked_scores, eer, error_curve, tar_at_far
from tfslim.metrics.similarity import chi_squared, cosine_similarity, templates

FOLDS = 10


@dataclasses.dataclass(frozen=True)
class FoldAccuracy:
    """Accuracy on each fold with the threshold that is best on the others; `error` is the mean's standard error."""

    mean: float
    error: float
    folds: tuple[float, ...]
    thresholds: tuple[float, ...]


def kfold_accuracy(
    scores: np.ndarray, genuine: np.ndarray, folds: np.ndarray | None = None, seed: int = 0
) -> FoldAccuracy:
    """Gives the accuracy on each fold with the threshold that is best on the other folds, as LFW's protocol has it.

    Accuracy is the mean of the shares of right answers among genuine and among impostor pairs. Where there are as many
    of both, as in LFW's file, that is the share of right answers; elsewhere it keeps 50 % for guessing. Thresholds lie
    halfway between neighbouring scores; of equally good ones the highest is taken.

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans.
        folds: (P,) fold of each pair, two or more different ones; None deals genuine and impostor pairs into ten by the
            seed (a person may then be in several, which hardly matters where one threshold is all that is learned).
        seed: of the folds drawn.

    Raises:
        ValueError: as `error_curve`; there is not one fold for each score; a fold lacks pairs of one kind; there is one
            fold only.

    Example:
        >>> kfold_accuracy(np.array([0.9, 0.2, 0.7, 0.4]), np.array([1, 0, 1, 0]), folds=np.array([0, 0, 1, 1])).mean
        1.0

    Source: Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild", 2007, section 4.
    """
    scores, genuine = checked_scores(scores, genuine)
    folds = _drawn_folds(genuine, seed) if folds is None else checked_folds(folds, scores)
    numbers = np.unique(folds)
    if len(numbers) < 2:
        raise ValueError("there is one fold: a threshold needs other folds to be chosen on")
    for fold in numbers:
        for kind, name in ((True, "genuine"), (False, "impostor")):
            if not ((folds == fold) & (genuine == kind)).any():
                raise ValueError(f"fold {fold} has no {name} pair: take fewer folds or more pairs")
    order = np.argsort(scores, kind="stable")
    scores, genuine, folds = scores[order], genuine[order], folds[order]
    thresholds = [_best_threshold(scores[folds != fold], genuine[folds != fold]) for fold in numbers]
    shares = [
        _accuracy(scores[folds == fold], genuine[folds == fold], threshold)
        for fold, threshold in zip(numbers, thresholds, strict=True)
    ]
    error = np.std(shares, ddof=1) / np.sqrt(len(shares))
    return FoldAccuracy(float(np.mean(shares)), float(error), tuple(shares), tuple(thresholds))


def checked_folds(folds: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The folds as an array; raises a ValueError unless there is one for each score."""
    folds = np.asarray(folds)
    if folds.shape != np.shape(scores):
        raise ValueError(f"folds {folds.shape} must be {np.shape(scores)}: one for each score")
    return folds


def _accuracy(scores: np.ndarray, genuine: np.ndarray, threshold: float) -> float:
    accepted = scores >= threshold
    return float((accepted[genuine].mean() + (~accepted[~genuine]).mean()) / 2)


def _best_threshold(scores: np.ndarray, genuine: np.ndarray) -> float:
    """The best threshold for scores in rising order."""
    # A cut at k refuses the k lowest scores; it can't part equal ones.
    cuts = np.flatnonzero(np.concatenate([[True], scores[1:] > scores[:-1], [True]]))
    refused = np.concatenate([[0], np.cumsum(genuine)])[cuts]
    count = int(genuine.sum())
    right = (count - refused) * (len(genuine) - count) + (cuts - refused) * count  # whole numbers, so ties are exact
    cut = cuts[len(cuts) - 1 - int(np.argmax(right[::-1]))]
    if cut == len(scores):
        return float(scores[-1]) + 1
    if cut == 0:
        return float(scores[0])
    # Of neighbouring floats the middle may round to the lower one, which would then be accepted.
    middle = scores[cut - 1] + (scores[cut] - scores[cut - 1]) / 2
    return float(middle if middle > scores[cut - 1] else scores[cut])


def _drawn_folds(genuine: np.ndarray, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    folds = np.empty(len(genuine), np.int32)
    for kind in (True, False):
        rows = np.flatnonzero(genuine == kind)
        folds[rows] = random.permutation(np.arange(len(rows)) % FOLDS)
    return folds


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

FARS = (1e-1, 1e-2, 1e-3)


@dataclasses.dataclass(frozen=True)
class VerificationTable:
    """What `verification_table` found; shares are in 0..1, and `accuracy` is None where there are too few pairs."""

    genuine: int
    impostor: int
    eer: float
    auc: float
    tar: tuple[TarAtFar, ...]
    accuracy: FoldAccuracy | None

    def to_dict(self) -> dict:
        """The table for JSON."""
        return dataclasses.asdict(self)

    def row(self) -> dict[str, float | int | None]:
        """The figures side by side, for a line of a CSV file; a TAR that is not resolved is None."""
        tars = {f"tar_at_far_{point.far:g}": point.tar if point.resolved else None for point in self.tar}
        accuracy = {"accuracy": None, "accuracy_error": None}
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
    """Gives all figures of one system.

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans, 1 for a pair of one person.
        fars: the FARs to give the TAR at, each in 0..1.
        folds: (P,) fold of each pair; None draws ten. Without two folds or more, each with pairs of both kinds, there
            is no accuracy by folds.
        seed: of the folds drawn.

    Raises:
        ValueError: as `error_curve`, or there is not one fold for each score.

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
