"""The ``people.json`` beside an identity model's file."""

import dataclasses
import json
import os
import pathlib
from typing import Any

import numpy as np

from tfslim._support.files import replacing
from tfslim.data.celeba.records import Records
from tfslim.data.celeba.splits import SPLITS

__all__ = ["People", "read_people", "write_people"]


@dataclasses.dataclass(frozen=True)
class People:
    """People of an identity model's outputs, and its training data.

    Attributes:
        identities: CelebA's number of the person of each output.
        held_out: CelebA's numbers of people held out of training, for verification.
        crop: (height, width) in pixels of the center part that the model was trained on; None for whole images.
        split: split of the images: "official", "7:2:1" or "random".
        split_seed: seed of the random split.

    Raises:
        ValueError: if a person is listed twice, or a value is of the wrong type or range.
    """

    identities: tuple[int, ...]
    held_out: tuple[int, ...] = ()
    crop: tuple[int, int] | None = None
    split: str = "official"
    split_seed: int = 0

    def __post_init__(self):
        for name, numbers in (("identities", self.identities), ("held_out", self.held_out), ("crop", self.crop or ())):
            if not isinstance(numbers, tuple) or not all(type(number) is int for number in numbers):
                raise ValueError(f"{name} must be whole numbers, found {numbers!r}")
        everyone = self.identities + self.held_out
        if len(set(everyone)) < len(everyone):
            duplicate = next(person for person in everyone if everyone.count(person) > 1)
            raise ValueError(f"duplicate person {duplicate} in identities and held_out; list each person once")
        if self.crop is not None and (len(self.crop) != 2 or min(self.crop) < 1):
            raise ValueError(f"crop must be a height and a width in pixels, found {self.crop}")
        if self.split not in SPLITS:
            raise ValueError(f"split must be {', '.join(SPLITS)}, found {self.split!r}")

    def known(self, records: Records, part: str, model: str | os.PathLike) -> Records:
        """Select the images of people that the outputs stand for.

        Args:
            records: images with CelebA's own identity numbers.
            part: name of these records, for error messages.
            model: name of the model, for error messages.

        Raises:
            ValueError: if none is left.
        """
        assert records.identities is not None
        known = records[np.isin(records.identities, self.identities)]
        if not len(known):
            raise ValueError(
                f"{model}: none of its {len(self.identities)} people is in the {part} part; use the data it was "
                "trained on, or another part"
            )
        return known

    def outputs_of(self, records: Records) -> np.ndarray:
        """Return the output index of each image's person, (N,) int."""
        assert records.identities is not None
        output_of = {person: output for output, person in enumerate(self.identities)}
        return np.array([output_of[person] for person in records.identities.tolist()])


def write_people(path: str | os.PathLike, people: People) -> pathlib.Path:
    """Write ``people.json`` beside a model file or into its folder.

    The file is written atomically.

    Args:
        path: a model file, or its folder.
        people: the people of the model.

    Returns:
        The path of the written ``people.json``.

    Example:
        >>> write_people("runs/flame", People(identities=(2880, 2937), held_out=(8692,), crop=(120, 120)))
        PosixPath('runs/flame/people.json')
    """
    target = _people_path(path)
    with replacing(target) as temporary:
        pathlib.Path(temporary).write_text(json.dumps(dataclasses.asdict(people)) + "\n", encoding="utf-8")
    return target


def read_people(path: str | os.PathLike, outputs: int | None = None) -> People | None:
    """Read the ``people.json`` beside a model file.

    Args:
        path: a model file, or its folder.
        outputs: number of outputs of the model, to be compared with the file; None skips the check.

    Returns:
        The people, or None if the file does not exist.

    Raises:
        ValueError: if the file is damaged or does not match the number of outputs.
    """
    target = _people_path(path)
    if not target.is_file():
        return None
    try:
        found = json.loads(target.read_text(encoding="utf-8"))
        people = People(
            _tuple(found["identities"]),
            _tuple(found["held_out"]),
            _tuple(found["crop"]),
            found["split"],
            int(found["split_seed"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{target}: damaged: {type(error).__name__}: {error}; repair it or train again") from error
    if outputs is not None and outputs != len(people.identities):
        raise ValueError(
            f"{target}: has {len(people.identities)} identities, but the model has {outputs} outputs; use the "
            "people.json that was written with the model"
        )
    return people


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _people_path(path: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(path)
    return (path if path.is_dir() else path.parent) / "people.json"
