"""Stores trained networks in few bits, before and after training on, and makes the paper's tables; see `--help`."""

import pathlib

from tfslim.cli import app
from tfslim.training.provenance import check_same_data
from tfslim.training.recipe import Distillation, Recipe
from tfslim.training.run_folder import open_data
from tfslim.workflows.experiments.runs import run_all
from tfslim.workflows.experiments.stage2 import Stage2Row, check, plan, write_stage2_table

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


def main(
    recipe: Recipe,
    trained: str,
    teacher: str,
    rows: list[Stage2Row],
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

    drawn = [source / name for name in curve if (source / name / "report.json").is_file()]
    write_stage2_table(recipe, celeba, source, runs, drawn, curve_bits, folder)
    return 1 if failed else 0


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, flags=FLAGS, recipe="recipe")
