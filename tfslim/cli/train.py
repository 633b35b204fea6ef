"""`tfslim train`: train a network from a recipe."""

from functools import partial

from tfslim.cli import app
from tfslim.training.recipe import Recipe

DESCRIPTION = """\
Trains a network on CelebA's attributes or identities and writes a run folder: model.keras (the best on the validation
part), labels.json or people.json, recipe.yaml, history.csv, report.json, TensorBoard logs, and state.npz to resume.
Without --out the run folder is runs/latest.
`tfslim recipes` lists the packaged recipes, which --config takes by name.

examples:
  tfslim train --config slimnet-attributes --data celeba --out runs/slimnet
  tfslim train --config slimnet-attributes --data celeba --out runs/slimnet --resume
  tfslim train --config mobilenet-attributes --data celeba --dry-run
  tfslim train --config slimnet-attributes --data celeba --attributes Smiling,Male --out runs/two
  tfslim train --config slimnet-attributes --data celeba --out runs/balanced --optimization.loss balanced --seed 1
  tfslim train --config vgg11-identity --data celeba --out runs/teacher
"""


def main(
    recipe: Recipe,
    out: str = "runs/latest",
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Train a network.

    Args:
        recipe: what to train, on what, and how.
        out: the run folder to write.
        resume: see `app.RUN_FLAGS`.
        check_images: see `app.RUN_FLAGS`.
        dry_run: see `app.RUN_FLAGS`.
    """
    from tfslim.workflows.network_training import train_network

    train_network(recipe, out, resume, check_images, dry_run)


run = partial(app.run, main, DESCRIPTION, flags=app.RUN_FLAGS, recipe="recipe")
