"""Stores trained networks in few bits, before and after training on, and makes the paper's tables; see `--help`."""

import dataclasses
import pathlib
from dataclasses import dataclass
from typing import Literal

import program
from recipe import Distillation, Quantization, Recipe
from run_folder import open_data
from runs import Run, run_all
from same_data import check_same_data
from written_recipe import read_recipe

DESCRIPTION = """\
Takes the networks that stage1.py trained, and makes the tables of the Flame paper's second stage: each network at its
bits by the authors' rule and by ours, snapped after training, and trained on in few bits; sizes by the paper's rule and
honestly; accuracy on the test part; and a picture of accuracy against bits.

Each training is a run folder in --out, made by quantize.py. What is done is not done again: the same command goes on
after a stop, from the last whole epoch of each run. Rows whose network is not trained yet are left out and named; a run
of another recipe, or of a network that was trained anew since, is refused.

examples:
  python training/stage2.py --config training/recipes/flame-stage2.yaml --data celeba --trained runs/stage1 \\
      --out runs/stage2
  python training/stage2.py --config training/recipes/flame-stage2.yaml --data celeba --trained runs/stage1 --dry-run
  python training/stage2.py --config training/recipes/flame-stage2.yaml --data celeba --trained runs/stage1 --table
"""

FLAGS = {"dry_run": "list the runs and stop", "table": "make the table of what is there, and train nothing"}


@dataclass(frozen=True)
class Row:
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


def main(
    recipe: Recipe,
    trained: str,
    teacher: str,
    rows: list[Row],
    curve: list[str],
    curve_bits: list[int],
    distillation: Distillation = Distillation(),
    out: str = "runs/stage2",
    jobs: int = 1,
    dry_run: bool = False,
    table: bool = False,
) -> int:
    """Quantises the rows.

    Args:
        recipe: the data, and how to train on.
        trained: the folder that stage1.py wrote.
        teacher: the teacher's run folder in it.
        rows: the networks and their bits.
        curve: run folders whose accuracy is drawn against the bits.
        curve_bits: those bits.
        distillation: what the taught copy.
        out: folder for the run folders and the tables.
        jobs: trainings at once.
        dry_run: see `FLAGS`.
        table: see `FLAGS`.
    """
    if recipe.task != "identity":
        raise ValueError("stage 2 is about identities: the recipe needs task: identity")
    names = [row.name for row in rows]
    if not rows or len(set(names)) < len(names) or any("/" in name for name in names):
        raise ValueError(f"rows: at least one is needed, and names must differ and have no /: {names}")
    source, folder = pathlib.Path(trained), pathlib.Path(out)
    present = [row for row in rows if (source / row.trained / "report.json").is_file()]
    for row in rows:
        if row not in present:
            print(f"left out: {row.name}, as {source / row.trained} is not trained yet")
    if not present:
        raise ValueError(f"{source}: holds none of the networks; train them with stage1.py first")
    runs = {row: plan(recipe, row, source, source / teacher, distillation, folder) for row in present}
    for row, run in runs.items():
        check(run, source / row.trained)
    celeba = open_data(recipe, check_images=False)
    teaches = any(row.taught for row in present) and (source / teacher / "report.json").is_file()
    for name in dict.fromkeys([*(row.trained for row in present), *([teacher] if teaches else [])]):
        check_same_data(source / name / "model.keras", recipe, celeba)
    if dry_run:
        for run in runs.values():
            print(f"{'done' if run.done else 'to do':6} {run.folder}")
        return 0
    failed = 0 if table else run_all(list(runs.values()), jobs)
    import stage2_table

    drawn = [source / name for name in curve if (source / name / "report.json").is_file()]
    stage2_table.write(recipe, celeba, source, runs, drawn, curve_bits, folder)
    return 1 if failed else 0


def plan(
    recipe: Recipe,
    row: Row,
    source: pathlib.Path,
    teacher: pathlib.Path,
    distillation: Distillation,
    folder: pathlib.Path,
) -> Run:
    """The training of a row with its weights in few bits."""
    asked = Quantization(codec=row.codec, bits=row.bits, scope=row.scope)
    options = recipe.written() | {"trained": str(source / row.trained), "quantization": dataclasses.asdict(asked)}
    if row.taught:
        options |= {"teacher": str(teacher), "distillation": dataclasses.asdict(distillation)}
    return Run(folder / row.name, "quantize.py", options, row.name, recipe.seed, row.taught, last="quantization.json")


def check(run: Run, trained: pathlib.Path) -> None:
    """Raises a ValueError if the folder holds a run of another recipe, or of another network than `trained` holds."""
    run.check()
    if not (run.folder / "recipe.yaml").is_file():
        return
    from tfslim.distillation import fingerprint
    from tfslim.model_files import load_keras_file

    began = read_recipe(run.folder / "recipe.yaml")
    if began.get("trained") != fingerprint(load_keras_file(trained / "model.keras")):
        raise ValueError(
            f"{run.folder}: was begun with another network than {trained} holds now; name another folder with --out"
        )


if __name__ == "__main__":
    program.run(main, DESCRIPTION, flags=FLAGS, recipe="recipe")
