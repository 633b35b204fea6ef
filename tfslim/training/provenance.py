"""Whether it is the same data: a trained network's and a recipe's, or those a run was begun and is gone on with."""

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
    """How images are parted; only a random split has a seed."""

    kind: str
    seed: int

    def __str__(self) -> str:
        return f"random split of seed {self.seed}" if self.kind == "random" else f"{self.kind} split"


def split_of(kind: str, seed: int) -> Split:
    """The split of a kind; the seed is 0 where it has none, so that equal splits are equal."""
    return Split(kind, seed if kind == "random" else 0)


def trained_split(file: Path) -> Split | None:
    """The split by the people.json beside a model file, else by its run's recipe.yaml; None without both.

    Args:
        file: a model file.

    Raises:
        ValueError: the file that should tell is damaged.

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
    """How to part the images, and why so: left open, as when the models were trained.

    Args:
        asked: a kind of split, or "auto".
        seed: of a random split that is asked for.
        files: the models' files.

    Raises:
        ValueError: the models were trained on different splits, or a file that should tell is damaged.

    Example:
        >>> split_asked_for("random", 5, [])
        (Split(kind='random', seed=5), 'as asked for')
    """
    if asked != "auto":
        return split_of(asked, seed), "as asked for"
    try:
        found = {file: trained_split(file) for file in files}
    except ValueError as error:
        raise ValueError(f"{error}; mend it, or say --split") from error
    known = {file: split for file, split in found.items() if split}
    if len(set(known.values())) > 1:
        raise ValueError(f"{' and '.join(map(str, known))} were trained on other splits: evaluate them apart")
    untold = ", ".join(str(file) for file in found if file not in known)
    reasons = [f"as in the training of {', '.join(map(str, known))}"] if known else []
    reasons += [f"no people.json or recipe.yaml tells of the training of {untold}"] if untold else []
    return next(iter(known.values()), split_of("official", seed)), "; ".join(reasons)


def written_with_data(recipe: Recipe, celeba: CelebA) -> dict:
    """What a run folder says of its recipe, and of what is learned from by a checksum: names and labels, no pixels."""
    checksum = 0
    for part in ("train", "validation"):
        records = celeba.part(part)
        checksum = zlib.crc32("\n".join([part, *records.files.tolist()]).encode(), checksum)
        for labels in (records.attributes, records.identities):
            if labels is not None:
                checksum = zlib.crc32(np.ascontiguousarray(labels), checksum)
    return recipe.written() | {"images": checksum}


def check_same_data(file: Path, recipe: Recipe, celeba: CelebA, outputs: int | None = None) -> None:
    """Raises a ValueError if a network was trained to answer something else, or on images cropped or parted otherwise.

    Args:
        file: the network.
        recipe: of which task.
        celeba: the recipe's data.
        outputs: how many the network has, checked against what names them; None leaves that unchecked.
    """
    if recipe.task == "identity":
        _check_people(file, celeba, outputs)
    elif read_labels(file, outputs).attributes != celeba.attribute_names:
        raise ValueError(f"{file}: its attributes are not those to learn; give both the same, in the same order")
    theirs, ours = trained_split(file), split_of(celeba.split, celeba.seed)
    if theirs is None:
        print(f"note: {file}: no recipe.yaml beside it tells how its images were parted; taken to be by the {ours}")
    elif theirs != ours:
        raise ValueError(
            f"{file}: was trained with the {theirs}, which is the {ours} here, whose test part it has seen: give the "
            "split and split_seed that it was trained with"
        )


def _check_people(file: Path, celeba: CelebA, outputs: int | None) -> None:
    people = read_people(file, outputs)
    if people is None:
        raise ValueError(f"{file}: has no people.json beside it, so whom it knows can't be told")
    numbers = {new: old for old, new in celeba.identity_map.items()}
    own = tuple(numbers[new] for new in range(celeba.people))
    if people.identities != own:
        raise ValueError(
            f"{file}: knows {len(people.identities)} people, who are not the {len(own)} of {celeba.folder}: "
            "give the min_images, hold_out and split_seed that it was trained with"
        )
    if people.crop != celeba.crop:
        raise ValueError(f"{file}: was trained with crop {people.crop}, which is {celeba.crop} here")
