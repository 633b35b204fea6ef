"""Little data sets in CelebA's layout, written by the tests themselves."""

import io
import pathlib
import zipfile

import numpy as np
import pytest
from PIL import Image

from tests.program_fixtures import faces, own_faces  # noqa: F401
from tfslim.data.celeba.attributes import ATTRIBUTES


class LittleCelebA:
    """A written data set and what it should read as.

    Attributes:
        path: the folder.
        files: image names in order.
        attributes: (N, 40) uint8.
        identities: (N,) int.
        parts: (N,) int, 0 train, 1 validation, 2 test.
        pixels: (N, 3), the colour each image is filled with.
    """

    def __init__(self, path: pathlib.Path, count: int, size: tuple[int, int], people: int, seed: int):
        rng = np.random.default_rng(seed)
        self.path, self.size = path, size
        self.files = [f"{number:06d}.jpg" for number in range(1, count + 1)]
        self.attributes = rng.integers(0, 2, (count, len(ATTRIBUTES)), dtype=np.uint8)
        self.identities = 100 + np.arange(count) % people
        self.parts = np.minimum(np.arange(count) * 10 // count // 6, 1) + (np.arange(count) * 10 // count >= 8)
        self.pixels = rng.integers(40, 215, (count, 3), dtype=np.uint8)

    def image(self, row: int) -> Image.Image:
        height, width = self.size
        return Image.fromarray(np.broadcast_to(self.pixels[row], (height, width, 3)).copy())

    def jpeg(self, row: int) -> bytes:
        buffer = io.BytesIO()
        self.image(row).save(buffer, "JPEG", quality=95)
        return buffer.getvalue()

    def attribute_text(self, form: str = "txt") -> str:
        if form == "csv":
            lines = ["image_id," + ",".join(ATTRIBUTES)]
            lines += [",".join([file, *map(str, row)]) for file, row in self._signed()]
        else:
            lines = [str(len(self.files)), " ".join(ATTRIBUTES) + " "]
            lines += [" ".join([file, *(f"{value:2d}" for value in row)]) for file, row in self._signed()]
        return "\n".join(lines) + "\n"

    def identity_text(self) -> str:
        return "".join(f"{file} {identity}\n" for file, identity in zip(self.files, self.identities, strict=True))

    def partition_text(self, form: str = "txt") -> str:
        head, comma = ("image_id,partition\n", ",") if form == "csv" else ("", " ")
        return head + "".join(f"{file}{comma}{part}\n" for file, part in zip(self.files, self.parts, strict=True))

    def write(self, form: str = "txt", images: str = "folder", labels: str = "aip") -> None:
        """Writes the set: form "txt" or "csv"; images "folder", "nested" or "zip"; labels by their initials."""
        self.path.mkdir(parents=True, exist_ok=True)
        if "a" in labels:
            (self.path / f"list_attr_celeba.{form}").write_text(self.attribute_text(form))
        if "i" in labels:
            (self.path / "identity_CelebA.txt").write_text(self.identity_text())
        if "p" in labels:
            (self.path / f"list_eval_partition.{form}").write_text(self.partition_text(form))
        if images == "zip":
            with zipfile.ZipFile(self.path / "img_align_celeba.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr("img_align_celeba/", b"")
                for row, file in enumerate(self.files):
                    # Every other one stored, since CelebA's own archive has both.
                    method = zipfile.ZIP_STORED if row % 2 else zipfile.ZIP_DEFLATED
                    archive.writestr(f"img_align_celeba/{file}", self.jpeg(row), method)
                    archive.writestr(f"__MACOSX/img_align_celeba/._{file}", b"resource fork")
            return
        folder = self.path / "img_align_celeba"
        self.image_folder = folder / "img_align_celeba" if images == "nested" else folder
        self.image_folder.mkdir(parents=True)
        for row, file in enumerate(self.files):
            (self.image_folder / file).write_bytes(self.jpeg(row))

    def change_line(self, file: str, line: int, text: str) -> None:
        """Replaces a line (from 1) of a label file."""
        path = self.path / file
        lines = path.read_text().splitlines()
        lines[line - 1] = text
        path.write_text("\n".join(lines) + "\n")

    def _signed(self):
        return zip(self.files, self.attributes.astype(int) * 2 - 1, strict=True)


@pytest.fixture
def celeba_folder(tmp_path):
    """Writes a little CelebA and gives what it should read as: ``celeba_folder(count, form=, images=, ...)``."""

    def make(
        count: int = 10,
        form: str = "txt",
        images: str = "folder",
        labels: str = "aip",
        size: tuple[int, int] = (22, 18),
        people: int = 4,
        seed: int = 0,
        name: str = "celeba",
    ) -> LittleCelebA:
        little = LittleCelebA(tmp_path / name, count, size, people, seed)
        little.write(form, images, labels)
        return little

    return make
