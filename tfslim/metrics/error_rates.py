"""FAR and FRR of scores at every threshold, and what is read off them: EER, TAR at a given FAR, AUC.

A score is a similarity: higher means more likely the same person, and a pair is accepted where its score is at or above
a threshold. FAR is the share of impostor pairs accepted, FRR that of genuine pairs refused, and TAR is 1 - FRR. Equal
scores are accepted together or refused together.
"""

import dataclasses

import numpy as np

_SLACK = 1 + 1e-9  # 0.29 * 100 is a little less than 29


@dataclasses.dataclass(frozen=True)
class ErrorCurve:
    """FAR and FRR at every threshold that makes a difference, from refusing all pairs to accepting all.

    Attributes:
        thresholds: (K,) float64, falling; the first is infinite, the others are scores that occur.
        far: (K,) float64, rising from 0 to 1.
        frr: (K,) float64, falling from 1 to 0.
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
    """The highest share of genuine pairs accepted while no larger a share of impostors is accepted than was asked for.

    Attributes:
        far: the FAR asked for.
        tar: the TAR there, in 0..1.
        threshold: the lowest score accepted; None if all pairs have to be refused.
        found_far: the FAR at that threshold: at most `far`, and less where the scores allow no more.
        resolved: whether there are enough impostors for one alone to be within `far`. If not, `tar` is that at FAR 0
            and says little.
    """

    far: float
    tar: float
    threshold: float | None
    found_far: float
    resolved: bool


def error_curve(scores: np.ndarray, genuine: np.ndarray) -> ErrorCurve:
    """Counts false accepts and false rejects at every threshold (scikit-learn's `roc_curve`, every point kept).

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans.

    Raises:
        ValueError: the shapes don't fit, a score is not finite, or there is no pair of one kind.

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
    """Gives the equal error rate: where FAR and FRR are the same.

    Since both move in steps, the points of the curve are joined by straight lines, and the EER is where these cross
    FAR = FRR. Many equal scores make one long line, so scores that are all alike give 0.5.

    Args:
        curve: what `error_curve` made.

    Example:
        >>> eer(error_curve(np.array([0.9, 0.6, 0.7, 0.1]), np.array([1, 1, 0, 0])))
        0.5
    """
    ahead = curve.frr - curve.far  # falls from 1 to -1
    after = int(np.argmax(ahead <= 0))
    before = after - 1
    share = ahead[before] / (ahead[before] - ahead[after])
    return float(curve.far[before] + share * (curve.far[after] - curve.far[before]))


def tar_at_far(curve: ErrorCurve, far: float) -> TarAtFar:
    """Gives the share of genuine pairs accepted where at most a given share of impostors is; nothing is interpolated.

    Args:
        curve: what `error_curve` made.
        far: share of the impostors, in 0..1.

    Raises:
        ValueError: `far` is out of range.

    Example:
        >>> point = tar_at_far(error_curve(np.array([0.9, 0.8, 0.4]), np.array([1, 0, 1])), 0.1)
        >>> point.tar, point.resolved
        (0.5, False)
    """
    if not 0 <= far <= 1:
        raise ValueError(f"a FAR is a share in 0..1, found {far}")
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
    """Gives the area under the ROC curve: how often a genuine pair scores above an impostor (an equal score is half).

    Args:
        scores: (P,) floats, similarities.
        genuine: (P,) of 0 and 1 or booleans.

    Raises:
        ValueError: as `error_curve`.

    Example:
        >>> auc(np.array([0.9, 0.8, 0.4]), np.array([1, 0, 1]))
        0.5
    """
    from sklearn.metrics import roc_auc_score

    scores, genuine = checked_scores(scores, genuine)
    return float(roc_auc_score(genuine, scores))


def checked_scores(scores: np.ndarray, genuine: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The scores as float64 and `genuine` as booleans, once they are known to be sound."""
    scores, genuine = np.asarray(scores, np.float64), np.asarray(genuine)
    if scores.ndim != 1 or scores.shape != genuine.shape:
        raise ValueError(f"scores {scores.shape} and genuine {genuine.shape} must both be (pairs,)")
    if not np.isin(genuine, (0, 1)).all():
        raise ValueError("genuine holds other values than 0 and 1")
    if not np.isfinite(scores).all():
        row = int(np.flatnonzero(~np.isfinite(scores))[0])
        raise ValueError(f"the score in row {row} is {scores[row]}, expected a finite number")
    genuine = genuine.astype(bool)
    if genuine.all() or not genuine.any():
        found = f"{int(genuine.sum())} genuine and {int((~genuine).sum())} impostor pairs"
        raise ValueError(f"there are {found}: figures of verification need both kinds")
    return scores, genuine
