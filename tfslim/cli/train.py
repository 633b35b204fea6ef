"""Trains a network on CelebA's attributes or identities from a recipe; see `python training/train.py --help`."""

import pathlib
import sys

from tfslim.cli import app
from tfslim.training import run_folder
from tfslim.training.recipe import Recipe

DESCRIPTION = """\
Trains a network on CelebA's attributes or identities and writes a run folder: model.keras (the best on the validation
part), labels.json or people.json, recipe.yaml, history.csv, report.json, TensorBoard logs, and state.npz to go on from.

examples:
  python training/train.py --config training/recipes/slimnet-attributes.yaml --data celeba --out runs/slimnet
  python training/train.py --config training/recipes/slimnet-attributes.yaml --data celeba --out runs/slimnet --resume
  python training/train.py --config training/recipes/mobilenet-attributes.yaml --data celeba --dry-run
  python training/train.py --config training/recipes/slimnet-attributes.yaml --data celeba --out runs/balanced \\
      --optimization.loss balanced --seed 1
  python training/train.py --config training/recipes/vgg11-identity.yaml --data celeba --out runs/teacher
"""


def main(
    recipe: Recipe,
    out: str = "runs/latest",
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Trains a network.

    Args:
        recipe: what to train, on what, and how.
        out: the run folder to write.
        resume: see `run_folder.FLAGS`.
        check_images: see `run_folder.FLAGS`.
        dry_run: see `run_folder.FLAGS`.
    """
    folder = pathlib.Path(out)
    if resume or not dry_run:
        run_folder.check_folder(folder, resume)
    if resume:
        run_folder.check_same(folder, recipe.written())
    celeba = run_folder.open_data(recipe, check_images)

    from tfslim.training import provenance, trainer

    training = trainer.prepare_training(recipe, celeba)
    print(training.summary())
    if dry_run:
        return
    with run_folder.working(folder, provenance.written_with_data(recipe, celeba), resume):
        trainer.fit_training(training, folder, resume, verbose=1 if sys.stdout.isatty() else 2)


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, flags=run_folder.FLAGS, recipe="recipe")
