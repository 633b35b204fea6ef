"""Image folders with one sub-folder per person, as in LFW."""

import os
import pathlib

import numpy as np

from tfslim.data.celeba.records import Records
from tfslim.data.sources import ImageFolder

__all__ = ["PeopleFolder", "people_folder"]

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


class PeopleFolder(ImageFolder):
    """Images in the sub-folders of a folder.

    Image names are ``person/file``, with ``/`` on every system.

    Args:
        folder: the folder with the sub-folders.
    """

    def names(self) -> set[str]:
        """Return the names of all images, ``person/file``."""
        return set(people_folder(self.path).files.tolist())

    def read(self, name: str) -> bytes:
        """Return the bytes of one image file.

        Raises:
            FileNotFoundError: if the file does not exist.
            ValueError: if the name is not ``person/file``, or points outside the folder.
        """
        person, slash, file = name.partition("/")
        plain = all(os.path.basename(part) == part and part not in ("", ".", "..") for part in (person, file))
        if not slash or not plain:
            raise ValueError(f"{name!r} is not the name of an image of {self.path}: expected person/file")
        return (self.path / person / file).read_bytes()


def people_folder(path: str | os.PathLike) -> Records:
    """List a folder with one sub-folder of images per person.

    Sub-folders and the images (.jpg, .jpeg, .png, .webp, .bmp) of each are sorted by name; hidden ones, and sub-folders
    without an image, are ignored. `PeopleFolder(path)` reads the images.

    Args:
        path: the folder.

    Returns:
        Records with files ``person/file`` and identities from 0 in the order of the sub-folders' names, without
        attributes and all in one part. The person of a file is `file.partition("/")[0]`.

    Raises:
        FileNotFoundError: if `path` is not a folder.
        ValueError: if no sub-folder holds an image.

    Example:
        >>> people_folder("lfw").files[:2]
        array(['Aaron_Eckhart/Aaron_Eckhart_0001.jpg', 'Aaron_Guiel/Aaron_Guiel_0001.jpg'], dtype='<U70')
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is not a folder; pass one with a sub-folder of images for each person")
    files, identities, people = [], [], 0
    for folder in sorted(_visible(path, folders=True)):
        images = sorted(name for name in _visible(path / folder) if name.lower().endswith(ENDINGS))
        files += [f"{folder}/{name}" for name in images]
        identities += [people] * len(images)
        people += bool(images)
    if not files:
        raise ValueError(f"{path}: no sub-folder holds an image ({', '.join(ENDINGS)}); expected one per person")
    return Records(np.array(files), None, np.array(identities, np.int32), np.zeros(len(files), np.uint8))


def _visible(path: pathlib.Path, folders: bool = False) -> list[str]:
    with os.scandir(path) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir() == folders]
