"""Trains a network on CelebA's attributes from a recipe; see `python training/train.py --help`."""

import dataclasses
import os
import pathlib
import sys
from typing import Literal

import program
import yaml
from recipe import Network, Optimization, Stage

from tfslim.atomic import replacing
from tfslim.data.augmentation import Augmentation
from tfslim.data.celeba import CelebA

DESCRIPTION = """\
Trains a network on CelebA's attributes and writes a run folder: model.keras (the best on the validation part),
labels.json, recipe.yaml, history.csv, report.json, TensorBoard logs, and state.npz to go on from.

examples:
  python training/train.py --config training/recipes/slimnet-attributes.yaml --data celeba --out runs/slimnet
  python training/train.py --config training/recipes/slimnet-attributes.yaml --data celeba --out runs/slimnet --resume
  python training/train.py --config training/recipes/mobilenet-attributes.yaml --data celeba --dry-run
  python training/train.py --config training/recipes/slimnet-attributes.yaml --data celeba --out runs/balanced \\
      --optimization.loss balanced --seed 1
"""

FLAGS = {
    "resume": "go on from the last whole epoch of the run in --out",
    "check_images": "decode every image before training, and name all that are broken",
    "dry_run": "say what would be done, and stop",
}
NOT_IN_RECIPE = ("out", "resume", "check_images", "dry_run")


def main(
    data: str,
    model: Network,
    stages: list[Stage],
    out: str = "runs/latest",
    optimization: Optimization = Optimization(),
    augmentation: Augmentation = Augmentation(),
    split: Literal["official", "7:2:1", "random"] = "official",
    attributes: list[str] | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32",
    strategy: Literal["none", "mirrored", "multi_worker_mirrored"] = "none",
    cache_gigabytes: float = 2.0,
    validate_every: int = 1,
    seed: int = 0,
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Trains a network on CelebA's attributes.

    Args:
        data: folder with CelebA's label files and images.
        model: the network.
        stages: epochs and image sizes, in order.
        out: the run folder to write.
        optimization: optimizer, schedule and loss.
        augmentation: random changes of the training images.
        split: the official partition file, 7:2:1 by file order, or 7:2:1 at random by seed.
        attributes: names of the attributes to learn; all by default.
        on_error: stop at a wrong label row or image, or skip, count and list it.
        precision: of the training step; the saved model is float32.
        strategy: tf.distribute strategy; the batch is divided among its devices.
        cache_gigabytes: keep a part's decoded images in memory if they take no more than that.
        validate_every: epochs between two validations.
        seed: of weights, order and augmentation.
        resume: see `FLAGS`.
        check_images: see `FLAGS`.
        dry_run: see `FLAGS`.
    """
    recipe = {name: _plain(value) for name, value in locals().items() if name not in NOT_IN_RECIPE}
    folder = pathlib.Path(out)
    if not dry_run:
        _check_folder(folder, recipe, resume)
    celeba = CelebA(data, split=split, seed=seed, attributes=attributes, on_error=on_error)
    for name, why in list(celeba.skipped.items())[:10]:
        print(f"skipped {name}: {why}")
    if check_images:
        celeba.check_images()

    import session

    training = session.prepare(
        celeba, model, stages, optimization, augmentation, precision, strategy, cache_gigabytes, seed
    )
    print(training.summary())
    if dry_run:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "recipe.yaml") as path, open(path, "w") as file:
        yaml.safe_dump(recipe, file, sort_keys=False)
    session.fit(training, folder, validate_every, resume, verbose=1 if sys.stdout.isatty() else 2)


def _plain(value):
    if dataclasses.is_dataclass(value):
        return {key: _plain(item) for key, item in dataclasses.asdict(value).items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return value


def _check_folder(folder: pathlib.Path, recipe: dict, resume: bool) -> None:
    written = folder / "recipe.yaml"
    if not resume:
        if (folder / "state.npz").exists():
            raise ValueError(f"{folder} holds a run already: go on with --resume, or name another folder with --out")
        return
    if not written.is_file():
        raise FileNotFoundError(f"{written}: not there, so there is no run to resume in {folder}")
    with open(written) as file:
        before = yaml.safe_load(file)
    changed = sorted(key for key in recipe if key != "data" and before.get(key) != recipe[key])
    if changed:
        raise ValueError(
            f"{written} differs from what is asked for in {', '.join(changed)}: a run is resumed as it began"
        )


if __name__ == "__main__":
    program.run(main, DESCRIPTION, flags=FLAGS, config=True)
