"""Image sources: the folder ``img_align_celeba/`` or ``img_align_celeba.zip``.

Both can be read from many threads and processes at once, since no file stays open between two reads. The zip file is
not extracted.
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
    """Images in one folder.

    Args:
        folder: the folder with the image files.
    """

    def __init__(self, folder: pathlib.Path):
        self.path = folder

    def names(self) -> set[str]:
        """Return the names of all files in the folder."""
        with os.scandir(self.path) as entries:
            return {entry.name for entry in entries}

    def read(self, name: str) -> bytes:
        """Return the bytes of one image file.

        Raises:
            FileNotFoundError: if the file does not exist.
            ValueError: if the name points outside the folder.
        """
        if os.path.basename(name) != name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} is not the plain name of a file in {self.path}")
        return (self.path / name).read_bytes()

    def sizes(self, names: Sequence[str]) -> np.ndarray:
        """Return the sizes of image files in bytes, (N,) int64.

        The files are not read.

        Raises:
            FileNotFoundError: if a file does not exist.
        """
        return np.fromiter((os.stat(self.path / name).st_size for name in names), np.int64, len(names))


class ImageArchive:
    """Images in a zip archive, read without extracting it.

    Python's ``zipfile`` would keep about 500 bytes of objects per image and one shared file position; the table here
    holds a few numbers per image.

    Args:
        path: the zip file. Folders inside it are ignored: an image is identified by its file name.

    Raises:
        ValueError: if the archive is damaged, encrypted, compressed by a method other than deflate, or holds two images
            of one name.
    """

    def __init__(self, path: pathlib.Path):
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                members = [info for info in archive.infolist() if _is_image(info)]
        except (zipfile.BadZipFile, OSError, ValueError, EOFError) as error:
            raise ValueError(f"{path}: can't be read as a zip archive ({error}); is its download complete?") from error
        for info in members:
            if info.flag_bits & _ENCRYPTED or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise ValueError(
                    f"{path}: {info.filename} is encrypted or not compressed by deflate; extract the archive"
                )
        names = np.array([info.filename.rpartition("/")[2] for info in members], dtype=np.str_)
        order = np.argsort(names, kind="stable")
        self._names = names[order]
        table = [(i.header_offset, i.compress_size, i.file_size, i.CRC, i.compress_type) for i in members]
        self._table = np.array(table, np.int64).reshape(-1, 5)[order]
        duplicates = self._names[1:][self._names[1:] == self._names[:-1]]
        if len(duplicates):
            raise ValueError(f"{path}: holds two files named {duplicates[0]}; remove one")

    def names(self) -> set[str]:
        """Return the names of all images in the archive."""
        return set(self._names.tolist())

    def read(self, name: str) -> bytes:
        """Return the uncompressed bytes of one image file.

        Raises:
            FileNotFoundError: if the archive does not hold the file.
            ValueError: if the compressed bytes are damaged.
        """
        row = int(np.searchsorted(self._names, name))
        if row == len(self._names) or self._names[row] != name:
            raise FileNotFoundError(f"{self.path} does not hold {name}")
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
                # Allow one byte more than stated and no more: a zip bomb then fails the size check below.
                data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(data, size + 1)
            except zlib.error as error:
                raise ValueError(f"{self.path}: {name} is damaged: {error}") from error
        if len(data) != size or zlib.crc32(data) != checksum:
            raise ValueError(f"{self.path}: {name} is damaged: its checksum or length does not match")
        return data

    def sizes(self, names: Sequence[str]) -> np.ndarray:
        """Return uncompressed sizes of image files in bytes, (N,) int64.

        Raises:
            FileNotFoundError: if the archive does not hold a file.
        """
        names = np.asarray(names, np.str_)
        rows = np.minimum(np.searchsorted(self._names, names), len(self._names) - 1)
        absent = self._names[rows] != names
        if absent.any():
            raise FileNotFoundError(f"{self.path} does not hold {names[absent][0]}")
        return self._table[rows, 2]


def _is_image(info: zipfile.ZipInfo) -> bool:
    name = info.filename.rpartition("/")[2]
    # macOS archives hold a "._000001.jpg" of attributes beside each file.
    return bool(name) and not name.startswith(".") and not stat.S_ISDIR(info.external_attr >> 16)


def find_source(folder: pathlib.Path) -> ImageFolder | ImageArchive:
    """Find CelebA's images in the folder of a data set.

    ``img_align_celeba/`` takes precedence over ``img_align_celeba.zip``. The folder may be nested in itself, as in
    Kaggle's download, and either may lie in ``Img/``, as in CelebA's own download.

    Raises:
        FileNotFoundError: if neither exists.
    """
    for place in (folder, folder / "Img"):
        for images in (place / FOLDER / FOLDER, place / FOLDER):
            if images.is_dir():
                return ImageFolder(images)
        if (place / ARCHIVE).is_file():
            return ImageArchive(place / ARCHIVE)
    raise FileNotFoundError(f"{folder} has neither a folder {FOLDER} nor a file {ARCHIVE}; put CelebA's images there")
