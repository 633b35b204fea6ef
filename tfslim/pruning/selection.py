"""Selection of the units to remove for a budget.

The least important for their cost go first, until the budget is met.
"""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from tfslim.pruning.dependency.channel_graph import ChannelGraph, Group

__all__ = ["select_units"]

Left = Callable[[np.ndarray], int]
WASTE = 0.01  # share of the limit by which a selection may fall below it before smaller steps are tried


def select_units(
    graph: ChannelGraph,
    scores: np.ndarray,
    left: Left,
    limit: float,
    scope: Literal["global", "per-layer"] = "global",
    round_to: int = 1,
    min_filters: int = 1,
    for_savings: bool = True,
) -> np.ndarray:
    """Select units to remove so that a limit is met.

    Units with the lowest score relative to what their removal saves go first. Otherwise a limit on MACs would take
    nearly all filters of the late layers, which see few pixels, before any of the early layers, which cost most. A unit
    that several layers make saves filters in each, so its score should be the sum of theirs.

    Args:
        graph: the model's channel graph.
        scores: (graph.unit_count,), higher for more important units.
        left: function of a (graph.unit_count,) bool mask of removed units that returns what is left, such as
            `Budget.macs`; it must decrease as more units are removed.
        limit: the most that may be left.
        scope: "global" compares all units; "per-layer" takes an equal share of every group, lowest scores first.
        round_to: each layer keeps a multiple of this many filters of a group, or all of them.
        min_filters: the fewest filters that each layer keeps of a group, or all of them if it has no more.
        for_savings: divide scores by what their units save; False compares them as they are, as random ones should be.

    Returns:
        (graph.unit_count,) bool, True for units to remove.

    Raises:
        ValueError: the limit can't be met, `scope` is unknown, or `round_to` or `min_filters` is below 1.

    Example:
        >>> graph = channel_graph(tfslim.models.SlimNet((64, 64, 3)))
        >>> scores = weight_importance(graph)
        >>> removed_mask = select_units(graph, scores, Budget(graph).params, limit=300_000, round_to=8)
        >>> Budget(graph).params(removed_mask) <= 300_000
        True
    """
    if scope not in ("global", "per-layer"):
        raise ValueError(f"scope={scope!r}; expected 'global' or 'per-layer'")
    if round_to < 1 or min_filters < 1:
        raise ValueError(f"round_to={round_to} and min_filters={min_filters} must be 1 or more")
    steps = _steps(graph, scores, left, scope, round_to, min_filters, for_savings)
    none_removed, all_removed = _removed_by(graph, []), _removed_by(graph, steps)
    if left(none_removed) <= limit:
        return none_removed
    if left(all_removed) > limit:
        raise ValueError(
            f"at most {math.floor(limit):,} may be left, but {left(all_removed):,} are left after removing all that "
            f"may be removed (round_to={round_to}, min_filters={min_filters}, {len(graph.frozen)} layers stay); raise "
            "the limit, or lower round_to or min_filters"
        )
    low, high = 0, len(steps)  # too few steps, and enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(_removed_by(graph, steps[:middle])) <= limit else (middle, high)
    enough = _removed_by(graph, steps[:high])
    if left(enough) >= limit * (1 - WASTE):
        return enough
    return _in_smaller_steps(graph, steps, low, left, limit, enough)


def _steps(
    graph: ChannelGraph, scores, left: Left, scope: str, round_to: int, min_filters: int, for_savings: bool
) -> list[np.ndarray]:
    """Return sets of units to remove together, in removal order.

    A set has as many units as the rounding of its group requires.
    """
    steps, keys = [], []
    whole = left(_removed_by(graph, []))
    for group in graph.groups:
        # All units of a group save the same.
        saved = max(1, whole - left(_removed_by(graph, [group.units[:1]]))) if for_savings else 1
        count, filters = len(group.units), _filters_a_unit(graph, group)
        order = group.units[np.argsort(scores[group.units], kind="stable")]
        multiple = math.lcm(*(round_to // math.gcd(round_to, each) for each in filters))
        fewest = -(-max(min_filters, round_to) // min(filters))
        least = min(count, -(-fewest // multiple) * multiple)
        stops = [stop for stop in range(count % multiple, count - least + 1, multiple) if stop]
        for begin, stop in zip([0, *stops], stops, strict=False):
            steps.append(order[begin:stop])
            # A step takes the key of its last unit, so that the steps of a group stay in order.
            keys.append(stop / count if scope == "per-layer" else scores[order[stop - 1]] / saved)
    return [steps[place] for place in np.argsort(keys, kind="stable")]


def _filters_a_unit(graph: ChannelGraph, group: Group) -> list[int]:
    """Return how many filters each maker has in one unit."""
    return [int((graph.filters[name] == group.units[0]).sum()) for name in group.makers]


def _removed_by(graph: ChannelGraph, steps: list[np.ndarray]) -> np.ndarray:
    removed_mask = np.zeros(graph.unit_count, bool)
    for units in steps:
        removed_mask[units] = True
    return removed_mask


def _in_smaller_steps(graph, steps, low: int, left: Left, limit: float, otherwise: np.ndarray) -> np.ndarray:
    """Approach the limit from one step too few.

    Of the following steps those are taken that don't fall far below the limit.
    """
    removed_mask = _removed_by(graph, steps[:low])
    passed = set()  # groups with a step that was too large: their later steps would not be their lowest scores
    group_of = np.empty(graph.unit_count, int)
    for number, group in enumerate(graph.groups):
        group_of[group.units] = number
    for units in steps[low:]:
        if group_of[units[0]] in passed:
            continue
        more = removed_mask.copy()
        more[units] = True
        rest = left(more)
        if rest < limit * (1 - WASTE):
            passed.add(group_of[units[0]])
        elif rest <= limit:
            return more
        else:
            removed_mask = more
    return otherwise
