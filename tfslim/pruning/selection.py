"""Which units go: those that count least for what they cost, until a budget is met."""

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from tfslim.pruning.dependency.channel_graph import ChannelGraph, Group

Left = Callable[[np.ndarray], int]
WASTE = 0.01  # share of the limit by which a choice may fall below it, before smaller steps are looked for


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
    """Chooses units such that what is left is within a limit, and hardly below it.

    Those go first whose score is lowest for what their going saves, of what is counted: else a limit of MACs would take
    nearly all filters of the late layers, where few pixels are left, before one of the early layers that cost most.
    A unit that several layers make saves filters in each, so its score should be the sum of theirs.

    Args:
        graph: the model's channel graph.
        scores: (graph.unit_count,), higher for what counts more.
        left: (graph.unit_count,) bool, which units go -> what is left; less when more go. Such as `Budget.macs`.
        limit: the most that may be left.
        scope: "global" compares all units; "per-layer" takes an equal share of every group, lowest scores first.
        round_to: the filters that each layer has left of a group are a multiple of this, or all of them.
        min_filters: the least filters that each layer has left of a group, or all of them if it has no more.
        for_savings: compare scores for what their units save; else as they are, as random ones should be.

    Returns:
        (graph.unit_count,) bool: whether a unit goes.

    Raises:
        ValueError: the limit can't be met, `scope` is unknown, or `round_to` or `min_filters` is below 1.

    Example:
        >>> gone = select_units(graph, scores, Budget(graph).macs, limit=50e6, round_to=8)
    """
    if scope not in ("global", "per-layer"):
        raise ValueError(f"scope={scope!r}; expected 'global' or 'per-layer'")
    if round_to < 1 or min_filters < 1:
        raise ValueError(f"round_to={round_to} and min_filters={min_filters} must be 1 or more")
    steps = _steps(graph, scores, left, scope, round_to, min_filters, for_savings)
    none, every = _gone(graph, []), _gone(graph, steps)
    if left(none) <= limit:
        return none
    if left(every) > limit:
        raise ValueError(
            f"at most {math.floor(limit):,} may be left, but {left(every):,} are when all goes that may "
            f"(round_to={round_to}, min_filters={min_filters}, {len(graph.frozen)} layers stay)"
        )
    low, high = 0, len(steps)  # steps that are too few, and enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if left(_gone(graph, steps[:middle])) <= limit else (middle, high)
    enough = _gone(graph, steps[:high])
    if left(enough) >= limit * (1 - WASTE):
        return enough
    return _in_smaller_steps(graph, steps, low, left, limit, enough)


def _steps(
    graph: ChannelGraph, scores, left: Left, scope: str, round_to: int, min_filters: int, for_savings: bool
) -> list[np.ndarray]:
    """The units that go together as the group's count must be round, in the order in which they go."""
    steps, keys = [], []
    whole = left(_gone(graph, []))
    for group in graph.groups:
        saved = max(1, whole - left(_gone(graph, [group.units[:1]]))) if for_savings else 1  # by any of its units
        count, filters = len(group.units), _filters_a_unit(graph, group)
        order = group.units[np.argsort(scores[group.units], kind="stable")]
        multiple = math.lcm(*(round_to // math.gcd(round_to, each) for each in filters))
        fewest = -(-max(min_filters, round_to) // min(filters))
        least = min(count, -(-fewest // multiple) * multiple)
        stops = [stop for stop in range(count % multiple, count - least + 1, multiple) if stop]
        for begin, stop in zip([0, *stops], stops, strict=False):
            steps.append(order[begin:stop])
            # A step counts as the last unit of it does, so that a group's own steps stay in order.
            keys.append(stop / count if scope == "per-layer" else scores[order[stop - 1]] / saved)
    return [steps[place] for place in np.argsort(keys, kind="stable")]


def _filters_a_unit(graph: ChannelGraph, group: Group) -> list[int]:
    """How many filters each layer that makes a group has in one of its units."""
    return [int((graph.filters[name] == group.units[0]).sum()) for name in group.makers]


def _gone(graph: ChannelGraph, steps: list[np.ndarray]) -> np.ndarray:
    gone = np.zeros(graph.unit_count, bool)
    for units in steps:
        gone[units] = True
    return gone


def _in_smaller_steps(graph, steps, low: int, left: Left, limit: float, otherwise: np.ndarray) -> np.ndarray:
    """From one step too few, goes on with the next steps that are small enough not to fall far below the limit."""
    gone = _gone(graph, steps[:low])
    passed = set()  # groups of which a step was too large: later ones of it would not be its lowest
    group_of = np.empty(graph.unit_count, int)
    for number, group in enumerate(graph.groups):
        group_of[group.units] = number
    for units in steps[low:]:
        if group_of[units[0]] in passed:
            continue
        more = gone.copy()
        more[units] = True
        rest = left(more)
        if rest < limit * (1 - WASTE):
            passed.add(group_of[units[0]])
        elif rest <= limit:
            return more
        else:
            gone = more
    return otherwise
