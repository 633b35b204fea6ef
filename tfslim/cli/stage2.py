"""`tfslim stage2`: networks of stage 1 in few bits.

The program stores them and makes the Flame paper's tables.
"""

from functools import partial

from tfslim.cli import app
from tfslim.training.recipe import Distillation, Recipe
from tfslim.workflows.experiments.rows import Stage2Row

DESCRIPTION = """\
Takes the networks that `tfslim stage1` trained, and makes the tables of the Flame paper's second stage: each network at
its bits by the authors' rule and by ours, snapped after training, and trained on in few bits; sizes by the paper's rule
and honestly; accuracy on the test part; and a picture of accuracy against bits.

Each training is a run folder in --out, made by `tfslim quantize`. Runs that are done are not repeated: after a stop the
same command continues, from the last whole epoch of each run. Rows whose network is not trained yet are left out and
named; a run of another recipe, or of a network that was trained anew since, is refused.

examples:
  tfslim stage2 --config flame-stage2 --data celeba --trained runs/stage1 \\
      --out runs/stage2
  tfslim stage2 --config flame-stage2 --data celeba --trained runs/stage1 --dry-run
  tfslim stage2 --config flame-stage2 --data celeba --trained runs/stage1 --table
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
    """Quantize the rows.

    Args:
        recipe: the data, and how to train on.
        trained: the folder that `tfslim stage1` wrote.
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
    from tfslim.workflows.experiments.stage2 import run_stage2

    return run_stage2(recipe, trained, teacher, rows, curve, curve_bits, distillation, out, jobs, dry_run, table)


run = partial(app.run, main, DESCRIPTION, flags=FLAGS, recipe="recipe")
