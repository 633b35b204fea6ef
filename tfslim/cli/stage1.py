"""`tfslim stage1`: the Flame paper's teacher and students.

The program trains them and makes the paper's table.
"""

from functools import partial

from tfslim.cli import app
from tfslim.training.recipe import Distillation, Recipe
from tfslim.workflows.experiments.rows import Stage1Row

DESCRIPTION = """\
Trains a teacher (the first row) and the students of the other rows, each student alone and taught, and makes the table
of the Flame paper's first stage: sizes, MACs, accuracy on the test part, and the change against the teacher.

Each training is a run folder in --out, made by `tfslim train` or `tfslim distill`. Runs that are done are not repeated:
after a stop the same command continues, from the last whole epoch of each run.

examples:
  tfslim stage1 --config flame-stage1 --data celeba --out runs/stage1 --jobs 2
  tfslim stage1 --config flame-stage1 --data celeba --out runs/stage1 --dry-run
  tfslim stage1 --config flame-stage1 --data celeba --out runs/stage1 --table
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
    """Train the rows.

    Args:
        recipe: what all rows have in common.
        rows: the networks; the first is the teacher.
        distillation: what the students copy.
        out: folder for the run folders and the table.
        jobs: trainings at once.
        dry_run: see `FLAGS`.
        table: see `FLAGS`.
    """
    from tfslim.workflows.experiments.stage1 import run_stage1

    return run_stage1(recipe, rows, distillation, out, jobs, dry_run, table)


run = partial(app.run, main, DESCRIPTION, flags=FLAGS, recipe="recipe")
