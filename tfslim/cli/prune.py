"""`tfslim prune`: filters removed from a network while it trains."""

from functools import partial

from tfslim.cli import app
from tfslim.training.recipe import Distillation, Pruning, Recipe

DESCRIPTION = """\
Prunes a trained network: trains on, scores its filters all the while, drops the least important ones a few at a time,
cuts out what was dropped, and ends with the recipe's stages to fine-tune. Each cut leaves a smaller model in --out
(cut-01, cut-02, ...); --resume continues from the last drop. At the end there is a run folder as `tfslim train` writes
it, and a table of all cuts, a picture, JSON and CSV.

examples:
  tfslim prune --config squeezer-80 --data celeba --trained runs/squeezenet --out runs/squeezer
  tfslim prune --config squeezer-80 --data celeba --trained runs/squeezenet --out runs/squeezer --resume
  tfslim prune --config slimnet-half --data celeba --trained runs/slimnet --out runs/slimnet-half --dry-run
  tfslim prune --config squeezer-80 --data celeba --trained runs/squeezenet --teacher runs/teacher --out runs/taught
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
    """Prune a network.

    Args:
        recipe: the data, and how to train on: `stages` are the epochs of fine-tuning at the end.
        trained: the network: a run folder or a .keras file.
        pruning: how many filters are removed, which, and how fast.
        teacher: a trained teacher to learn from meanwhile: a run folder or a .keras file.
        distillation: what to copy from the teacher.
        out: the folder to write.
        resume: see `app.RUN_FLAGS`.
        check_images: see `app.RUN_FLAGS`.
        dry_run: see `app.RUN_FLAGS`.
    """
    from tfslim.workflows.pruning import prune_network

    prune_network(recipe, trained, pruning, out, teacher, distillation, resume, check_images, dry_run)


run = partial(app.run, main, DESCRIPTION, flags=app.RUN_FLAGS, recipe="recipe")
