"""Any folder that holds a sub-folder of images for each person, as LFW and most sets of faces are laid out."""

import os
import pathlib

import numpy as np

from tfslim.data.celeba.records import Records
from tfslim.data.sources import ImageFolder

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp")


class PeopleFolder(ImageFolder):
    """The images of a folder's sub-folders; names are ``person/file``, with ``/`` on every system.

    Args:
        folder: the folder that holds the sub-folders.
    """

    def names(self) -> set[str]:
        """Gives the names of all images, ``person/file``."""
        return set(people_folder(self.path).files.tolist())

    def read(self, name: str) -> bytes:
        """Gives the bytes of one image file.

        Raises:
            FileNotFoundError: the folder has no such file.
            ValueError: the name is no ``person/file``, or leads out of the folder.
        """
        person, slash, file = name.partition("/")
        plain = all(os.path.basename(part) == part and part not in ("", ".", "..") for part in (person, file))
        if not slash or not plain:
            raise ValueError(f"{name!r} is not the name of an image of {self.path}: expected person/file")
        return (self.path / person / file).read_bytes()


def people_folder(path: str | os.PathLike) -> Records:
    """Lists a folder that holds a sub-folder of images for each person.

    Sub-folders are taken in the order of their names, and so are the images (.jpg, .jpeg, .png, .webp, .bmp) of each;
    hidden ones, and sub-folders without an image, are passed over. `PeopleFolder(path)` reads the images.

    Args:
        path: the folder.

    Returns:
        Records with files ``person/file`` and identities from 0 in the order of the sub-folders' names; no attributes,
        and all in one part. `str.partition("/")` gives a file's person.

    Raises:
        FileNotFoundError: it is no folder.
        ValueError: no sub-folder holds an image.

    Example:
        >>> people_folder("lfw").files[:2]
        array(['Aaron_Eckhart/Aaron_Eckhart_0001.jpg', 'Aaron_Guiel/Aaron_Guiel_0001.jpg'], dtype='<U70')
    """
    path = pathlib.Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is not a folder: give one that holds a sub-folder of images for each person")
    files, identities, people = [], [], 0
    for folder in sorted(_visible(path, folders=True)):
        images = sorted(name for name in _visible(path / folder) if name.lower().endswith(ENDINGS))
        files += [f"{folder}/{name}" for name in images]
        identities += [people] * len(images)
        people += bool(images)
    if not files:
        raise ValueError(f"{path}: no sub-folder of it holds an image ({', '.join(ENDINGS)}): expected one a person")
    return Records(np.array(files), None, np.array(identities, np.int32), np.zeros(len(files), np.uint8))


def _visible(path: pathlib.Path, folders: bool = False) -> list[str]:
    with os.scandir(path) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir() == folders]
