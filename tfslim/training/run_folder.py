"""Run folders and the data of a run.

A run folder is never overwritten, and never resumed with another recipe.
"""

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
    """Return whether a subfolder is a part of its run.

    Evaluations and other runs are not.
    """
    return bool(PARTS.fullmatch(folder.name)) and not (folder / NAME).is_file()


def recipe_of(file: Path) -> Path | None:
    """Return the recipe.yaml of a model file's run, or None.

    It lies beside the file, or one folder higher if the file is of a part of a run, such as one of its cuts.
    """
    folder = file.absolute().parent
    if (folder / NAME).is_file():
        return file.parent / NAME
    if is_part(folder) and (folder.parent / NAME).is_file():
        return folder.parent / NAME
    return None


def read_recipe(path: Path) -> dict:
    """Read a recipe.yaml as a dict.

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
    """Add the defaults of a dataclass to plain values, recursively.

    Args:
        kind: the dataclass.
        said: field -> plain value.

    Returns:
        A new dict with every field of the dataclass that has a value or a default.

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


def _filled(kind: typing.Any, value: object) -> object:
    if isinstance(kind, type) and dataclasses.is_dataclass(kind) and isinstance(value, dict):
        return with_defaults(kind, value)
    if typing.get_origin(kind) is list and isinstance(value, list):
        return [_filled(typing.get_args(kind)[0], each) for each in value]
    return value


STEPS = {
    "distillation": Distillation,
    "pruning": Pruning,
    "quantization": Quantization,
    "sparsity": Sparsity,
    "clustering": Clustering,
    "int8": Int8,
}
# Names of temporary files of tfslim._support.files.
UNFINISHED = re.compile(r"\..+-[a-z0-9_]{8}\.(keras|npz|json|yaml|csv|png|tflite|tfslim)")

# Any of these shows that the folder holds a run, even if its state was removed.
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
    """Check that a folder suits a new or resumed run.

    Args:
        folder: the run folder.
        resume: whether to resume.

    Raises:
        ValueError: the folder holds a run that would be overwritten.
        FileNotFoundError: the folder holds no run to resume.
    """
    # The run's, or those of its parts.
    states = sorted(path for form in ("state.npz", "*/state.npz", "*/optimizer.npz") for path in folder.glob(form))
    if not resume:
        there = states + [folder / name for name in RESULTS if (folder / name).exists()]
        if there:
            raise ValueError(
                f"{folder} holds a run already ({there[0].relative_to(folder)}): continue it with --resume, or name "
                "another folder with --out"
            )
        return
    if not (folder / "recipe.yaml").is_file():
        raise FileNotFoundError(f"{folder / 'recipe.yaml'}: does not exist, so there is no run to resume in {folder}")
    if (folder / "report.json").is_file() and not states:
        raise FileNotFoundError(f"{folder}: its run is done, and without state.npz there is nothing to resume")


def check_same(folder: pathlib.Path, recipe: dict) -> None:
    """Check that a run was begun with this recipe.

    The run is the one in `folder`.

    Raises:
        ValueError: it was not, naming the options that differ.
    """
    changed = differences(folder, recipe)
    if changed:
        raise ValueError(
            f"{folder / 'recipe.yaml'} differs from what is asked for in {', '.join(changed)}: a run is resumed as it "
            "began"
        )


def differences(folder: pathlib.Path, recipe: dict) -> list[str]:
    """List the options in which two recipes differ.

    One is that of the run in `folder`. Options that one of them leaves out are at their defaults; those of a step such
    as pruning only if the recipe has the step. The paths of data and teacher are not compared, as they may have been
    moved. A teacher's weights are, and the data's checksum ("images") if both have one.
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
    """Begin or resume a run, and lock its folder.

    The lock keeps other processes out. Temporary files of a process that was killed are removed. The workers of
    multi_worker_mirrored are processes that share a folder, which is then not locked.

    Args:
        folder: the run folder.
        recipe: the recipe to write into it.
        resume: as for `check_folder`, which is called again here, as another process may have worked there since.

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
    """Make a run folder and write the recipe into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / "recipe.yaml") as path, open(path, "w", encoding="utf-8") as file:
        yaml.safe_dump(recipe, file, sort_keys=False)


def open_data(recipe: Recipe, check_images: bool) -> CelebA:
    """Open a recipe's data and check its labels.

    Images and labels that were skipped are printed. If broken images are to be skipped, all are decoded first:
    otherwise epochs would become shorter as they are found, while the schedule and a resumed run rely on their length.

    Args:
        recipe: the recipe.
        check_images: whether to decode every image in any case.
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
