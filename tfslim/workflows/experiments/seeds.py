"""Puts the tables of several runs of one recipe together: mean and spread over the seeds; see `--help`."""

import statistics
from pathlib import Path

from tfslim.training.run_folder import NAME, read_recipe

TABLES = ("compression.json", "quantization.json", "pruning.json")
OF_A_SEED = {"seed", "trained", "teacher_weights"}  # what seeds' recipes may differ in
SHARES = ("accuracy", "balanced", "EER", "TAR", "share", "least zeros", "majority")  # in 0..1, shown in %


def aggregate_seeds(runs: list[str]) -> list[dict]:
    """The tables of several seeds of one recipe as one, row by row as `merge` makes them.

    Raises:
        FileNotFoundError: a run has no table.
        ValueError: a run or a seed is given twice, a run has other rows, or differs in more than its seed.
    """
    if len({Path(run).resolve() for run in runs}) < len(runs):
        raise ValueError(f"a run is given twice: {', '.join(runs)}")
    tables = [_table(Path(run)) for run in runs]
    for run in runs[1:]:
        check_alike(Path(runs[0]), Path(run))
    seeds = [read_recipe(Path(run) / NAME)["seed"] for run in runs] if len(runs) > 1 else []
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"seeds {', '.join(map(str, seeds))} of {', '.join(runs)}: one is there twice")
    rows = {str(run): [row["model"] for row in table] for run, table in zip(runs, tables, strict=True)}
    odd = next((run for run in rows if rows[run] != rows[runs[0]]), None)
    if odd:
        raise ValueError(f"{odd}: has the rows {', '.join(rows[odd])}, and {runs[0]} {', '.join(rows[runs[0]])}")
    return [merge([table[place] for table in tables]) for place in range(len(tables[0]))]


def merge(rows: list[dict]) -> dict:
    """The same row of several tables as one; a figure that one of them lacks is None.

    Example:
        >>> merge([{"model": "sparse", "accuracy": 0.5}, {"model": "sparse", "accuracy": 0.7}])
        {'model': 'sparse', 'accuracy': {'mean': 0.6, 'deviation': 0.1414..., 'runs': [0.5, 0.7]}}
    """
    merged: dict = {"model": rows[0]["model"]}
    for name in rows[0]:
        found = [row.get(name) for row in rows]
        if name == "model" or any(isinstance(value, list | str) for value in found):
            continue
        whole = None not in found
        deviation = statistics.stdev(found) if whole and len(found) > 1 else None
        merged[name] = {"mean": statistics.fmean(found), "deviation": deviation, "runs": found} if whole else None
    return merged


def _table(folder: Path) -> list[dict]:
    found = [folder / name for name in TABLES if (folder / name).is_file()]
    if not found:
        raise FileNotFoundError(f"{folder}: holds none of {', '.join(TABLES)}; let prune.py or quantize.py end first")
    from tfslim._support.files import read_json

    return read_json(found[0], list)


def check_alike(first: Path, other: Path, pruning: dict | None = None) -> None:
    """Raises a ValueError if two runs differ in more than their seed, and than what `pruning` says of the other's."""
    from tfslim.training.run_folder import differences

    recipe = read_recipe(first / NAME)
    if pruning:
        recipe["pruning"] = recipe["pruning"] | pruning
    changed = set(differences(other, recipe)) - OF_A_SEED
    if changed:
        raise ValueError(f"{other}: differs from {first} in {', '.join(sorted(changed))}, not in its seed alone")


def _markdown(rows: list[dict], runs: int) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row if name != "model"))
    heads = [f"{name}, %" if name.startswith(SHARES) else name for name in names]
    lines = [["model", *heads], ["---", *["--:"] * len(names)]]
    lines += [[row["model"], *(shown(name, row.get(name)) for name in names)] for row in rows]
    return "\n".join(["| " + " | ".join(line) + " |" for line in lines] + ["", f"{runs} runs"])


def shown(name: str, figure: dict | None) -> str:
    """A figure that `merge` made, as a table has it."""
    if figure is None:
        return "-"
    if name == "epoch":
        return ", ".join(f"{epoch}" for epoch in figure["runs"])
    if not name.startswith(SHARES):
        return f"{figure['mean']:,.0f}"
    spread = "" if figure["deviation"] is None else f" ± {100 * figure['deviation']:.2f}"
    return f"{100 * figure['mean']:.2f}{spread}"
