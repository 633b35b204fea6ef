"""What comes before a run: its folder, which must not be overwritten or resumed as another, and its data."""

import contextlib
import dataclasses
import pathlib
import re
import typing
from collections.abc import Iterator
from pathlib import Path

import yaml

from tfslim._support.files import locked, replacing
from tfslim.data.celeba.dataset import CelebA
from tfslim.training.recipe import Clustering, Distillation, Int8, Pruning, Quantization, Recipe, Sparsity, as_plain

NAME = "recipe.yaml"
# Folders in a run folder that a part of the run writes.
PARTS = re.compile(r"cut-\d+|sparse|clustered|int8")


def is_part(folder: Path) -> bool:
    """Whether a folder in a run folder is a part of that run; such as evaluations, or runs of its own, are not."""
    return bool(PARTS.fullmatch(folder.name)) and not (folder / NAME).is_file()


def recipe_of(file: Path) -> Path | None:
    """The recipe.yaml of the run that a model file is of; None where there is none.

    It lies beside the file, or one folder higher where the file is of a part of a run, such as one of its cuts.
    """
    folder = file.absolute().parent
    if (folder / NAME).is_file():
        return file.parent / NAME
    if is_part(folder) and (folder.parent / NAME).is_file():
        return folder.parent / NAME
    return None


def read_recipe(path: Path) -> dict:
    """What a recipe.yaml says.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged.
    """
    try:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from error
    if not isinstance(said, dict):
        raise ValueError(f"{path}: damaged: expected options and their values, found {said!r:.40}")
    return said


def with_defaults(kind: type, said: dict) -> dict:
    """What is said of a dataclass in plain values, and the defaults of what is not said, all the way down.

    Example:
        >>> with_defaults(Recipe, {"optimization": {"batch_size": 8}})["optimization"]["learning_rate"]
        0.003
    """
    filled, types = dict(said), typing.get_type_hints(kind)
    for field in dataclasses.fields(kind):
        if field.name in said:
            filled[field.name] = _filled(types[field.name], said[field.name])
        elif field.default is not dataclasses.MISSING:
            nested = dataclasses.is_dataclass(field.default)
            filled[field.name] = as_plain(dataclasses.asdict(field.default) if nested else field.default)
        elif field.default_factory is not dataclasses.MISSING:
            filled[field.name] = as_plain(field.default_factory())
    return filled


def _filled(kind: object, value: object) -> object:
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return with_defaults(kind, value)
    if typing.get_origin(kind) is list and isinstance(value, list):
        return [_filled(typing.get_args(kind)[0], each) for each in value]
    return value


FLAGS = {
    "resume": "go on from the last whole epoch of the run in --out",
    "check_images": "decode every image before training, and name all that are broken",
    "dry_run": "say what would be done, and stop",
}

STEPS = {
    "distillation": Distillation,
    "pruning": Pruning,
    "quantization": Quantization,
    "sparsity": Sparsity,
    "clustering": Clustering,
    "int8": Int8,
}
# Names that tfslim._support.files gives files while they are written.
UNFINISHED = re.compile(r"\..+-[a-z0-9_]{8}\.(keras|npz|json|yaml|csv|png|tflite|tfslim)")

# Any of these stands for a run, even where its state was removed.
RESULTS = (
    "model.keras",
    "report.json",
    "model.tfslim",
    "sparse.keras",
    "clustered.keras",
    "post-training-int8.tflite",
    "model-int8.tflite",
)


def check_folder(folder: pathlib.Path, resume: bool) -> None:
    """Raises an error if `folder` holds a run that would be overwritten, or none to be resumed."""
    # The run's, or those of its parts.
    states = sorted(path for form in ("state.npz", "*/state.npz", "*/optimizer.npz") for path in folder.glob(form))
    if not resume:
        there = states + [folder / name for name in RESULTS if (folder / name).exists()]
        if there:
            raise ValueError(
                f"{folder} holds a run already ({there[0].relative_to(folder)}): go on with --resume, or name another "
                "folder with --out"
            )
        return
    if not (folder / "recipe.yaml").is_file():
        raise FileNotFoundError(f"{folder / 'recipe.yaml'}: not there, so there is no run to resume in {folder}")
    if (folder / "report.json").is_file() and not states:
        raise FileNotFoundError(f"{folder}: its run is done, and without state.npz there is nothing to resume")


def check_same(folder: pathlib.Path, recipe: dict) -> None:
    """Raises a ValueError if the run in `folder` was begun with another recipe."""
    changed = differences(folder, recipe)
    if changed:
        raise ValueError(
            f"{folder / 'recipe.yaml'} differs from what is asked for in {', '.join(changed)}: a run is resumed as it "
            "began"
        )


def differences(folder: pathlib.Path, recipe: dict) -> list[str]:
    """Names what a run was begun with that `recipe` has otherwise; options that one of them leaves out are at defaults.

    Steps such as pruning, of which a recipe says all or nothing, have defaults only where it has the step. Where data
    and teacher lie does not count: they may have been moved. A teacher's weights count, and what the data are where
    both say it ("images").
    """
    before, now = (_whole(said) for said in (read_recipe(folder / "recipe.yaml"), recipe))
    keys = {*before, *now} - {"data", "teacher"}
    if not ("images" in before and "images" in now):
        keys.discard("images")
    return sorted(key for key in keys if before.get(key) != now.get(key))


def _whole(recipe: dict) -> dict:
    steps = {name: with_defaults(STEPS[name], recipe[name]) for name in STEPS if isinstance(recipe.get(name), dict)}
    return with_defaults(Recipe, recipe) | steps


@contextlib.contextmanager
def working(folder: pathlib.Path, recipe: dict, resume: bool) -> Iterator[None]:
    """Begins or goes on with a run, while other processes are kept out of its folder.

    Removes what a process that was killed while it wrote has left there. The workers of multi_worker_mirrored are
    processes that share a folder.

    Args:
        folder: the run folder.
        recipe: what the run is begun with.
        resume: as for `check_folder`, which looks again here, as others may have worked there since.

    Raises:
        BlockingIOError: another process is at work in the folder.
        ValueError: the folder holds a run that would be overwritten, or another recipe's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if recipe["strategy"] == "multi_worker_mirrored":
        begin(folder, recipe)
        yield
        return
    with locked(folder):
        check_folder(folder, resume)
        if resume:
            check_same(folder, recipe)
        _remove_unfinished(folder)
        begin(folder, recipe)
        yield


def _remove_unfinished(folder: pathlib.Path) -> None:
    for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and is_part(path))):
        for path in place.iterdir():
            if UNFINISHED.fullmatch(path.name) and path.is_file():
                path.unlink()


def begin(folder: pathlib.Path, recipe: dict) -> None:
    """Makes the folder and writes the recipe into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "recipe.yaml") as path, open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(recipe, file, sort_keys=False)


def open_data(recipe: Recipe, check_images: bool) -> CelebA:
    """Reads and checks the labels, says what was skipped, and decodes every image beforehand if asked to.

    Where broken images are to be skipped they must be known beforehand, or epochs would become shorter as they are
    found, while the schedule and a resumed run count on their length.
    """
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
    if check_images or recipe.on_error == "skip":
        celeba.check_images()
    for name, why in list(celeba.skipped.items())[:10]:
        print(f"skipped {name}: {why}")
    return celeba
