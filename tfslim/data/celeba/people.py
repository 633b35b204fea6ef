"""Whom a model knows: the ``people.json`` that lies beside an identity model's file."""

import dataclasses
import json
import os
import pathlib

import numpy as np

from tfslim._support.files import replacing
from tfslim.data.celeba.records import Records
from tfslim.data.celeba.splits import SPLITS


@dataclasses.dataclass(frozen=True)
class People:
    """What an identity model's outputs mean, and what it was shown.

    Attributes:
        identities: CelebA's number of each output's person.
        held_out: CelebA's numbers of people kept out of training, to verify with.
        crop: (height, width) in pixels of the middle part of each image that the model was shown; None for all of it.
        split: how the images were parted: "official", "7:2:1" or "random".
        split_seed: of the random split.

    Raises:
        ValueError: a person is there twice, or another value is none of that kind.
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
            twice = next(person for person in everyone if everyone.count(person) > 1)
            raise ValueError(f"person {twice} is there twice in identities and held_out")
        if self.crop is not None and (len(self.crop) != 2 or min(self.crop) < 1):
            raise ValueError(f"crop must be a height and a width in pixels, found {self.crop}")
        if self.split not in SPLITS:
            raise ValueError(f"split must be {', '.join(SPLITS)}, found {self.split!r}")

    def known(self, records: Records, part: str, model: str | os.PathLike) -> Records:
        """The images of people that the outputs mean; those of others, as of people held out, can't be named.

        Args:
            records: images with CelebA's own identity numbers.
            part: what to call these records in an error.
            model: what to call the model in an error.

        Raises:
            ValueError: there is none.
        """
        known = records[np.isin(records.identities, self.identities)]
        if not len(known):
            raise ValueError(
                f"{model}: none of its {len(self.identities)} people is in the {part} part: give the data it was "
                "trained on, or another part"
            )
        return known

    def outputs_of(self, records: Records) -> np.ndarray:
        """The number of the right output for each image of known people, (N,) int."""
        output_of = {person: output for output, person in enumerate(self.identities)}
        return np.array([output_of[person] for person in records.identities.tolist()])


def write_people(path: str | os.PathLike, people: People) -> pathlib.Path:
    """Writes ``people.json`` beside a model file, or into a run folder; the file is written beside and then renamed.

    Args:
        path: a model file, or the folder it lies in.
        people: whom the model knows.

    Returns:
        The path of the ``people.json`` written.

    Example:
        >>> write_people("runs/flame", People(identities=(2880, 2937), held_out=(8692,), crop=(120, 120)))
        PosixPath('runs/flame/people.json')
    """
    target = _people_path(path)
    with replacing(target) as beside:
        pathlib.Path(beside).write_text(json.dumps(dataclasses.asdict(people)) + "\n", encoding="utf-8")
    return target


def read_people(path: str | os.PathLike, outputs: int | None = None) -> People | None:
    """Reads the ``people.json`` beside a model file; None where there is none.

    Args:
        path: a model file, or the folder it lies in.
        outputs: the model's number of outputs, checked against the file; None leaves it unchecked.

    Raises:
        ValueError: the file is damaged, or does not fit the number of outputs.
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
        raise ValueError(f"{target}: damaged: {type(error).__name__}: {error}; train again or mend it") from error
    if outputs is not None and outputs != len(people.identities):
        raise ValueError(f"{target}: has {len(people.identities)} identities for a model of {outputs} outputs")
    return people


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _people_path(path: str | os.PathLike) -> pathlib.Path:
    path = pathlib.Path(path)
    return (path if path.is_dir() else path.parent) / "people.json"
