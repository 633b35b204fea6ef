"""What comes before a run: its folder, which must not be overwritten or resumed as another, and its data."""

import pathlib

import yaml
from recipe import Recipe

from tfslim.atomic import replacing
from tfslim.data.celeba import CelebA


def check_folder(folder: pathlib.Path, recipe: dict, resume: bool) -> None:
    """Raises an error if `folder` holds a run that would be overwritten, or none or another one to be resumed."""
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


def begin(folder: pathlib.Path, recipe: dict) -> None:
    """Makes the folder and writes the recipe into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "recipe.yaml") as path, open(path, "w") as file:
        yaml.safe_dump(recipe, file, sort_keys=False)


def open_data(recipe: Recipe, check_images: bool) -> CelebA:
    """Reads and checks the labels, says what was skipped, and decodes every image beforehand if asked to."""
    identity = recipe.task == "identity"
    celeba = CelebA(
        recipe.data,
        split=recipe.split,
        seed=recipe.split_seed,
        attributes=recipe.attributes,
        min_images=(recipe.min_images or 1) if identity else recipe.min_images,
        on_error=recipe.on_error,
        crop=recipe.crop,
        hold_out=recipe.hold_out,
    )
    for name, why in list(celeba.skipped.items())[:10]:
        print(f"skipped {name}: {why}")
    if check_images:
        celeba.check_images()
    return celeba
