"""From a score for each filter to one for each unit."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tfslim.pruning.dependency.channel_graph import FROZEN

Aggregation = Literal["sum", "mean", "max"]


def aggregate(
    makers: Iterable[tuple[np.ndarray, np.ndarray]],
    unit_count: int,
    how: Aggregation = "sum",
    normalise: bool = False,
    alive: np.ndarray | None = None,
) -> np.ndarray:
    """Joins the scores of the filters that make up each unit.

    Args:
        makers: for each layer the units of its filters (n,), `FROZEN` for none, and their scores (n,); the scores of
            several filters of one unit in one layer are added up.
        unit_count: number of units.
        how: what becomes of the scores that several layers give a unit.
        normalise: divide the scores of a layer by the mean over its units first.
        alive: which units that mean is over, (unit_count,) bool; those that were dropped would make the others' scores
            higher. By default all.

    Returns:
        (unit_count,) float64; 0 for a unit that no layer has scored.

    Raises:
        ValueError: `how` is unknown.

    Example:
        >>> aggregate([(np.array([0, 1]), np.array([1.0, 3.0])), (np.array([0]), np.array([5.0]))], 2, "mean")
        array([3., 3.])
    """
    if how not in ("sum", "mean", "max"):
        raise ValueError(f"how={how!r}; expected sum, mean or max")
    total, highest, count = np.zeros(unit_count), np.zeros(unit_count), np.zeros(unit_count, int)
    for units, values in makers:
        free = units != FROZEN
        own = np.bincount(units[free], weights=np.asarray(values, np.float64)[free], minlength=unit_count)
        scored = np.bincount(units[free], minlength=unit_count) > 0
        counted = scored if alive is None else scored & alive
        if normalise and own[counted].any():
            own = own / own[counted].mean()
        total += own
        highest = np.where(scored, np.maximum(highest, own), highest)
        count += scored
    if how == "max":
        return highest
    return total if how == "sum" else total / np.maximum(count, 1)
