"""The label files of one data set, checked against one another and joined into one list of images."""

import dataclasses
import pathlib

import numpy as np

from tfslim.data.celeba.label_files import LabelError, Table, read_attributes, read_identities, read_partition

# CelebA's own download keeps its labels in Anno/ and Eval/.
_PLACES = ("", "Anno", "Eval")


@dataclasses.dataclass(frozen=True)
class Listing:
    """All images that every label file knows, in the order of the attribute file (else of the identity file).

    Attributes:
        path: the label file that gives the order.
        files: (N,) str.
        lines: (N,) int32, the line of `path` each image stands on.
        attributes: (N, 40) uint8 in {0, 1}, or None.
        identities: (N,) int32, or None.
        parts: (N,) uint8 of the partition file, or None if it was not asked for.
        skipped: image name, or ``file:line``, -> why it was left out.
    """

    path: pathlib.Path
    files: np.ndarray
    lines: np.ndarray
    attributes: np.ndarray | None
    identities: np.ndarray | None
    parts: np.ndarray | None
    skipped: dict[str, str]


def read_listing(folder: pathlib.Path, partition: bool, on_error: str) -> Listing:
    """Reads and joins the label files of a folder.

    Args:
        folder: where the label files lie.
        partition: whether to read the partition file, which must then be there.
        on_error: "raise" or "skip".

    Raises:
        FileNotFoundError: neither attributes nor identities, or no partition file though asked for.
        LabelError: a label file is wrong; with "raise" also when a row is wrong or two files do not list the same.
    """
    attribute_path = find_label_file(folder, "list_attr_celeba")
    identity_path = find_label_file(folder, "identity_CelebA")
    partition_path = find_label_file(folder, "list_eval_partition") if partition else None
    if attribute_path is None and identity_path is None:
        raise FileNotFoundError(
            f"{folder} has no list_attr_celeba.txt (or .csv) and no identity_CelebA.txt: give the folder with them"
        )
    if partition and partition_path is None:
        raise FileNotFoundError(
            f"{folder} has no list_eval_partition.txt (or .csv), which split='official' needs: "
            "put it there, or take split='7:2:1' or 'random'"
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
    """Finds a label file by its stem, as ``.txt`` before ``.csv``; None if there is neither."""
    for place in _PLACES:
        for ending in (".txt", ".csv"):
            path = folder / place / (stem + ending)
            if path.is_file():
                return path
    return None


def missing_images(listing: Listing, present: set[str], place: pathlib.Path, on_error: str) -> dict[str, str]:
    """Gives the listed images that are not among those present, each with why.

    Raises:
        LabelError: with on_error "raise", if any is missing; with the line that lists the first.
    """
    rows = [row for row, file in enumerate(listing.files.tolist()) if file not in present]
    if rows and (on_error == "raise" or len(rows) == len(listing.files)):
        others = f" ({len(rows)} of {len(listing.files)} listed images are missing)" if len(rows) > 1 else ""
        raise LabelError(
            f"{listing.path}:{listing.lines[rows[0]]}: {listing.files[rows[0]]} is listed but is not in {place}"
            f"{others}: complete the images, or leave out what is missing with on_error='skip'"
        )
    return {
        str(listing.files[row]): f"{listing.path}:{listing.lines[row]}: listed, but is not in {place}" for row in rows
    }


def _joined(tables: list[Table | None], skipped: dict[str, str], on_error: str) -> Listing:
    first = next(table for table in tables if table is not None)
    rows = [None if table is None else _rows_of(first.files, table.files) for table in tables]
    everywhere = np.ones(len(first.files), bool)
    for table, found in zip(tables, rows, strict=True):
        if table is None or table is first:
            continue
        lacking = np.flatnonzero(found < 0)
        strange = np.setdiff1d(np.arange(len(table.files)), found)
        # An image left out for a wrong row is lacking for a reason that has been given already.
        strange = [row for row in strange.tolist() if str(table.files[row]) not in skipped]
        _note_differences(first, lacking.tolist(), table, skipped, on_error)
        _note_differences(table, strange, first, skipped, on_error)
        everywhere &= found >= 0
    if not everywhere.any():
        others = ", ".join(str(table.path) for table in tables if table is not None and table is not first)
        raise LabelError(f"{first.path} and {others} have no image in common: are they of one data set?")
    values = [
        None if table is None else table.values[found[everywhere]] for table, found in zip(tables, rows, strict=True)
    ]
    return Listing(first.path, first.files[everywhere], first.lines[everywhere], *values, skipped)


def _rows_of(files: np.ndarray, listed: np.ndarray) -> np.ndarray:
    """Gives each file's row in a table's listed files, -1 where it is not listed."""
    if len(files) == len(listed) and np.array_equal(files, listed):
        return np.arange(len(files))
    row = {file: index for index, file in enumerate(listed.tolist())}
    return np.array([row.get(file, -1) for file in files.tolist()], np.intp)


def _note_differences(table: Table, rows: list[int], other: Table, skipped: dict[str, str], on_error: str) -> None:
    if rows and on_error == "raise":
        count = f" ({len(rows)} such images)" if len(rows) > 1 else ""
        raise LabelError(
            f"{table.path}:{table.lines[rows[0]]}: {table.files[rows[0]]} is not listed in {other.path}{count}: "
            "both must list the same images, or on_error='skip' takes those that all label files list"
        )
    for row in rows:
        file = str(table.files[row])
        skipped.setdefault(file, f"{table.path}:{table.lines[row]}: not listed in {other.path}")
