"""Comparison of prunings by importance score, each over its seeds."""

from pathlib import Path

from tfslim._support.files import replacing, write_json
from tfslim._support.text import pluralize
from tfslim.training.run_folder import NAME, read_recipe
from tfslim.workflows.experiments.seeds import aggregate_seeds, check_alike, format_figure

__all__ = ["compare_prunings", "write_comparison"]

FIGURES = ("accuracy", "balanced", "EER")  # what the names of the compared figures begin with
COUNTED = {"ratio": "filters", "params": "parameters", "macs": "MACs", "bytes": "weight bytes"}
NEAR = 0.02  # share by which cuts of the same limit may leave different amounts: filters don't cost the same


def write_comparison(runs: list[str], out: str) -> None:
    """Write the table of several prunings, with curves.

    The table is printed, written as Markdown and JSON, and each figure is drawn as a curve.

    Args:
        runs: run folders of `tfslim prune`.
        out: the folder to write.

    Raises:
        FileNotFoundError: a run has no table of a pruning.
        ValueError: the runs can't be compared, as `compare_prunings` says.

    Example:
        >>> write_comparison(["runs/taylor-0", "runs/l2-0"], "runs/compared")
    """
    from tfslim.plots.charts import pruning_curve

    counted, compared = compare_prunings(runs)
    first = next(iter(compared.values()))
    left = [row[counted]["mean"] for row in first]
    names = [name for name in first[0] if name.startswith(FIGURES)]
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    text = "\n\n".join(_markdown(name, counted, compared) for name in names)
    print(text)
    with replacing(folder / "compared.md") as beside:
        Path(beside).write_text(text + "\n", encoding="utf-8")
    write_json(folder / "compared.json", compared)
    removed = [1 - amount / left[0] for amount in left]
    for name in names:
        curves = {score: [row[name]["mean"] for row in rows] for score, rows in compared.items()}
        deviations = {score: [row[name]["deviation"] or 0 for row in rows] for score, rows in compared.items()}
        pruning_curve(removed, curves, folder / f"{name.replace(' ', '-')}.png", name, deviations, counted)
    print(f"wrote {folder / 'compared'}.md, .json and {pluralize(len(names), 'picture')}")


def compare_prunings(runs: list[str]) -> tuple[str, dict[str, list[dict]]]:
    """Merge tables of runs that pruned by the same score.

    Args:
        runs: run folders of `tfslim prune`.

    Returns:
        The amount that the runs counted, such as "filters", and score -> the rows of its runs, merged over the seeds.

    Raises:
        FileNotFoundError: a run has no table of a pruning.
        ValueError: the runs differ in more than seed and score, or in how much their cuts left, or scores of one seed
            began with different networks.
    """
    groups: dict[str, list[str]] = {}
    begun: dict[int, tuple[str, str]] = {}  # seed -> a run, and the network that it began with
    for run in runs:
        if not (Path(run) / "pruning.json").is_file():
            raise FileNotFoundError(f"{Path(run) / 'pruning.json'}: not there; let `tfslim prune` finish first")
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
        figures = [format_figure(name, rows[place][name]) for rows in compared.values()]
        lines.append([row["model"], format_figure(counted, row[counted]), *figures])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
