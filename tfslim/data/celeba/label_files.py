"""CelebA's label files (attributes, identities, partition) as numpy tables.

Both common forms are read: the original ``.txt`` (values separated by spaces) and Kaggle's ``.csv`` (a header and
commas), with Unix or Windows line ends, with or without a byte order mark. A wrong row does not stop the reading: it
is recorded as a `Problem` with its line, and the caller decides whether to stop (`Table.stop_at_problems`). A wrong
file (of another data set, in UTF-16, without rows) raises at once.
"""

import dataclasses
import os
import pathlib
import typing
from collections.abc import Iterator

import numpy as np

from tfslim.data.celeba.attributes import ATTRIBUTES

__all__ = ["LabelError"]

PARTS = ("train", "validation", "test")  # the partition file's 0, 1 and 2

_ATTRIBUTE_VALUES = {b"-1": 0, b"1": 1}
_PARTITION_VALUES = {b"0": 0, b"1": 1, b"2": 2}
_IMAGE_ENDINGS = (b".jpg", b".jpeg", b".png", b".webp", b".bmp")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_IDENTITY_LIMIT = 2**31


class LabelError(ValueError):
    """Error in a label file; the message begins with ``file:line:``."""


class Problem(typing.NamedTuple):
    """Error in one row of a label file.

    Attributes:
        line: line number, from 1.
        file: the image that the row names; "" if none can be read.
        reason: the error.
    """

    line: int
    file: str
    reason: str


@dataclasses.dataclass(frozen=True)
class Table:
    """Valid rows of one label file.

    Attributes:
        path: the label file.
        files: (N,) str, image names without repeats, in the file's order.
        values: (N, 40) uint8 in {0, 1} for attributes, (N,) int32 identities, or (N,) uint8 parts in {0, 1, 2}.
        lines: (N,) int32, line number of each row, from 1.
        problems: the rows left out, in the file's order. The problem of a repeated row names no image, since the first
            row of that image is kept.
    """

    path: pathlib.Path
    files: np.ndarray
    values: np.ndarray
    lines: np.ndarray
    problems: tuple[Problem, ...] = ()

    def stop_at_problems(self) -> None:
        """Raise a LabelError for the first problem, if any."""
        if self.problems:
            first, others = self.problems[0], len(self.problems) - 1
            more = f" ({others} more like it or other problems in this file)" if others else ""
            raise LabelError(f"{self.path}:{first.line}: {first.reason}{more}")


def read_attributes(path: str | os.PathLike) -> Table:
    """Read ``list_attr_celeba.txt`` or ``.csv``.

    Each row holds a file name and 40 values of -1 or 1.

    Args:
        path: the label file. Its columns may have any order; the table has CelebA's order.

    Returns:
        A table with (N, 40) uint8 values, 1 for 1 and 0 for -1.

    Raises:
        LabelError: if the file is not CelebA's attribute file.
        FileNotFoundError: if the file does not exist.

    Example:
        >>> folder = tfslim.data.draw_faces("drawn", count=100)
        >>> read_attributes(folder / "list_attr_celeba.txt").values.shape
        (100, 40)
    """
    path = pathlib.Path(path)
    names, values, numbers, problems = [], [], [], []
    with open(path, "rb") as file:
        rows = _rows(path, file)
        count, columns = _attribute_header(path, rows)
        width = len(columns) + 1
        for number, row in rows:
            if len(row) != width:
                reason = f"expected a file name and {width - 1} values, found {len(row) - 1} values"
                problems.append(Problem(number, _readable(row[0]), reason))
                continue
            try:
                names.append(_name(row[0]))
            except ValueError as error:
                problems.append(Problem(number, _readable(row[0]), str(error)))
                continue
            try:
                values.append(bytes(map(_ATTRIBUTE_VALUES.__getitem__, row[1:])))
                numbers.append(number)
            except KeyError as error:
                wrong = _readable(error.args[0])
                problems.append(Problem(number, names.pop(), f"expected values of -1 or 1, found {wrong!r}"))
    listed = len(names) + len(problems)
    if count is not None and count != listed:
        reason = f"the first line promises {count} rows, found {listed}; is the file truncated or of another data set?"
        problems.append(Problem(1, "", reason))
    table = np.frombuffer(b"".join(values), np.uint8).reshape(len(names), width - 1)[:, columns]
    return _table(path, names, table, numbers, problems)


def read_identities(path: str | os.PathLike) -> Table:
    """Read ``identity_CelebA.txt`` or ``.csv``.

    Each row holds a file name and the number of a person.

    Returns:
        A table with (N,) int32 values.

    Raises:
        LabelError: if the file is not an identity file.
        FileNotFoundError: if the file does not exist.
    """
    return _read_pairs(pathlib.Path(path), _identity, "the number of a person (0 or more)", np.int32)


def read_partition(path: str | os.PathLike) -> Table:
    """Read ``list_eval_partition.txt`` or ``.csv``.

    Each row holds a file name and 0 (train), 1 (validation) or 2 (test).

    Returns:
        A table with (N,) uint8 values, indices into ``PARTS``.

    Raises:
        LabelError: if the file is not a partition file.
        FileNotFoundError: if the file does not exist.
    """
    wanted = "0 (train), 1 (validation) or 2 (test)"
    return _read_pairs(pathlib.Path(path), _PARTITION_VALUES.__getitem__, wanted, np.uint8)


def _identity(text: bytes) -> int:
    # isdigit, because int() would also take "+5", "-5" and "1_000".
    if not text.isdigit() or int(text) >= _IDENTITY_LIMIT:
        raise ValueError(text)
    return int(text)


def _read_pairs(path: pathlib.Path, convert: typing.Callable[[bytes], int], wanted: str, dtype: type) -> Table:
    names, values, numbers, problems = [], [], [], []
    with open(path, "rb") as file:
        for number, row in _rows(path, file):
            if number == 1 and row[0].lower() in (b"image_id", b"image", b"file", b"filename"):
                continue  # the header of the csv form
            if len(row) != 2:
                reason = f"expected a file name and {wanted}, found {len(row)} values"
                problems.append(Problem(number, _readable(row[0]), reason))
                continue
            try:
                name = _name(row[0])
            except ValueError as error:
                problems.append(Problem(number, _readable(row[0]), str(error)))
                continue
            try:
                values.append(convert(row[1]))
            except (KeyError, ValueError):
                problems.append(Problem(number, name, f"expected {wanted}, found {_readable(row[1])!r}"))
                continue
            names.append(name)
            numbers.append(number)
    return _table(path, names, np.array(values, dtype), numbers, problems)


def _rows(path: pathlib.Path, file: typing.BinaryIO) -> Iterator[tuple[int, list[bytes]]]:
    """Yield number and fields of each non-blank line.

    Fields are separated by commas if the first line has any.
    """
    commas = False
    for number, line in enumerate(file, 1):
        if number == 1:
            if line.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in line:
                raise LabelError(f"{path}:1: the file is UTF-16 or binary, expected UTF-8 text; save it as UTF-8")
            line = line.removeprefix(_BYTE_ORDER_MARK)
            commas = b"," in line
        if commas:
            # Keep empty fields, so that "a.jpg,,1" is reported as a wrong value and not as a shorter row.
            row = line.strip().split(b",") if line.strip() else []
            if b" " in line or b'"' in line:
                row = [field.strip(b' "') for field in row]
        else:
            row = line.split()
        if row:
            yield number, row


def _attribute_header(path: pathlib.Path, rows: Iterator[tuple[int, list[bytes]]]) -> tuple[int | None, list[int]]:
    """Read the row count and column indices from the header.

    The count is None in a csv. The indices are the columns of CelebA's attributes, in CelebA's order.
    """
    number, row = next(rows, (1, []))
    if not row:
        raise LabelError(f"{path}:1: the file is empty, expected CelebA's attribute file")
    count = None
    if len(row) == 1 and row[0].isdigit():
        count = int(row[0])
        number, row = next(rows, (2, []))
    elif row[0].lower() in (b"image_id", b"image", b"file", b"filename"):
        row = row[1:]
    else:
        found = _readable(b" ".join(row))
        raise LabelError(
            f"{path}:{number}: expected the number of images, or a csv header beginning with image_id, found "
            f"{found!r}; is this CelebA's attribute file?"
        )
    names = [_readable(field, 80) for field in row]
    if sorted(names) != sorted(ATTRIBUTES):
        missing = [name for name in ATTRIBUTES if name not in names]
        unknown = [name for name in names if name not in ATTRIBUTES]
        raise LabelError(
            f"{path}:{number}: expected the names of CelebA's 40 attributes, found {len(names)} names"
            + (f", without {_few(missing)}" if missing else "")
            + (f", with {_few(unknown)}" if unknown else "")
            + "; is this the file of another data set?"
        )
    return count, [names.index(name) for name in ATTRIBUTES]


def _few(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _name(field: bytes) -> str:
    try:
        name = field.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the file name {_readable(field)!r} is not UTF-8; save the label file as UTF-8") from None
    if not field.lower().endswith(_IMAGE_ENDINGS):
        raise ValueError(f"expected an image's file name such as 000001.jpg, found {_readable(field)!r}")
    return name


def _readable(field: bytes, limit: int = 40) -> str:
    text = field.decode("utf-8", "replace")
    return text if len(text) <= limit else text[:limit] + "..."


def _table(path: pathlib.Path, names: list[str], values: np.ndarray, lines: list[int], problems: list) -> Table:
    if not names:
        if problems:
            line, _, reason = problems[0]
            raise LabelError(f"{path}:{line}: {reason}; this file has no valid row")
        raise LabelError(f"{path}: no rows; expected one per image")
    lines = np.array(lines, np.int32)
    if len(set(names)) != len(names):
        first_line, keep = {}, np.ones(len(names), bool)
        for row, name in enumerate(names):
            if name in first_line:
                keep[row] = False
                reason = f"{name} is listed a second time, first on line {first_line[name]}"
                problems.append(Problem(int(lines[row]), "", reason))  # no name, since its first row stays valid
            else:
                first_line[name] = int(lines[row])
        names, values, lines = [n for n, k in zip(names, keep, strict=True) if k], values[keep], lines[keep]
    return Table(path, np.array(names), values, lines, tuple(sorted(problems)))
