"""Checks that two trainings use the same data.

They compare a trained network with a recipe, or a recipe with the run that it resumes.
"""

import zlib
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfslim.data.celeba.attributes import read_labels
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.celeba.people import read_people
from tfslim.data.celeba.splits import SPLITS
from tfslim.training.recipe import Recipe
from tfslim.training.run_folder import read_recipe, recipe_of


class Split(NamedTuple):
    """Kind of split and its seed.

    Only a random split has a seed.
    """

    kind: str
    seed: int

    def __str__(self) -> str:
        return f"random split of seed {self.seed}" if self.kind == "random" else f"{self.kind} split"


def split_of(kind: str, seed: int) -> Split:
    """Return the split of a kind and seed.

    A split without a seed has seed 0, so that equal splits compare equal.
    """
    return Split(kind, seed if kind == "random" else 0)


def trained_split(file: Path) -> Split | None:
    """Return the split that a model was trained with.

    Args:
        file: a model file.

    Returns:
        The split in the people.json beside it, else in its run's recipe.yaml; None without both.

    Raises:
        ValueError: that file is damaged.

    Example:
        >>> trained_split(Path("runs/slimnet/model.keras"))
        Split(kind='random', seed=5)
    """
    people = read_people(file)
    if people:
        return split_of(people.split, people.split_seed)
    path = recipe_of(file)
    if path is None:
        return None
    said = read_recipe(path)
    kind, seed = said.get("split", "official"), said.get("split_seed", 0)
    if kind not in SPLITS or not isinstance(seed, int):
        expected = f"one of {', '.join(SPLITS)}, and a whole number"
        raise ValueError(f"{path}: split {kind!r} and split_seed {seed!r}; expected {expected}")
    return split_of(kind, seed)


def split_asked_for(asked: str, seed: int, files: list[Path]) -> tuple[Split, str]:
    """Choose the split to evaluate models on.

    Args:
        asked: a kind of split, or "auto" for that of the models' training.
        seed: of a random split that is asked for.
        files: the models' files.

    Returns:
        The split, and why it was chosen.

    Raises:
        ValueError: the models were trained on different splits, or a file that tells is damaged.

    Example:
        >>> split_asked_for("random", 5, [])
        (Split(kind='random', seed=5), 'as asked for')
    """
    if asked != "auto":
        return split_of(asked, seed), "as asked for"
    try:
        found = {file: trained_split(file) for file in files}
    except ValueError as error:
        raise ValueError(f"{error}; repair it, or give --split") from error
    known = {file: split for file, split in found.items() if split}
    if len(set(known.values())) > 1:
        raise ValueError(f"{' and '.join(map(str, known))} were trained on different splits: evaluate them apart")
    untold = ", ".join(str(file) for file in found if file not in known)
    reasons = [f"as in the training of {', '.join(map(str, known))}"] if known else []
    reasons += [f"no people.json or recipe.yaml tells of the training of {untold}"] if untold else []
    return next(iter(known.values()), split_of("official", seed)), "; ".join(reasons)


def written_with_data(recipe: Recipe, celeba: CelebA) -> dict:
    """Return a recipe as a run folder holds it.

    A checksum of the images' names and labels is added.
    """
    checksum = 0
    for part in ("train", "validation"):
        records = celeba.part(part)
        checksum = zlib.crc32("\n".join([part, *records.files.tolist()]).encode(), checksum)
        for labels in (records.attributes, records.identities):
            if labels is not None:
                checksum = zlib.crc32(np.ascontiguousarray(labels).data, checksum)
    return recipe.written() | {"images": checksum}


def check_same_data(file: Path, recipe: Recipe, celeba: CelebA, outputs: int | None = None) -> None:
    """Check that a network fits the recipe's outputs and images.

    The images must have been cropped and split alike.

    Args:
        file: the network.
        recipe: the recipe.
        celeba: the recipe's data.
        outputs: the number of the network's outputs, compared with the file that names them; None skips that.

    Raises:
        ValueError: they differ, saying what to change.
    """
    if recipe.task == "identity":
        _check_people(file, celeba, outputs)
    elif read_labels(file, outputs).attributes != celeba.attribute_names:
        raise ValueError(f"{file}: has other attributes than the recipe; give both the same, in the same order")
    theirs, ours = trained_split(file), split_of(celeba.split, celeba.seed)
    if theirs is None:
        print(f"note: {file}: no recipe.yaml beside it tells how its images were split; assuming the {ours}")
    elif theirs != ours:
        raise ValueError(
            f"{file}: was trained with the {theirs}, which is the {ours} here, whose test part it has seen: give the "
            "split and split_seed that it was trained with"
        )


def _check_people(file: Path, celeba: CelebA, outputs: int | None) -> None:
    people = read_people(file, outputs)
    if people is None:
        raise ValueError(f"{file}: has no people.json beside it, which lists the people it knows; copy it there")
    numbers = {new: old for old, new in (celeba.identity_map or {}).items()}
    own = tuple(numbers[new] for new in range(celeba.people))
    if people.identities != own:
        raise ValueError(
            f"{file}: knows {len(people.identities)} people, who are not the {len(own)} of {celeba.folder}: "
            "give the min_images, hold_out and split_seed that it was trained with"
        )
    if people.crop != celeba.crop:
        raise ValueError(f"{file}: was trained with crop {people.crop}, which is {celeba.crop} here")
