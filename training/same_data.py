"""Whether it is the same data: a trained network's and a recipe's, or those a run was begun and is gone on with."""

import zlib
from pathlib import Path

import numpy as np
from recipe import Recipe
from trained_split import split_of, trained_split

from tfslim.data.celeba import CelebA
from tfslim.data.names import read_labels
from tfslim.data.people import read_people


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
