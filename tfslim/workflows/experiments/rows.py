"""Rows of the Flame paper's tables, from recipes."""

from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Stage1Row", "Stage2Row"]


@dataclass(frozen=True)
class Stage1Row:
    """A network of the table.

    Args:
        name: what to call it.
        arguments: of the network's constructor, beside those of the recipe's model.
        seeds: train it so many times, with the recipe's seed and those after it.
        learning_rate: in place of the recipe's, as small networks take higher ones.
        epochs: in place of the recipe's, which then has one stage: small networks learn for longer.
        paper_megabytes: the paper's own size, to show beside ours.
        paper_accuracy: the paper's own accuracy in %, to show beside ours.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    seeds: int = 1
    learning_rate: float | None = None
    epochs: int | None = None
    paper_megabytes: float | None = None
    paper_accuracy: float | None = None


@dataclass(frozen=True)
class Stage2Row:
    """A network in few bits.

    Args:
        name: what to call it.
        trained: its run folder in `trained`.
        bits: of log min-max; none for ternary weights.
        codec: log_min_max or ternary.
        scope: which weights are in few bits.
        taught: whether the teacher helps it to train on.
        paper_megabytes: the paper's own size, to show beside ours.
        paper_accuracy: the paper's own accuracy in %, to show beside ours.
    """

    name: str
    trained: str
    bits: int | None = None
    codec: Literal["log_min_max", "ternary"] = "log_min_max"
    scope: Literal["convolutions", "all"] = "all"
    taught: bool = False
    paper_megabytes: float | None = None
    paper_accuracy: float | None = None
