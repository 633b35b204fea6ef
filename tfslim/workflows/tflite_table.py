"""Figures of .tflite files beside their model, in rows."""

from collections.abc import Callable, Mapping
from typing import Any

import rich.box
import rich.table
from rich.markup import escape

from tfslim._support.terminal import print_table
from tfslim.workflows.evaluation.results import percent

Figures = Mapping[str, Any]
Columns = dict[str, tuple[str, Callable[[Any], str]]]


def _scientific(value: Any) -> str:
    return f"{value:.1e}"


def _cosine(value: float) -> str:
    return f"{value:.5f}"


SIZES: Columns = {"bytes": ("bytes", "{:,}".format), "gzipped": ("gzipped", "{:,}".format)}
ANSWERS: Columns = {
    **SIZES,
    "largest\nerror": ("max_abs_logit_error", _scientific),
    "mean\nerror": ("mean_abs_logit_error", _scientific),
    "flips": ("flips", "{:,}".format),
    "flips,\n%": ("flip_share", lambda share: f"{100 * share:.3f}"),
    "Keras,\n%": ("accuracy_keras", percent),
    "file,\n%": ("accuracy_tflite", percent),
}
EMBEDDINGS: Columns = {
    **SIZES,
    "largest\nerror": ("max_abs_error", _scientific),
    "mean\nerror": ("mean_abs_error", _scientific),
    "lowest\ncosine": ("min_cosine", _cosine),
    "mean\ncosine": ("mean_cosine", _cosine),
}


def show(results: Mapping[str, Figures], task: str, title: str) -> None:
    """Show the files' figures and the tensors left in float.

    Args:
        results: kind of file -> its figures as `tfslim.litert.verify` names them, or {"error": why it was not made}.
        task: "attributes", "identities" or "embeddings".
        title: a line above the table.
    """
    columns = EMBEDDINGS if task == "embeddings" else ANSWERS
    heads = [rich.table.Column(head, justify="right", no_wrap=True) for head in columns]
    first = rich.table.Column("file", no_wrap=True)
    table = rich.table.Table(
        first, *heads, title=escape(title), box=rich.box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False
    )
    for kind, row in results.items():
        cells = ["not made"] if "error" in row else [shown(row.get(key)) for key, shown in columns.values()]
        table.add_row(kind, *cells)
    print_table(table)
    for kind, row in results.items():
        for tensor, why in row.get("in_float", {}).items():
            print(f"{kind}: {tensor}: {why}")
