"""Prunes the filters of a trained network while it trains on; see `python training/prune.py --help`."""

import pathlib
import sys

from tfslim.cli import app
from tfslim.training import run_folder
from tfslim.training.recipe import Distillation, Pruning, Recipe

DESCRIPTION = """\
Prunes a trained network: trains on, scores its filters all the while, drops the least important ones a few at a time,
cuts out what was dropped, and ends with the recipe's stages to fine-tune. Each cut leaves a smaller model in --out
(cut-01, cut-02, ...); --resume goes on from the last drop. At the end there is a run folder as train.py writes it, and
a table of all cuts, a picture, JSON and CSV.

examples:
  python training/prune.py --config training/recipes/squeezer-80.yaml --data celeba --trained runs/squeezenet \\
      --out runs/squeezer
  python training/prune.py --config training/recipes/squeezer-80.yaml --data celeba --trained runs/squeezenet \\
      --out runs/squeezer --resume
  python training/prune.py --config training/recipes/slimnet-half.yaml --data celeba --trained runs/slimnet \\
      --out runs/slimnet-half --dry-run
  python training/prune.py --config training/recipes/squeezer-80.yaml --data celeba --trained runs/squeezenet \\
      --teacher runs/teacher --out runs/squeezer-taught
"""


def main(
    recipe: Recipe,
    trained: str,
    pruning: Pruning,
    teacher: str | None = None,
    distillation: Distillation = Distillation(),
    out: str = "runs/pruned",
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Prunes a network.

    Args:
        recipe: the data, and how to train on: `stages` are the epochs of fine-tuning at the end.
        trained: the network: a run folder or a .keras file.
        pruning: how many filters go, which, and how fast.
        teacher: a trained teacher to learn from meanwhile: a run folder or a .keras file.
        distillation: what to copy from the teacher.
        out: the folder to write.
        resume: see `run_folder.FLAGS`.
        check_images: see `run_folder.FLAGS`.
        dry_run: see `run_folder.FLAGS`.
    """
    folder = pathlib.Path(out)
    if resume or not dry_run:
        run_folder.check_folder(folder, resume)
    celeba = run_folder.open_data(recipe, check_images)

    from tfslim.workflows import pruning as pruning_run

    begun = folder if resume else None
    run = pruning_run.prepare_pruning(recipe, celeba, trained, pruning, teacher, distillation, begun)
    print(run.summary())
    if dry_run:
        return
    verbose = 1 if sys.stdout.isatty() else 2
    with run_folder.working(folder, run.written, resume):
        run.prune(folder, verbose)
        run.fine_tune(folder, resume, verbose)
        run.write_table(folder)


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, flags=run_folder.FLAGS, recipe="recipe")
