"""Tables of several runs of one recipe, merged.

They have mean and standard deviation over the seeds.
"""

import statistics
from pathlib import Path
from typing import Any

from tfslim._support.files import read_json, replacing, write_json
from tfslim.training.run_folder import NAME, differences, read_recipe

__all__ = ["aggregate_seeds", "check_alike", "format_figure", "merge", "write_seeds_table"]

TABLES = ("compression.json", "quantization.json", "pruning.json")
SEED_KEYS = {"seed", "trained", "teacher_weights"}  # in which the recipes of several seeds may differ
SHARES = ("accuracy", "balanced", "EER", "TAR", "share", "least zeros", "majority")  # in 0..1, shown in %


def write_seeds_table(runs: list[str], out: str | None = None) -> None:
    """Write the merged table of several runs.

    The table is printed, and written as Markdown and JSON.

    Args:
        runs: run folders of `tfslim prune` or `tfslim quantize`, one a seed.
        out: Markdown file to write; the same as JSON lies beside it.

    Raises:
        FileNotFoundError: a run has no table.
        ValueError: as for `aggregate_seeds`, or `out` ends in .json.

    Example:
        >>> write_seeds_table(["runs/slimnet-0", "runs/slimnet-1"], "slimnet.md")
    """
    if out and Path(out).suffix == ".json":
        raise ValueError(f"{out}: is the Markdown table's name, and the JSON lies beside it: let it end in .md")
    merged = aggregate_seeds(runs)
    text = _markdown(merged, len(runs))
    print(text)
    if out:
        with replacing(out) as beside:
            Path(beside).write_text(text + "\n", encoding="utf-8")
        write_json(Path(out).with_suffix(".json"), {"runs": runs, "rows": merged})


def aggregate_seeds(runs: list[str]) -> list[dict]:
    """Merge the tables of several seeds of one recipe.

    Args:
        runs: run folders, one a seed.

    Returns:
        The rows of the table, as `merge` makes them.

    Raises:
        FileNotFoundError: a run has no table.
        ValueError: a run or a seed is given twice, a run has other rows, or differs in more than its seed.
    """
    if len({Path(run).resolve() for run in runs}) < len(runs):
        raise ValueError(f"a run is given twice: {', '.join(runs)}")
    tables = [_table(Path(run)) for run in runs]
    for run in runs[1:]:
        check_alike(Path(runs[0]), Path(run))
    begun: dict[int, str] = {}  # seed -> its run
    for run in runs if len(runs) > 1 else []:
        seed = read_recipe(Path(run) / NAME)["seed"]
        if seed in begun:
            raise ValueError(f"duplicate seed {seed} in runs {begun[seed]} and {run}; give one run per seed")
        begun[seed] = run
    rows = {str(run): [row["model"] for row in table] for run, table in zip(runs, tables, strict=True)}
    odd = next((run for run in rows if rows[run] != rows[runs[0]]), None)
    if odd:
        raise ValueError(f"{odd}: has the rows {', '.join(rows[odd])}, and {runs[0]} {', '.join(rows[runs[0]])}")
    return [merge([table[place] for table in tables]) for place in range(len(tables[0]))]


def merge(rows: list[dict]) -> dict:
    """Merge the same row of several tables.

    A figure that one of them lacks is None.

    Example:
        >>> merge([{"model": "sparse", "accuracy": 0.5}, {"model": "sparse", "accuracy": 0.7}])
        {'model': 'sparse', 'accuracy': {'mean': 0.6, 'deviation': 0.1414..., 'runs': [0.5, 0.7]}}
    """
    merged: dict = {"model": rows[0]["model"]}
    for name in rows[0]:
        found = [row.get(name) for row in rows]
        if name == "model" or any(isinstance(value, list | str) for value in found):
            continue
        if None in found:
            merged[name] = None
            continue
        runs: list[Any] = found
        deviation = statistics.stdev(runs) if len(runs) > 1 else None
        merged[name] = {"mean": statistics.fmean(runs), "deviation": deviation, "runs": runs}
    return merged


def _table(folder: Path) -> list[dict]:
    found = [folder / name for name in TABLES if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(
            f"{folder}: holds none of {', '.join(TABLES)}; let `tfslim prune` or `tfslim quantize` finish first"
        )
    return read_json(found[0], list)


def check_alike(first: Path, other: Path, pruning: dict | None = None) -> None:
    """Check that two runs differ in their seed alone.

    Args:
        first: a run folder.
        other: another.
        pruning: options of the pruning in which the other may differ, with its values.

    Raises:
        ValueError: they differ in more.
    """
    recipe = read_recipe(first / NAME)
    if pruning:
        recipe["pruning"] = recipe["pruning"] | pruning
    changed = set(differences(other, recipe)) - SEED_KEYS
    if changed:
        raise ValueError(f"{other}: differs from {first} in {', '.join(sorted(changed))}, not in its seed alone")


def _markdown(rows: list[dict], runs: int) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row if name != "model"))
    heads = [f"{name}, %" if name.startswith(SHARES) else name for name in names]
    lines = [["model", *heads], ["---", *["--:"] * len(names)]]
    lines += [[row["model"], *(format_figure(name, row.get(name)) for name in names)] for row in rows]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", f"{runs} runs"])


def format_figure(name: str, figure: dict | None) -> str:
    """Format a figure that `merge` made for a table."""
    if figure is None:
        return "-"
    if name == "epoch":
        return ", ".join(f"{epoch}" for epoch in figure["runs"])
    if not name.startswith(SHARES):
        return f"{figure['mean']:,.0f}"
    spread = "" if figure["deviation"] is None else f" ± {100 * figure['deviation']:.2f}"
    return f"{100 * figure['mean']:.2f}{spread}"
