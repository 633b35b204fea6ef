"""The label files of a data set, checked and joined."""

import dataclasses
import pathlib

import numpy as np

from tfslim.data.celeba.label_files import LabelError, Table, read_attributes, read_identities, read_partition

# CelebA's own download has its labels in Anno/ and Eval/.
_PLACES = ("", "Anno", "Eval")


@dataclasses.dataclass(frozen=True)
class Listing:
    """Images that all label files list, with their labels.

    Attributes:
        path: the label file that defines the order: the attribute file, or else the identity file.
        files: (N,) str, image names.
        lines: (N,) int32, line number of each image in `path`.
        attributes: (N, 40) uint8 in {0, 1}, or None.
        identities: (N,) int32, or None.
        parts: (N,) uint8 of the partition file, or None if it was not read.
        skipped: image name, or ``file:line`` -> the reason why it was left out.
    """

    path: pathlib.Path
    files: np.ndarray
    lines: np.ndarray
    attributes: np.ndarray | None
    identities: np.ndarray | None
    parts: np.ndarray | None
    skipped: dict[str, str]


def read_listing(folder: pathlib.Path, partition: bool, on_error: str) -> Listing:
    """Read and join the label files of a folder.

    Args:
        folder: folder of the label files.
        partition: whether to read the partition file, which must then exist.
        on_error: "raise" or "skip".

    Raises:
        FileNotFoundError: if both attribute and identity file are missing, or a required partition file.
        LabelError: if a label file is wrong; with "raise" also if a row is wrong or two files list different images.
    """
    attribute_path = find_label_file(folder, "list_attr_celeba")
    identity_path = find_label_file(folder, "identity_CelebA")
    partition_path = find_label_file(folder, "list_eval_partition") if partition else None
    if attribute_path is None and identity_path is None:
        raise FileNotFoundError(
            f"{folder} has no list_attr_celeba.txt (or .csv) and no identity_CelebA.txt; pass the folder with them"
        )
    if partition and partition_path is None:
        raise FileNotFoundError(
            f"{folder} has no list_eval_partition.txt (or .csv), which split='official' needs; "
            "add it, or use split='7:2:1' or 'random'"
        )
    readers = ((attribute_path, read_attributes), (identity_path, read_identities), (partition_path, read_partition))
    tables = [None if path is None else read(path) for path, read in readers]
    skipped: dict[str, str] = {}
    for table in tables:
        if table is not None:
            if on_error == "raise":
                table.stop_at_problems()
            for problem in table.problems:
                key = problem.file or f"{table.path.name}:{problem.line}"
                skipped.setdefault(key, f"{table.path}:{problem.line}: {problem.reason}")
    return _joined(tables, skipped, on_error)


def find_label_file(folder: pathlib.Path, stem: str) -> pathlib.Path | None:
    """Find a label file by its stem, or return None.

    ``.txt`` takes precedence over ``.csv``.
    """
    for place in _PLACES:
        for ending in (".txt", ".csv"):
            path = folder / place / (stem + ending)
            if path.is_file():
                return path
    return None


def missing_images(listing: Listing, present: set[str], place: pathlib.Path, on_error: str) -> dict[str, str]:
    """Return the listed images that lack a file, with reasons.

    Args:
        listing: the listed images.
        present: names of all image files.
        place: path of the image folder or zip file, for messages.
        on_error: "raise" or "skip".

    Raises:
        LabelError: if an image is missing and `on_error` is "raise", or if all are missing; names the line of the
            first.
    """
    rows = [row for row, file in enumerate(listing.files.tolist()) if file not in present]
    nothing_left = len(rows) == len(listing.files)
    if rows and (on_error == "raise" or nothing_left):
        others = f" ({len(rows)} of {len(listing.files)} listed images are missing)" if len(rows) > 1 else ""
        # Skipping all images would leave nothing, so it is not offered as a way out.
        advice = (
            "check that images and label files belong together"
            if nothing_left
            else "add the images, or leave missing ones out with on_error='skip'"
        )
        raise LabelError(
            f"{listing.path}:{listing.lines[rows[0]]}: {listing.files[rows[0]]} is listed but is not in {place}"
            f"{others}; {advice}"
        )
    return {
        str(listing.files[row]): f"{listing.path}:{listing.lines[row]}: listed, but is not in {place}" for row in rows
    }


def _joined(tables: list[Table | None], skipped: dict[str, str], on_error: str) -> Listing:
    first = next(table for table in tables if table is not None)
    rows = [None if table is None else _rows_of(first.files, table.files) for table in tables]
    everywhere = np.ones(len(first.files), bool)
    for table, found in zip(tables, rows, strict=True):
        if table is None or found is None or table is first:
            continue
        missing = np.flatnonzero(found < 0)
        extra = np.setdiff1d(np.arange(len(table.files)), found)
        # An image that was left out for a wrong row has been reported already.
        extra = [row for row in extra.tolist() if str(table.files[row]) not in skipped]
        _note_differences(first, missing.tolist(), table, skipped, on_error)
        _note_differences(table, extra, first, skipped, on_error)
        everywhere &= found >= 0
    if not everywhere.any():
        others = ", ".join(str(table.path) for table in tables if table is not None and table is not first)
        raise LabelError(f"{first.path} and {others} have no image in common; are they of one data set?")
    attributes, identities, parts = (
        None if table is None or found is None else table.values[found[everywhere]]
        for table, found in zip(tables, rows, strict=True)
    )
    files, lines = first.files[everywhere], first.lines[everywhere]
    return Listing(first.path, files, lines, attributes, identities, parts, skipped)


def _rows_of(files: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """Return each file's row in `listed`, -1 if not listed."""
    if len(files) == len(listed) and np.array_equal(files, listed):
        return np.arange(len(files))
    row = {file: index for index, file in enumerate(listed.tolist())}
    return np.array([row.get(file, -1) for file in files.tolist()], np.intp)


def _note_differences(table: Table, rows: list[int], other: Table, skipped: dict[str, str], on_error: str) -> None:
    if rows and on_error == "raise":
        count = f" ({len(rows)} such images)" if len(rows) > 1 else ""
        raise LabelError(
            f"{table.path}:{table.lines[rows[0]]}: {table.files[rows[0]]} is not listed in {other.path}{count}; "
            "both must list the same images, unless on_error='skip' keeps those that all label files list"
        )
    for row in rows:
        file = str(table.files[row])
        skipped.setdefault(file, f"{table.path}:{table.lines[row]}: not listed in {other.path}")
