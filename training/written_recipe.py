"""The recipe.yaml of a run folder: which one is a model file's, what it says, and what it leaves at its default."""

import dataclasses
import re
import typing
from pathlib import Path

import yaml
from recipe import as_plain

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
