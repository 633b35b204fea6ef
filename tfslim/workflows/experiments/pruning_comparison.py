"""Sets prunings by different scores side by side, each over its seeds; see `--help`."""

from pathlib import Path

from tfslim.training.run_folder import NAME, read_recipe
from tfslim.workflows.experiments.seeds import aggregate_seeds, check_alike, shown

FIGURES = ("accuracy", "balanced", "EER")  # what the names of the compared figures begin with
COUNTED = {"ratio": "filters", "params": "parameters", "macs": "MACs", "bytes": "weight bytes"}
NEAR = 0.02  # share by which cuts of the same limit may leave different amounts: filters don't cost the same


def compare(runs: list[str]) -> tuple[str, dict[str, list[dict]]]:
    """What the runs counted, and score -> the rows of its runs' tables, merged over the seeds.

    Raises:
        FileNotFoundError: a run has no table of a pruning.
        ValueError: the runs differ in more than seed and score, or in how much their cuts left, or scores of one seed
            began with different networks.
    """
    groups: dict[str, list[str]] = {}
    begun: dict[int, tuple[str, str]] = {}  # seed -> a run, and the network that it began with
    for run in runs:
        if not (Path(run) / "pruning.json").is_file():
            raise FileNotFoundError(f"{Path(run) / 'pruning.json'}: not there; let prune.py end first")
        recipe = read_recipe(Path(run) / NAME)
        groups.setdefault(recipe["pruning"]["importance"], []).append(run)
        other, network = begun.setdefault(recipe["seed"], (run, recipe["trained"]))
        if network != recipe["trained"]:
            raise ValueError(f"{run}: began with another trained network than {other}, of the same seed")
    compared = {score: aggregate_seeds(group) for score, group in groups.items()}
    first, *others = groups
    target = read_recipe(Path(groups[first][0]) / NAME)["pruning"]
    counted = next(name for option, name in COUNTED.items() if target[option] is not None)
    left = [row[counted]["mean"] for row in compared[first]]
    for score in others:
        check_alike(Path(groups[first][0]), Path(groups[score][0]), {"importance": score})
        found = [row[counted]["mean"] for row in compared[score]]
        if len(found) != len(left) or any(abs(a - b) > NEAR * b for a, b in zip(found, left, strict=True)):
            amounts = [", ".join(f"{amount:,.0f}" for amount in each) for each in (found, left)]
            raise ValueError(f"{score}: its cuts left {amounts[0]} {counted}, and those by {first} {amounts[1]}")
    return counted, compared


def _markdown(name: str, counted: str, compared: dict[str, list[dict]]) -> str:
    heads = [f"{score} ({len(rows[0][name]['runs'])} runs)" for score, rows in compared.items()]
    lines = [[f"{name}, %", counted, *heads], ["---", *["--:"] * (1 + len(heads))]]
    for place, row in enumerate(next(iter(compared.values()))):
        figures = [shown(name, rows[place][name]) for rows in compared.values()]
        lines.append([row["model"], shown(counted, row[counted]), *figures])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
