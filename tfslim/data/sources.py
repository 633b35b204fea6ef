"""Where image bytes come from: the folder ``img_align_celeba/``, or ``img_align_celeba.zip`` left unopened.

Both can be read from many threads and processes at once: nothing is held open between two reads.
"""

import os
import pathlib
import stat
import struct
import zipfile
import zlib
from collections.abc import Sequence

import numpy as np

FOLDER, ARCHIVE = "img_align_celeba", "img_align_celeba.zip"

_LOCAL_HEADER = struct.Struct("<4s22xHH")  # signature, ..., length of the name, length of the extra field
_ENCRYPTED = 0x1


class ImageFolder:
    """The images of one folder.

    Args:
        folder: the folder that holds the image files themselves.
    """

    def __init__(self, folder: pathlib.Path):
        self.path = folder

    def names(self) -> set[str]:
        """Gives the names of all files of the folder; one listing, no look at each file."""
        with os.scandir(self.path) as entries:
            return {entry.name for entry in entries}

    def read(self, name: str) -> bytes:
        """Gives the bytes of one image file.

        Raises:
            FileNotFoundError: the folder has no such file.
            ValueError: the name leads out of the folder.
        """
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} is not the plain name of a file of {self.path}")
        return (self.path / name).read_bytes()

    def sizes(self, names: Sequence[str]) -> np.ndarray:
        """Gives the bytes that each of these image files has, (N,) int64, by a look at each file but none into it.

        Raises:
            FileNotFoundError: the folder has no such file.
        """
        return np.fromiter((os.stat(self.path / name).st_size for name in names), np.int64, len(names))


class ImageArchive:
    """The images of a zip archive, read where they lie.

    Python's own ``zipfile`` would keep some 500 bytes of objects an image and one shared file position; the table kept
    here is a few numbers an image.

    Args:
        path: the zip file. Folders inside it do not matter: an image is known by its last name.

    Raises:
        ValueError: the archive is damaged, encrypted, packed by a method other than deflate, or holds two images of
            one name.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if _is_image(info)]
        except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
            raise ValueError(f"{path}: can't be read as a zip archive ({error}): is its download complete?") from error
        for info in members:
            if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(f"{path}: {info.filename} is encrypted or not packed by deflate: unpack the archive")
        names = np.array([info.filename.rpartition("/")[2] for info in members], dtype=np.str_)
        order = np.argsort(names, kind="stable")
        self._names = names[order]
        table = [(i.header_offset, i.compress_size, i.file_size, i.CRC, i.compress_type) for i in members]
        self._table = np.array(table, np.int64).reshape(-1, 5)[order]
        twice = self._names[1:][self._names[1:] == self._names[:-1]]
        if len(twice):
            raise ValueError(f"{path}: holds two files of the name {twice[0]}")

    def names(self) -> set[str]:
        """Gives the names of all images of the archive."""
        return set(self._names.tolist())

    def read(self, name: str) -> bytes:
        """Gives the unpacked bytes of one image file.

        Raises:
            FileNotFoundError: the archive has no such file.
            ValueError: the packed bytes are damaged.
        """
        row = int(np.searchsorted(self._names, name))
        if row == len(self._names) or self._names[row] != name:
            raise FileNotFoundError(f"{self.path} holds no {name}")
        offset, packed_size, size, checksum, method = (int(number) for number in self._table[row])
        with open(self.path, "rb") as file:
            file.seek(offset)
            header = file.read(_LOCAL_HEADER.size)
            if len(header) < _LOCAL_HEADER.size or not header.startswith(b"PK\x03\x04"):
                raise ValueError(f"{self.path}: {name} is not where the archive's directory says")
            _, name_length, extra_length = _LOCAL_HEADER.unpack(header)
            file.seek(name_length + extra_length, os.SEEK_CUR)
            data = file.read(packed_size)
        if method == zipfile.ZIP_DEFLATED:
            try:
                # One byte more than stated is allowed for, and no more: a bomb shows itself by its size below.
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
            except zlib.error as error:
                raise ValueError(f"{self.path}: {name} is damaged: {error}") from error
        if len(data) != size or zlib.crc32(data) != checksum:
            raise ValueError(f"{self.path}: {name} is damaged: its checksum or length does not fit")
        return data

    def sizes(self, names: Sequence[str]) -> np.ndarray:
        """Gives the bytes that each of these image files has when unpacked, (N,) int64.

        Raises:
            FileNotFoundError: the archive has no such file.
        """
        names = np.asarray(names, np.str_)
        rows = np.minimum(np.searchsorted(self._names, names), len(self._names) - 1)
        absent = self._names[rows] != names
        if absent.any():
            raise FileNotFoundError(f"{self.path} holds no {names[absent][0]}")
        return self._table[rows, 2]


def _is_image(info: zipfile.ZipInfo) -> bool:
    name = info.filename.rpartition("/")[2]
    # A Mac's archives hold a "._000001.jpg" of attributes beside each file.
    return bool(name) and not name.startswith(".") and not stat.S_ISDIR(info.external_attr >> 16)


def find_source(folder: pathlib.Path) -> ImageFolder | ImageArchive:
    """Finds CelebA's images in a data set's folder.

    ``img_align_celeba/`` is taken before ``img_align_celeba.zip``; the folder may lie in itself once more, as Kaggle
    packs it, and either may lie in ``Img/``, as CelebA's own download has it.

    Raises:
        FileNotFoundError: there is neither.
    """
    for place in (folder, folder / "Img"):
        for images in (place / FOLDER / FOLDER, place / FOLDER):
            if images.is_dir():
                return ImageFolder(images)
        if (place / ARCHIVE).is_file():
            return ImageArchive(place / ARCHIVE)
    raise FileNotFoundError(f"{folder} has neither a folder {FOLDER} nor a file {ARCHIVE}: put CelebA's images there")
