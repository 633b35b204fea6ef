"""How much of a pruning's target is to be reached after each drop."""

from typing import Literal

Schedule = Literal["constant", "polynomial", "one-shot"]


def progress(schedule: Schedule, done: int, drops: int) -> float:
    """The share of the target to be reached with a drop, 0..1.

    Args:
        schedule: "constant": the same with each drop; "polynomial": much at first, 1 - (1 - done / drops)^3;
            "one-shot": all with the first.
        done: number of the drop, from 1.
        drops: number of drops in all.

    Raises:
        ValueError: `schedule` is unknown, or `done` is not in 1..drops.

    Example:
        >>> progress("polynomial", 1, 2)
        0.875

    Source: the polynomial of Zhu and Gupta, "To prune, or not to prune", arXiv 1710.01878, equation 1.
    """
    if not 1 <= done <= drops:
        raise ValueError(f"drop {done} of {drops}; expected one of 1 to {drops}")
    if schedule == "constant":
        return done / drops
    if schedule == "polynomial":
        return 1 - (1 - done / drops) ** 3
    if schedule == "one-shot":
        return 1.0
    raise ValueError(f"schedule={schedule!r}; expected 'constant', 'polynomial' or 'one-shot'")
