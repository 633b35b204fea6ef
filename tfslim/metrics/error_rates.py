"""Verification error rates: FAR, FRR, EER, TAR at FAR, AUC.

A score is a similarity: higher means more likely the same person, and a pair is accepted if its score is at or above a
threshold. FAR is the fraction of impostor pairs accepted, FRR the fraction of genuine pairs rejected, and TAR is
1 - FRR. Pairs of equal score are accepted or rejected together.
"""

import dataclasses

import numpy as np

__all__ = ["ErrorCurve", "TarAtFar", "auc", "eer", "error_curve", "tar_at_far"]

_SLACK = 1 + 1e-9  # 0.29 * 100 is a little less than 29


@dataclasses.dataclass(frozen=True)
class ErrorCurve:
    """FAR and FRR at every distinct threshold.

    Attributes:
        thresholds: (K,) float64, decreasing; the first is infinite (rejects all), the others are occurring scores.
        far: (K,) float64, increasing from 0 to 1.
        frr: (K,) float64, decreasing from 1 to 0.
        genuine: number of genuine pairs.
        impostor: number of impostor pairs.
    """

    thresholds: np.ndarray
    far: np.ndarray
    frr: np.ndarray
    genuine: int
    impostor: int


@dataclasses.dataclass(frozen=True)
class TarAtFar:
    """True accept rate at a maximum false accept rate.

    Attributes:
        far: the maximum FAR.
        tar: the highest TAR with an FAR of at most `far`, in 0..1.
        threshold: the lowest accepted score; None if all pairs must be rejected.
        found_far: the FAR at that threshold, at most `far`.
        resolved: whether there are enough impostor pairs for a single false accept to stay within `far`. If not, `tar`
            is the TAR at FAR 0, which is not informative.
    """

    far: float
    tar: float
    threshold: float | None
    found_far: float
    resolved: bool


def error_curve(scores: np.ndarray, genuine: np.ndarray) -> ErrorCurve:
    """Compute false accept and false reject rates at every threshold.

    Uses scikit-learn's `roc_curve` and keeps every point.

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans.

    Returns:
        An `ErrorCurve`.

    Raises:
        ValueError: if shapes don't match, a score is not finite, or all pairs are of one kind.

    Example:
        >>> error_curve(np.array([0.9, 0.8, 0.4]), np.array([1, 0, 1])).far
        array([0., 0., 1., 1.])
    """
    from sklearn.metrics import roc_curve  # takes a second to import

    scores, genuine = checked_scores(scores, genuine)
    far, tar, thresholds = roc_curve(genuine, scores, drop_intermediate=False)
    count = int(genuine.sum())
    return ErrorCurve(thresholds, far, 1 - tar, count, len(genuine) - count)


def eer(curve: ErrorCurve) -> float:
    """Compute the equal error rate, at which FAR equals FRR.

    FAR and FRR change in steps, so the points of the curve are joined by straight lines, and the EER is their crossing
    with FAR = FRR. Many equal scores form one long line, so the EER of constant scores is 0.5.

    Args:
        curve: the curve from `error_curve`.

    Returns:
        The EER in 0..1.

    Example:
        >>> eer(error_curve(np.array([0.9, 0.6, 0.7, 0.1]), np.array([1, 1, 0, 0])))
        0.5
    """
    difference = curve.frr - curve.far  # decreases from 1 to -1
    after = int(np.argmax(difference <= 0))
    before = after - 1
    fraction = difference[before] / (difference[before] - difference[after])
    return float(curve.far[before] + fraction * (curve.far[after] - curve.far[before]))


def tar_at_far(curve: ErrorCurve, far: float) -> TarAtFar:
    """Compute the TAR at a maximum FAR.

    The value is not interpolated.

    Args:
        curve: the curve from `error_curve`.
        far: maximum fraction of impostor pairs accepted, in 0..1.

    Returns:
        A `TarAtFar`.

    Raises:
        ValueError: if `far` is not in 0..1.

    Example:
        >>> point = tar_at_far(error_curve(np.array([0.9, 0.8, 0.4]), np.array([1, 0, 1])), 0.1)
        >>> point.tar, point.resolved
        (0.5, False)
    """
    if not 0 <= far <= 1:
        raise ValueError(f"far is {far}, expected a fraction in 0..1")
    last = int(np.flatnonzero(curve.far <= far * _SLACK)[-1])
    threshold = float(curve.thresholds[last]) if last else None
    return TarAtFar(
        far=float(far),
        tar=float(1 - curve.frr[last]),
        threshold=threshold,
        found_far=float(curve.far[last]),
        resolved=bool(far * curve.impostor * _SLACK >= 1),
    )


def auc(scores: np.ndarray, genuine: np.ndarray) -> float:
    """Compute the area under the ROC curve.

    It is the probability that a genuine pair scores above an impostor pair; equal scores count as one half.

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans.

    Raises:
        ValueError: as in `error_curve`.

    Example:
        >>> auc(np.array([0.9, 0.8, 0.4]), np.array([1, 0, 1]))
        0.5
    """
    from sklearn.metrics import roc_auc_score

    scores, genuine = checked_scores(scores, genuine)
    return float(roc_auc_score(genuine, scores))


def checked_scores(scores: np.ndarray, genuine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Validate the inputs; return float64 scores and boolean `genuine`.

    Raises:
        ValueError: if shapes don't match, a score is not finite, or all pairs are of one kind.
    """
    scores, genuine = np.asarray(scores, np.float64), np.asarray(genuine)
    if scores.ndim != 1 or scores.shape != genuine.shape:
        raise ValueError(f"scores {scores.shape} and genuine {genuine.shape} must both be (pairs,)")
    if not np.isin(genuine, (0, 1)).all():
        raise ValueError(f"genuine holds {np.setdiff1d(genuine, (0, 1))[0]}, expected only 0 and 1")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"the score in row {row} is {scores[row]}, expected a finite number")
    genuine = genuine.astype(bool)
    if genuine.all() or not genuine.any():
        found = f"{int(genuine.sum())} genuine and {int((~genuine).sum())} impostor pairs"
        raise ValueError(f"got {found}; verification metrics need at least one of each")
    return scores, genuine
