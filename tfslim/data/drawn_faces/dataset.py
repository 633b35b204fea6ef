"""Drawn faces in CelebA's own layout, so that a demo and tests need no picture of a real person."""

import contextlib
import json
import operator
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

import numpy as np
from PIL import Image

from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.drawn_faces.painter import paint
from tfslim.data.drawn_faces.traits import DRAWN_ATTRIBUTES, draw_attributes, draw_person, draw_shot

__all__ = ["DRAWN_ATTRIBUTES", "draw_faces", "drawn_face"]

DRAWING = 1  # goes up when the same parameters give other pictures
STAMP = "drawn_faces.json"
SMALLEST = 32  # pixels; below that no feature can be told
# The parts (0 train, 1 validation, 2 test) that a person's pictures go to in turn, each person starting at another
# place: the shares are 6:1:1 however few pictures each has, and from 8 pictures on a person is in every part.
TURNS = (0, 1, 2, 0, 0, 0, 0, 0)


def draw_faces(
    folder: str | os.PathLike,
    count: int = 1000,
    identities: int | None = None,
    seed: int = 0,
    size: tuple[int, int] = (218, 178),
) -> pathlib.Path:
    """Draws faces of several people, with attributes that can be seen, into a new folder in CelebA's layout.

    The folder holds `img_align_celeba/000001.jpg` and on, `list_attr_celeba.txt`, `identity_CelebA.txt` and
    `list_eval_partition.txt` (6:1:1; a person of whom there are 8 pictures or more is in every part). Of the 40
    attributes, `DRAWN_ATTRIBUTES` are drawn; the others are always -1. Person n looks the same in every picture but
    for pose, light, expression, clothes, glasses and the like. The same arguments give the same bytes under the same
    versions of NumPy and Pillow, and with the same `identities` a larger `count` only adds pictures.

    Args:
        folder: made here; its parent must exist. Left as it is if it holds what these arguments would draw.
        count: Number of pictures, up to 999,999.
        identities: Number of people, numbered from 1; None for one in 20 pictures, but two at least.
        seed: From 0.
        size: Height and width in pixels, from 32.

    Returns:
        The path of the folder.

    Raises:
        ValueError: If an argument is out of range.
        FileExistsError: If the folder holds something else, or only a part of these faces.
        FileNotFoundError: If the parent of the folder does not exist.

    Example:
        >>> folder = draw_faces("faces", count=40, identities=4)
        >>> sorted(path.name for path in folder.iterdir())[2:]
        ['img_align_celeba', 'list_attr_celeba.txt', 'list_eval_partition.txt']
    """
    folder = pathlib.Path(folder)
    count, seed = operator.index(count), operator.index(seed)
    identities = min(count, max(2, count // 20)) if identities is None else operator.index(identities)
    size = (operator.index(size[0]), operator.index(size[1]))
    check(count, identities, seed, size)
    stamp = {"drawing": DRAWING, "count": count, "identities": identities, "seed": seed, "size": list(size)}
    if is_drawn(folder, stamp):
        return folder
    with new_folder(folder) as beside:
        write_faces(beside, count, identities, seed, size)
        (beside / STAMP).write_text(json.dumps(stamp) + "\n", encoding="ascii")
    return folder


def drawn_face(
    number: int, identity: int, seed: int = 0, size: tuple[int, int] = (218, 178)
) -> tuple[Image.Image, frozenset[str]]:
    """Returns one picture of a person, and the names of the attributes it shows.

    Args:
        number: Which picture, from 0.
        identity: Which person, from 0.
        seed: From 0.
        size: Height and width in pixels.

    Example:
        >>> picture, shown = drawn_face(0, 0)
        >>> picture.size
        (178, 218)
    """
    rng = np.random.default_rng([seed, 1, number])
    person = draw_person(seed, identity)
    shown = draw_attributes(person, rng)
    return paint(person, shown, draw_shot(rng), size), shown


def check(count: int, identities: int, seed: int, size: tuple[int, int]) -> None:
    """Raises ValueError for the first argument of `draw_faces` that is out of range."""
    if not 1 <= count <= 999_999:
        raise ValueError(f"count is {count}; expected 1 to 999999, since CelebA's file names have six digits")
    if not 1 <= identities <= count:
        raise ValueError(f"identities is {identities}; expected 1 to count ({count}), one picture or more a person")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    if min(size) < SMALLEST:
        raise ValueError(f"size is {size} (height, width); expected {SMALLEST} pixels or more each")


def is_drawn(folder: pathlib.Path, stamp: dict) -> bool:
    """Returns whether the folder holds these very faces, False if there is nothing in the way of drawing them."""
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; give the path of a folder to be made")
    try:
        found = json.loads((folder / STAMP).read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise FileExistsError(f"{folder} is not empty and holds no drawn faces; give a new folder") from None
    if found != stamp:
        raise FileExistsError(f"{folder} holds faces drawn with {found}, not {stamp}; give a new folder or remove it")
    lists = ("list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt")
    lacking = [name for name in lists if not (folder / name).is_file()]
    images = folder / "img_align_celeba"
    pictures = sum(entry.name.endswith(".jpg") for entry in os.scandir(images)) if images.is_dir() else 0
    if lacking or pictures != stamp["count"]:
        raise FileExistsError(
            f"{folder} lacks some of its drawn faces: {pictures} of {stamp['count']} pictures"
            f"{', no ' + ', '.join(lacking) if lacking else ''}; remove it and draw them again"
        )
    return True


@contextlib.contextmanager
def new_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Gives a folder beside `folder`, which takes its name if the block ends without an exception and else goes."""
    folder = pathlib.Path(os.path.abspath(folder))
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"{folder}: the folder {folder.parent} does not exist; make it first")
    hidden = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    beside = hidden / folder.name  # mkdtemp's own folder is closed to other users
    try:
        beside.mkdir()
        yield beside
        os.replace(beside, folder)
    finally:
        shutil.rmtree(hidden)


def write_faces(folder: pathlib.Path, count: int, identities: int, seed: int, size: tuple[int, int]) -> None:
    """Writes pictures and label files into an empty folder."""
    images = folder / "img_align_celeba"
    images.mkdir()
    with (
        open(folder / "list_attr_celeba.txt", "w", encoding="ascii", newline="\n") as labels,
        open(folder / "identity_CelebA.txt", "w", encoding="ascii", newline="\n") as people,
        open(folder / "list_eval_partition.txt", "w", encoding="ascii", newline="\n") as parts,
    ):
        # CelebA's own line of names ends with a space, and its values are two characters wide.
        labels.write(f"{count}\n{' '.join(ATTRIBUTES)} \n")
        for number in range(count):
            turn, place = divmod(number, identities)
            identity = int(np.random.default_rng([seed, 2, turn]).permutation(identities)[place])
            picture, shown = drawn_face(number, identity, seed, size)
            name = f"{number + 1:06d}.jpg"
            picture.save(images / name, "JPEG", quality=90)
            values = " ".join(" 1" if attribute in shown else "-1" for attribute in ATTRIBUTES)
            labels.write(f"{name} {values}\n")
            people.write(f"{name} {identity + 1}\n")
            parts.write(f"{name} {TURNS[(turn + identity) % len(TURNS)]}\n")
