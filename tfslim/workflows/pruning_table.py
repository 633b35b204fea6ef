"""Table of a pruning, cut by cut.

It has the size that each cut left, and its accuracy on the test part.
"""

import gzip
from pathlib import Path

import rich.table

import tfslim
from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import print_table, progress_bar
from tfslim.inference.model_files import load_keras_file
from tfslim.pruning import channel_graph
from tfslim.training.recipe import Recipe
from tfslim.workflows.evaluation.results import percent
from tfslim.workflows.test_figures import judge_of


def write_pruning_table(recipe: Recipe, models: dict[str, Path], folder: Path) -> None:
    """Write the table as JSON and CSV, with its curve.

    The table is printed too.

    Args:
        recipe: the recipe, for its data and task.
        models: label -> file of a model, the unpruned one first.
        folder: the folder to write.
    """
    judge = judge_of(recipe)
    lines = []
    with progress_bar("measuring") as move:
        for number, (label, model) in enumerate(models.items(), start=1):
            lines.append({"model": label, **_cost(model), **judge(model)})
            move(number, len(models))
    write_rows(folder / "pruning.csv", lines)
    write_json(folder / "pruning.json", lines)
    _print(lines)
    _draw(lines, folder / "pruning.png")
    print(f"wrote {folder / 'pruning'}.json, .csv and .png")


def _cost(file: Path) -> dict[str, int]:
    model = load_keras_file(file)
    cost = tfslim.measure(model)
    content = file.read_bytes()
    return {
        "filters": channel_graph(model).filter_count,
        "parameters": cost.params,
        "MACs": cost.macs,
        "weight bytes": cost.total_bytes,
        "file bytes": len(content),
        "gzipped bytes": len(gzip.compress(content)),
    }


def _print(lines: list[dict]) -> None:
    """Print the columns that fit on a screen.

    The files have all columns.
    """
    shown = rich.table.Table("model", title=f"pruning; shares in %, majority answer: {percent(lines[0]['majority'])}")
    shares = [name for name in lines[0] if name.startswith(("accuracy", "balanced", "EER"))]
    for head in ("filters", "parameters", "M MACs", "kB", *shares):
        shown.add_column(head, justify="right")
    for line in lines:
        size = (f"{line['filters']:,}", f"{line['parameters']:,}", f"{line['MACs'] / 1e6:.1f}")
        shown.add_row(
            line["model"], *size, f"{line['weight bytes'] / 1e3:,.0f}", *(percent(line[name]) for name in shares)
        )
    print_table(shown)


def _draw(lines: list[dict], path: Path) -> None:
    from tfslim.plots.charts import pruning_curve

    removed = [1 - line["filters"] / lines[0]["filters"] for line in lines]
    names = [name for name in lines[0] if name.startswith(("accuracy", "EER"))]
    pruning_curve(removed, {name: [line[name] for line in lines] for name in names}, path)
