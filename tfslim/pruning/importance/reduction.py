"""Reduction of one score per filter to one per unit."""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from tfslim.pruning.dependency.channel_graph import FROZEN

__all__ = ["aggregate"]

Aggregation = Literal["sum", "mean", "max"]


def aggregate(
    makers: Iterable[tuple[np.ndarray, np.ndarray]],
    unit_count: int,
    how: Aggregation = "sum",
    normalise: bool = False,
    alive: np.ndarray | None = None,
) -> np.ndarray:
    """Combine the scores of the filters in each unit.

    Args:
        makers: for each layer the units of its filters (n,), `FROZEN` for none, and their scores (n,); the scores of
            several filters of one unit in one layer are added up.
        unit_count: number of units.
        how: how the scores that several layers assign to a unit are combined.
        normalise: divide the scores of a layer by their mean over its units first.
        alive: the units in that mean, (unit_count,) bool, by default all; dropped ones would raise the others' scores.

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
