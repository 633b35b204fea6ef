"""CelebA in a local folder, without TensorFlow or downloads."""

import collections
import contextlib
import dataclasses
import logging
import os
import pathlib
from collections.abc import Sequence

import numpy as np
from PIL import Image

from tfslim.data.celeba import splits
from tfslim.data.celeba.attributes import ATTRIBUTES, attribute_columns
from tfslim.data.celeba.identities import hold_out as draw_held_out, restrict
from tfslim.data.celeba.label_files import PARTS
from tfslim.data.celeba.listing import missing_images, read_listing
from tfslim.data.celeba.records import Records
from tfslim.data.images import ImageError, each_image, fit_image
from tfslim.data.sources import find_source

__all__ = ["CelebA"]

log = logging.getLogger(__name__)

HELD_OUT = "held out"
ALL_PARTS = (*PARTS, HELD_OUT)


@dataclasses.dataclass(frozen=True)
class ImageCheck:
    """Result of `CelebA.check_images`.

    Attributes:
        count: number of images read.
        bad: name of each undecodable image -> the reason.
        sizes: (height, width) -> number of images.
    """

    count: int
    bad: dict[str, str]
    sizes: dict[tuple[int, int], int]


class CelebA:
    """CelebA, or another data set in its layout.

    The folder holds ``list_attr_celeba`` and ``list_eval_partition`` (``.txt``, or Kaggle's ``.csv``),
    ``identity_CelebA.txt``, and the images in ``img_align_celeba/`` (possibly nested in itself, as Kaggle packs it) or
    in ``img_align_celeba.zip``, which is not extracted. Attributes or identities may be missing, not both. All label
    files are checked against each other and against the image files on construction, before any work begins; only the
    label tables stay in memory.

    Args:
        folder: folder of the data set.
        split: "official" (the partition file), "7:2:1" (by file order; 141,819 / 40,520 / 20,260 of all 202,599) or
            "random" (7:2:1 in an order drawn from the seed). The last two split all listed images before any
            restriction, so an image's part depends neither on `min_images` nor on missing files.
        seed: seed of the split "random" and of the held-out people, 0 or more.
        attributes: names of the attributes to load, in this order; None for all 40.
        min_images: keep only identities with at least this many images, renumbered from 0; None keeps all, with
            CelebA's own numbers.
        on_error: "raise" stops at a wrong label row, a missing image file, and an undecodable image when it is first
            read; "skip" leaves these out and lists them in `skipped`.
        crop: (height, width) in pixels of the center part that is cropped from every image before resizing; None keeps
            whole images.
        hold_out: number of people, drawn by the seed from those with `min_images`, whose images all go to the part
            "held out" and to no other: people for verification that no model is trained on. They are numbered after
            all others.

    Attributes:
        attribute_names: tuple of str, one per column of attributes; () without an attribute file.
        identity_map: CelebA's identity number -> the new number; None unless `min_images` or `hold_out` is set.
        held_out: CelebA's identity numbers of the held-out people, or ().
        skipped: image name, or ``file:line`` for a row without one -> the reason why it was skipped.
        source: source of the image bytes; `source.path` is the image folder or the zip file.

    Raises:
        FileNotFoundError: if a required folder or file does not exist.
        LabelError: if a label file is wrong, two of them contradict each other, or a listed image is missing; names
            file and line.
        ValueError: if an argument is wrong; near matches of an unknown attribute are suggested.

    Example:
        >>> celeba = CelebA(tfslim.data.draw_faces("drawn", count=100), attributes=["Smiling", "Male"])
        >>> images, attributes, identities = celeba.arrays("validation", size=(109, 89))
        >>> images.shape[1:]
        (109, 89, 3)

    Source: Liu, Luo, Wang, Tang, "Deep Learning Face Attributes in the Wild", ICCV 2015.
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        split: str = "official",
        seed: int = 0,
        attributes: Sequence[str] | None = None,
        min_images: int | None = None,
        on_error: str = "raise",
        crop: tuple[int, int] | None = None,
        hold_out: int = 0,
    ):
        if split not in splits.SPLITS:
            raise ValueError(f"split must be one of {', '.join(map(repr, splits.SPLITS))}, found {split!r}")
        if on_error not in ("raise", "skip"):
            raise ValueError(f"on_error must be 'raise' or 'skip', found {on_error!r}")
        if min_images is not None and min_images < 1:
            raise ValueError(f"min_images must be 1 or more, found {min_images}")
        if crop is not None and min(crop) < 1:
            raise ValueError(f"crop must be a height and a width of 1 pixel or more, found {crop}")
        min_images = 1 if hold_out and min_images is None else min_images
        columns = None if attributes is None else attribute_columns(attributes)
        self.crop = None if crop is None else (crop[0], crop[1])
        self.folder, self.split, self.seed, self.on_error = pathlib.Path(folder), split, seed, on_error
        if not self.folder.is_dir():
            raise FileNotFoundError(f"{self.folder} is not a folder; pass the folder with CelebA's label files")

        listing = read_listing(self.folder, partition=split == "official", on_error=on_error)
        if listing.attributes is None and columns is not None:
            raise FileNotFoundError(
                f"{self.folder} has no list_attr_celeba.txt or .csv, which attributes needs; add the file or use None"
            )
        if listing.identities is None and min_images is not None:
            raise FileNotFoundError(
                f"{self.folder} has no identity_CelebA.txt, which min_images and hold_out need; add it"
            )
        self.source = find_source(self.folder)
        missing = missing_images(listing, self.source.names(), self.source.path, on_error)
        self.skipped: dict[str, str] = listing.skipped | missing

        if listing.parts is not None:  # as read for the official split
            parts = listing.parts
        else:
            count = len(listing.files)
            parts = splits.by_order(count) if split == "7:2:1" else splits.at_random(count, seed)
        values, names = listing.attributes, ATTRIBUTES
        if values is not None and attributes is not None:
            values, names = values[:, columns], tuple(attributes)
        self.attribute_names: tuple[str, ...] = () if values is None else names

        records = _without(Records(listing.files, values, listing.identities, parts), missing)
        self.identity_map: dict[int, int] | None = None
        self.held_out: tuple[int, ...] = ()
        if min_images is not None and records.identities is not None:
            rows, numbers, self.identity_map = restrict(records.identities, min_images)
            records = dataclasses.replace(records[rows], identities=numbers)
        if hold_out:
            records = self._hold_out(records, hold_out)
        self._records = records
        self._undecodable: dict[str, str] = {}
        if self.skipped:
            log.warning("%s: %d rows or images skipped, see .skipped", self.folder, len(self.skipped))

    def _hold_out(self, records: Records, count: int) -> Records:
        assert records.identities is not None and self.identity_map is not None  # as `min_images` is set
        numbers, held = draw_held_out(records.identities, count, self.seed)
        old = list(self.identity_map)
        self.held_out = tuple(old[number] for number in held)
        self.identity_map = {identity: int(number) for identity, number in zip(old, numbers, strict=True)}
        is_held_out = np.isin(records.identities, held)
        parts = np.where(is_held_out, ALL_PARTS.index(HELD_OUT), records.parts).astype(np.uint8)
        return dataclasses.replace(records, identities=numbers[records.identities], parts=parts)

    @property
    def people(self) -> int:
        """Return the number of identities; 0 without `min_images`.

        It is the number of people to train on.
        """
        return 0 if self.identity_map is None else len(self.identity_map) - len(self.held_out)

    def part(self, part: str) -> Records:
        """Return the records of a part.

        Images that were found to be undecodable are left out.

        Args:
            part: "train", "validation", "test" or "held out".

        Raises:
            ValueError: if the part does not exist or has no image.
        """
        if part not in ALL_PARTS:
            raise ValueError(f"part must be one of {', '.join(map(repr, ALL_PARTS))}, found {part!r}")
        all_parts = self._records.parts
        records = _without(self._records[all_parts == ALL_PARTS.index(part)], self._undecodable)
        if not len(records):
            counts = ", ".join(f"{name} {int((all_parts == code).sum())}" for code, name in enumerate(ALL_PARTS))
            raise ValueError(
                f"the {part} part of {self.folder} has no image with split={self.split!r} ({counts}; "
                f"{len(self.skipped)} skipped); use another split or complete the data"
            )
        return records

    def read(self, file: str) -> bytes:
        """Return the bytes of one image file; thread-safe."""
        return self.source.read(file)

    def fit(self, image: Image.Image, size: tuple[int, int]) -> np.ndarray:
        """Crop an image to `crop` and resize it to `size`."""
        return fit_image(image, size, self.crop)

    def skip(self, file: str, reason: str) -> None:
        """Mark an image as undecodable, dropping it from its part."""
        self._undecodable[file] = self.skipped[file] = reason

    def arrays(
        self, part: str, size: tuple[int, int], threads: int | None = None
    ) -> tuple[np.ndarray, np.ndarray | None, np.ndarray | None]:
        """Decode a whole part into memory.

        For small sets, and for machines without TensorFlow.

        Args:
            part: "train", "validation", "test" or "held out".
            size: (height, width) in pixels; other images are resized to it, bilinear with antialiasing. A warning is
                logged if the image files of the part differ in size.
            threads: number of decoding threads; None for one per processor.

        Returns:
            Images (N, height, width, 3) uint8, attributes (N, A) uint8 or None, identities (N,) int32 or None.

        Raises:
            ImageError: if an image can't be decoded and `on_error` is "raise", or none can.
            ValueError: if the part does not exist or has no image.
        """
        records = self.part(part)
        height, width = size
        images = np.empty((len(records), height, width, 3), np.uint8)
        sizes = np.zeros((len(records), 2), np.int32)

        def fill(row: int, image: Image.Image) -> None:
            images[row] = self.fit(image, (height, width))
            sizes[row] = image.height, image.width

        bad = np.zeros(len(records), bool)
        with contextlib.closing(each_image(self.source, records.files.tolist(), fill, threads)) as results:
            for row, error in results:
                if error is not None:
                    if self.on_error == "raise":
                        raise error
                    self.skip(str(records.files[row]), str(error))
                    bad[row] = True
        if bad.any():
            log.warning("%s: %d undecodable images skipped, see .skipped", self.folder, bad.sum())
            images, records, sizes = images[~bad], records[~bad], sizes[~bad]
            if not len(records):
                raise ImageError(f"no image of the {part} part of {self.folder} can be decoded, see .skipped")
        self._warn_mixed_sizes(records.files, sizes)
        return images, records.attributes, records.identities

    def check_images(self, part: str | None = None, threads: int | None = None, progress: bool = True) -> ImageCheck:
        """Decode every image once and report all bad ones together.

        Args:
            part: "train", "validation", "test" or "held out"; None for all parts.
            threads: number of decoding threads; None for one per processor.
            progress: whether to show a progress bar on stderr.

        Returns:
            An `ImageCheck`; no pixels are kept.

        Raises:
            ImageError: if at least one can't be decoded and `on_error` is "raise"; lists them. With "skip" they go to
                `skipped` and leave their part.
        """
        records = _without(self._records, self._undecodable) if part is None else self.part(part)
        files = records.files.tolist()
        sizes, bad = np.zeros((len(files), 2), np.int32), {}
        with contextlib.closing(
            each_image(self.source, files, lambda _, image: (image.height, image.width), threads)
        ) as results:
            for row, result in _tracked(results, len(files), progress):
                if isinstance(result, ImageError):
                    bad[files[row]] = str(result)
                else:
                    sizes[row] = result
        good = np.array([file not in bad for file in files], bool)
        self._warn_mixed_sizes(records.files[good], sizes[good])
        if bad and self.on_error == "raise":
            listed = "\n  ".join(list(bad.values())[:20])
            more = f"\n  and {len(bad) - 20} more" if len(bad) > 20 else ""
            raise ImageError(
                f"{len(bad)} of {len(files)} images of {self.source.path} can't be decoded; replace them, or use "
                f"on_error='skip':\n  {listed}{more}"
            )
        for file, reason in bad.items():
            self.skip(file, reason)
        counted = collections.Counter(map(tuple, sizes[good].tolist()))
        return ImageCheck(len(files), bad, dict(counted.most_common()))

    def _warn_mixed_sizes(self, files: np.ndarray, sizes: np.ndarray) -> None:
        counted = collections.Counter(map(tuple, sizes.tolist()))
        if len(counted) > 1:
            (height, width), _ = counted.most_common(1)[0]
            odd = np.flatnonzero((sizes != (height, width)).any(axis=1))
            named = ", ".join(f"{files[row]} {sizes[row][0]}x{sizes[row][1]}" for row in odd[:3])
            more = " and others" if len(odd) > 3 else ""
            log.warning(
                "%s: %d images differ from the most common height x width %dx%d; all are resized alike: %s%s",
                self.source.path, len(odd), height, width, named, more,
            )  # fmt: skip


def _without(records: Records, left_out: dict[str, str]) -> Records:
    if not left_out:
        return records
    return records[np.array([file not in left_out for file in records.files.tolist()], bool)]


def _tracked(results, total: int, progress: bool):
    if not progress:
        yield from results
        return
    from tfslim._support.terminal import progress_bar

    with progress_bar("reading images") as move:
        for done, result in enumerate(results, start=1):
            yield result
            move(done, total)
