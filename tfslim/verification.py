"""How well a model's scores tell pairs of one person from pairs of two, in one table."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfslim.error_rates import TarAtFar, auc, eer, error_curve, tar_at_far
from tfslim.fold_accuracy import FOLDS, FoldAccuracy, checked_folds, fold_accuracy
from tfslim.similarity import chi_squared, cosine_similarity, templates

__all__ = [
    "VerificationTable",
    "auc",
    "chi_squared",
    "cosine_similarity",
    "eer",
    "error_curve",
    "fold_accuracy",
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
        accuracy=fold_accuracy(scores, genuine, folds, seed) if enough else None,
    )


def _foldable(genuine: np.ndarray, folds: np.ndarray) -> bool:
    genuine, folds = np.asarray(genuine, bool), checked_folds(folds, genuine)
    both = set(folds[genuine].tolist()) & set(folds[~genuine].tolist())
    return len(both) > 1 and both == set(folds.tolist())
