"""Trains a teacher and its students, alone and taught, and makes the paper's table; see `--help`."""

import pathlib

from tfslim.cli import app
from tfslim.training.recipe import Distillation, Recipe
from tfslim.workflows.experiments.runs import run_all
from tfslim.workflows.experiments.stage1 import TEACHER, Stage1Row, plan, write_stage1_table

DESCRIPTION = """\
Trains a teacher (the first row) and the students of the other rows, each student alone and taught, and makes the table
of the Flame paper's first stage: sizes, MACs, accuracy on the test part, and the change against the teacher.

Each training is a run folder in --out, made by train.py or distill.py. What is done is not done again: the same command
goes on after a stop, from the last whole epoch of each run.

examples:
  python training/stage1.py --config training/recipes/flame-stage1.yaml --data celeba --out runs/stage1 --jobs 2
  python training/stage1.py --config training/recipes/flame-stage1.yaml --data celeba --out runs/stage1 --dry-run
  python training/stage1.py --config training/recipes/flame-stage1.yaml --data celeba --out runs/stage1 --table
"""


FLAGS = {"dry_run": "list the runs and stop", "table": "make the table of the runs that are done, and train nothing"}


def main(
    recipe: Recipe,
    rows: list[Stage1Row],
    distillation: Distillation = Distillation(),
    out: str = "runs/stage1",
    jobs: int = 1,
    dry_run: bool = False,
    table: bool = False,
) -> int:
    """Trains the rows.

    Args:
        recipe: what all rows have in common.
        rows: the networks; the first is the teacher.
        distillation: what the students copy.
        out: folder for the run folders and the table.
        jobs: trainings at once.
        dry_run: see `FLAGS`.
        table: see `FLAGS`.
    """
    if recipe.task != "identity":
        raise ValueError("stage 1 learns identities: the recipe needs task: identity")
    if len(rows) < 2 or min(row.seeds for row in rows) < 1:
        raise ValueError("rows: a teacher and at least one student are needed, each with at least one seed")
    if any(row.epochs for row in rows) and len(recipe.stages) > 1:
        raise ValueError("rows: epochs are for recipes of one stage")
    if max(row.seeds for row in rows) > rows[TEACHER].seeds:
        raise ValueError(f"rows: a student has more seeds than its teacher, {rows[TEACHER].name}; give it as many")
    short = [row.name for row in rows[1:] if (row.epochs or recipe.epochs) < distillation.views]
    if short:  # they share the kept outputs with the other rows
        raise ValueError(f"distillation.views={distillation.views} is more than the epochs of {', '.join(short)}")
    names = [row.name for row in rows]
    if len(set(names)) < len(names) or any("-" in name or "/" in name for name in names):
        raise ValueError(f"rows: names must differ and have no - or /, as folders are called after them: {names}")
    folder = pathlib.Path(out)
    runs = plan(recipe, rows, distillation, folder)
    for run in runs:
        run.check()
    if dry_run:
        for run in runs:
            print(f"{'done' if run.done else 'to do':6} {run.folder}")
        return 0
    failed = 0 if table else run_all(runs, jobs)

    write_stage1_table(recipe, rows, runs, folder)
    return 1 if failed else 0


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, flags=FLAGS, recipe="recipe")
