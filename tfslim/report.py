"""The report that every compression step returns."""

from __future__ import annotations  # so that Cost, which loads Keras, is a name alone

import dataclasses
import json
import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfslim._support.files import replacing
from tfslim._support.text import text_table

if TYPE_CHECKING:
    from tfslim.cost.model_cost import Cost

__all__ = ["Report", "chain_table"]

__all__ = ["Report", "chain_table"]

Figure = float | int | str


@dataclasses.dataclass
class Report:
    """Record of what one compression step did to a model.

    Args:
        step: name of the step, such as "prune_filters".
        before: cost of the input model, if it was measured.
        after: cost of the output model, if it was measured.
        done: the changes made, one line each.
        skipped: name of each part left unchanged -> the reason.
        figures: other results by name, such as accuracies, file bytes or seconds. The names state the units.

    Example:
        >>> print(Report("convert", figures={"file bytes": 2_371_584}, skipped={"softmax": "int8 has no rule for it"}))
        convert
        file bytes  2,371,584
        skipped softmax: int8 has no rule for it
    """

    step: str
    before: Cost | None = None
    after: Cost | None = None
    done: list[str] = dataclasses.field(default_factory=list)
    skipped: dict[str, str] = dataclasses.field(default_factory=dict)
    figures: dict[str, Figure] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        parts = [self.step]
        if self.before or self.after:
            parts.append(_comparison(self.before, self.after))
        if self.figures:
            parts.append(text_table([[name, _figure(value)] for name, value in self.figures.items()], align="<>"))
        parts += self.done
        parts += [f"skipped {what}: {why}" for what, why in self.skipped.items()]
        return "\n".join(parts)

    def to_dict(self) -> dict:
        """Convert to JSON types; NaN and infinities become strings."""
        return {
            "step": self.step,
            "before": self.before.to_dict() if self.before else None,
            "after": self.after.to_dict() if self.after else None,
            "done": list(self.done),
            "skipped": dict(self.skipped),
            "figures": {name: _plain(value) for name, value in self.figures.items()},
        }

    def save(self, path: str | os.PathLike) -> None:
        """Write `to_dict()` as JSON, atomically.

        Raises:
            FileNotFoundError: if the folder of `path` does not exist.
        """
        text = json.dumps(self.to_dict(), indent=2, ensure_ascii=False, allow_nan=False)
        with replacing(path) as temporary, open(temporary, "w", encoding="utf-8") as file:
            file.write(text + "\n")


def chain_table(reports: Sequence[Report]) -> str:
    """Format a table of the model's cost after each step.

    Args:
        reports: reports in the order of the steps; those without `after` are left out.

    Returns:
        One row per step: parameters, trainable parameters, MACs and weight bytes after it, each also as a percentage
        of the model before the first step.

    Example:
        >>> model = tfslim.models.VGG11((64, 64, 3), classes=10, module="flame")
        >>> print(chain_table([Report("train", after=tfslim.measure(model))]))
        step   parameters          trainable                MACs          weight bytes
        --------------------------------------------------------------------------------------
        train     465,554  100.0%    452,962  100.0%  23,032,192  100.0%     1,862,216  100.0%
    """
    measured = [report for report in reports if report.after]
    if not measured:
        return "no step was measured"
    start = measured[0].before or measured[0].after
    costs = [(report.step, report.after) for report in measured]
    if measured[0].before:
        costs.insert(0, ("start", start))
    rows = []
    for step, cost in costs:
        row = [step]
        for _, name in TOTALS:
            first = getattr(start, name)
            row += [f"{getattr(cost, name):,}", f"{getattr(cost, name) / first:.1%}" if first else ""]
        rows.append(row)
    head = ["step"]
    for title, _ in TOTALS:
        head += [title, ""]
    return text_table(rows, head=head, align="<" + ">>" * len(TOTALS))


TOTALS = (
    ("parameters", "params"),
    ("trainable", "trainable_params"),
    ("MACs", "macs"),
    ("weight bytes", "total_bytes"),
)


def _comparison(before: Cost | None, after: Cost | None) -> str:
    if before is None or after is None:
        cost, title = (before, "before") if after is None else (after, "after")
        rows = [[name, f"{getattr(cost, field):,}"] for name, field in TOTALS]
        return text_table(rows, head=["", title], align="<>")
    rows = []
    for name, field in TOTALS:
        old, new = getattr(before, field), getattr(after, field)
        rows.append([name, f"{old:,}", f"{new:,}", _change(old, new)])
    return text_table(rows, head=["", "before", "after", "change"], align="<>>>")


def _change(old: int, new: int) -> str:
    if old == new:
        return "same"
    return f"{new / old - 1:+.1%}" if old else "new"


def _figure(value: Figure) -> str:
    value = _plain(value)
    if isinstance(value, (bool, str)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.6g}"


def _plain(value: Figure) -> Figure:
    # Figures often come as numpy scalars, which json can't write.
    value = value.item() if hasattr(value, "item") else value
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
