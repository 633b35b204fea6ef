"""Synthetic faces in CelebA's layout, for demos and tests."""

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

from tfslim._support.files import flush_to_disk
from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.drawn_faces.painter import paint
from tfslim.data.drawn_faces.traits import DRAWN_ATTRIBUTES, draw_attributes, draw_person, draw_shot

__all__ = ["DRAWN_ATTRIBUTES", "draw_faces", "drawn_face"]

DRAWING = 1  # version of the drawing code; increases when equal arguments draw other images
STAMP = "drawn_faces.json"
SMALLEST = 32  # pixels; below that no feature can be recognized
# The parts (0 train, 1 validation, 2 test) that a person's images go to in turn, each person starting at another
# position: the ratio is 6:1:1 however few images each person has, and with 8 images a person is in every part.
TURNS = (0, 1, 2, 0, 0, 0, 0, 0)


def draw_faces(
    folder: str | os.PathLike,
    count: int = 1000,
    identities: int | None = None,
    seed: int = 0,
    size: tuple[int, int] = (218, 178),
) -> pathlib.Path:
    """Draw synthetic faces with visible attributes in CelebA's layout.

    The folder holds the images `img_align_celeba/000001.jpg` onward, `list_attr_celeba.txt`, `identity_CelebA.txt` and
    `list_eval_partition.txt` (6:1:1; a person with 8 images or more is in every part). Of the 40 attributes,
    `DRAWN_ATTRIBUTES` are drawn; the others are always -1. A person looks the same in every image except for pose,
    light, expression, clothes, glasses and the like. Equal arguments produce equal bytes under equal versions of NumPy
    and Pillow, and with equal `identities` a larger `count` only adds images.

    Args:
        folder: the folder to create; its parent must exist. It is left unchanged if it already holds these faces.
        count: number of images, up to 999,999.
        identities: number of people, numbered from 1; None for one per 20 images, but at least two.
        seed: seed of the drawing, 0 or more.
        size: (height, width) in pixels, 32 or more each.

    Returns:
        The path of the folder.

    Raises:
        ValueError: if an argument is out of range.
        FileExistsError: if the folder holds something else, or only some of these faces.
        FileNotFoundError: if the parent of the folder does not exist.

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
    with new_folder(folder) as temporary:
        write_faces(temporary, count, identities, seed, size)
        (temporary / STAMP).write_text(json.dumps(stamp) + "\n", encoding="ascii")
    return folder


def drawn_face(
    number: int, identity: int, seed: int = 0, size: tuple[int, int] = (218, 178)
) -> tuple[Image.Image, frozenset[str]]:
    """Draw one image of a person.

    Args:
        number: index of the image, from 0.
        identity: index of the person, from 0.
        seed: seed of the drawing, 0 or more.
        size: (height, width) in pixels.

    Returns:
        The image, and the names of the attributes it shows.

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
    """Check the arguments of `draw_faces`.

    Raises:
        ValueError: if one is out of range.
    """
    if not 1 <= count <= 999_999:
        raise ValueError(f"count is {count}; expected 1 to 999999, since CelebA's file names have six digits")
    if not 1 <= identities <= count:
        raise ValueError(f"identities is {identities}; expected 1 to count ({count}), since each person needs an image")
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected 0 or more")
    if min(size) < SMALLEST:
        raise ValueError(f"size is {size} (height, width); expected {SMALLEST} pixels or more each")


def is_drawn(folder: pathlib.Path, stamp: dict) -> bool:
    """Return whether a folder already holds exactly these faces.

    Args:
        folder: the folder to look at.
        stamp: the arguments of the drawing.

    Returns:
        True if it holds them; False if it does not exist or is empty.

    Raises:
        FileExistsError: if it holds anything else, or only some of these faces.
    """
    if not os.path.lexists(folder) or (folder.is_dir() and not any(folder.iterdir())):
        return False
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; pass the path of a new folder")
    try:
        found = json.loads((folder / STAMP).read_text(encoding="ascii"))
    except (OSError, ValueError):
        raise FileExistsError(f"{folder} is not empty and holds no drawn faces; use a new folder") from None
    if found != stamp:
        raise FileExistsError(f"{folder} holds faces drawn with {found}, not {stamp}; use a new folder or remove it")
    lists = ("list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt")
    missing = [name for name in lists if not (folder / name).is_file()]
    images = folder / "img_align_celeba"
    count = sum(entry.name.endswith(".jpg") for entry in os.scandir(images)) if images.is_dir() else 0
    if missing or count != stamp["count"]:
        raise FileExistsError(
            f"{folder} is incomplete: it has {count} of {stamp['count']} images"
            f"{', no ' + ', '.join(missing) if missing else ''}; remove it and draw the faces again"
        )
    return True


@contextlib.contextmanager
def new_folder(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """Yield a temporary folder that becomes `folder` on success.

    Its files are on the disk before it gets its name. It is removed if the block raises.
    """
    folder = pathlib.Path(os.path.abspath(folder))
    if not folder.parent.is_dir():
        raise FileNotFoundError(f"{folder}: the folder {folder.parent} does not exist; make it first")
    hidden = pathlib.Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    temporary = hidden / folder.name  # mkdtemp's own folder is not readable by other users
    try:
        temporary.mkdir()
        yield temporary
        for path in [*temporary.rglob("*"), temporary]:
            flush_to_disk(path)
        os.replace(temporary, folder)
        flush_to_disk(folder.parent)
    finally:
        shutil.rmtree(hidden)


def write_faces(folder: pathlib.Path, count: int, identities: int, seed: int, size: tuple[int, int]) -> None:
    """Write images and label files into an empty folder."""
    images = folder / "img_align_celeba"
    images.mkdir()
    with (
        open(folder / "list_attr_celeba.txt", "w", encoding="ascii", newline="\n") as labels,
        open(folder / "identity_CelebA.txt", "w", encoding="ascii", newline="\n") as people,
        open(folder / "list_eval_partition.txt", "w", encoding="ascii", newline="\n") as parts,
    ):
        # CelebA's line of attribute names ends with a space, and its values are two characters wide.
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
