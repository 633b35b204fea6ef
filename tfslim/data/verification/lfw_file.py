"""Image pairs in the format of LFW's ``pairs.txt`` and ``pairsDevTest.txt``.

The first line is the number of folds and of pairs of each kind per fold ("10 300"), or the number of pairs of each kind
only ("500"). In each fold the genuine pairs come first, as a name and two image numbers, then the impostor pairs, as
name, number, name, number. Image 3 of Ann_Lee is ``Ann_Lee/Ann_Lee_0003.jpg``, with another suffix if it was converted.

Source: Huang, Ramesh, Berg, Learned-Miller, "Labeled Faces in the Wild", 2007, section 4, and its web page.
"""

import os
import pathlib
import re
from collections.abc import Iterable

import numpy as np

from tfslim._support.files import replacing
from tfslim.data.verification.pairs import Pairs
from tfslim.data.verification.people_folder import ENDINGS

__all__ = ["read_pairs", "write_pairs"]

_FILE = re.compile(r"(?P<name>[^/]+)/(?P=name)_(?P<number>\d{4,})\.jpg")
_FORMS = {3: "a genuine pair (name, number, number)", 4: "an impostor pair (name, number, name, number)"}
_NAMED = "LFW names images Ann_Lee/Ann_Lee_0001.jpg, with four digits from 0001 to 9999 and no leading 0 from 10000 on"


def read_pairs(path: str | os.PathLike, files: Iterable[str] = ()) -> Pairs:
    """Read image pairs from a file in LFW's ``pairs.txt`` format.

    Args:
        path: the text file, with tabs or spaces between the words of a line.
        files: the existing images, such as `people_folder("lfw").files`. An image that exists with another suffix
            (.jpeg, .png, .webp, .bmp) and not as .jpg gets that suffix.

    Returns:
        The pairs in the file's order, as templates of one image each, named ``Name/Name_0001.jpg`` unless `files` has
        another suffix. `folds` is None if the first line is a single number.

    Raises:
        FileNotFoundError: if the file does not exist.
        ValueError: if the file is wrong; names the line, what was found and what was expected.

    Example:
        >>> pairs = read_pairs("pairs.txt", people_folder("lfw").files)
        >>> len(pairs), int(pairs.genuine.sum()), int(pairs.folds.max())
        (6000, 3000, 9)
    """
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8-sig").rstrip().splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a text file in UTF-8: {error}") from error
    if not lines:
        raise ValueError(f"{path}: the file is empty; expected LFW's pairs.txt, which begins with '10 300'")
    header = _words(lines[0])
    if len(header) not in (1, 2) or not all(word.isdecimal() and int(word) > 0 for word in header):
        raise ValueError(
            f"{path}:1: found {lines[0]!r}; expected the number of folds and of pairs of each kind per fold "
            "('10 300'), or the number of pairs of each kind only ('500')"
        )
    folds, each = (int(word) for word in (["1", *header] if len(header) == 1 else header))
    expected = 1 + 2 * folds * each
    if len(lines) != expected:
        raise ValueError(f"{path}:1: {folds} x {each} pairs of each kind need {expected} lines; found {len(lines)}")
    # Within a fold, genuine pairs come before impostors.
    genuine = np.tile(np.repeat([True, False], each), folds)
    existing = _by_stem(files)
    number: dict[tuple[str, ...], int] = {}
    rows = np.empty((len(genuine), 2), np.int32)
    for row, line in enumerate(lines[1:]):
        for side, file in enumerate(_files(line, bool(genuine[row]), f"{path}:{row + 2}")):
            file = existing.get(file.removesuffix(".jpg"), file)
            rows[row, side] = number.setdefault((file,), len(number))
    fold_of_pair = np.repeat(np.arange(folds, dtype=np.int32), 2 * each) if len(header) == 2 else None
    return Pairs(tuple(number), rows[:, 0], rows[:, 1], genuine, fold_of_pair)


def write_pairs(path: str | os.PathLike, pairs: Pairs) -> None:
    """Write image pairs in LFW's ``pairs.txt`` format, atomically.

    Pairs with folds are written with a first line such as "10 300", others with a single number. In each fold genuine
    pairs come first; otherwise the order is kept.

    Args:
        path: the text file to write; its folder must exist.
        pairs: templates of one image each, named as in LFW.

    Raises:
        ValueError: if the format can't express the pairs: templates of several images, other names, or different
            numbers of genuine and impostor pairs in a fold.

    Example:
        >>> write_pairs("mine.txt", pairs(people_folder("lfw"), genuine=300, impostor=300))
    """
    folds = np.zeros(len(pairs), np.int32) if pairs.folds is None else pairs.folds
    numbers = np.unique(folds)
    counts = {int(((folds == fold) & (pairs.genuine == kind)).sum()) for fold in numbers for kind in (True, False)}
    if len(counts) != 1 or counts == {0}:
        found = f"{int(pairs.genuine.sum())} genuine and {int((~pairs.genuine).sum())} impostor pairs"
        raise ValueError(
            f"{path}: LFW's format needs as many genuine as impostor pairs in every fold, at least one; found {found} "
            f"in {len(numbers)} folds"
        )
    words = [_lfw_words(path, template) for template in pairs.templates]
    each = counts.pop()
    lines = [f"{each}" if pairs.folds is None else f"{len(numbers)}\t{each}"]
    # lexsort is stable and sorts by its last key first.
    for row in np.lexsort((~pairs.genuine, folds)):
        (name, number), (other, other_number) = words[pairs.first[row]], words[pairs.second[row]]
        if (name == other) != bool(pairs.genuine[row]):
            kind = "genuine" if pairs.genuine[row] else "impostor"
            raise ValueError(f"{path}: the {kind} pair in row {row} is of {name} and {other}")
        line = "\t".join([name, number, *([] if name == other else [other]), other_number])
        files = pairs.templates[pairs.first[row]][0], pairs.templates[pairs.second[row]][0]
        # Names that would be read back differently, such as five digits with a leading 0.
        if line.splitlines() != [line] or _files(line, bool(pairs.genuine[row]), f"{path}") != files:
            raise ValueError(f"{path}: LFW's format can't express {files[0]!r} and {files[1]!r}; {_NAMED}")
        lines.append(line)
    with replacing(path) as temporary:
        pathlib.Path(temporary).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _files(line: str, genuine: bool, where: str) -> tuple[str, str]:
    words = _words(line)
    if len(words) != (3 if genuine else 4):
        raise ValueError(f"{where}: found {line!r}; expected {_FORMS[3 if genuine else 4]}")
    name, number, other, other_number = (words[0], words[1], words[0], words[2]) if genuine else words
    for word in (number, other_number):
        if not word.isdecimal() or int(word) < 1:
            raise ValueError(f"{where}: {word!r} is not the number of an image, which is 1 or more")
    for word in (name, other):
        if "/" in word or "\\" in word or word in (".", ".."):
            raise ValueError(f"{where}: {word!r} is not a plain name")
    if genuine and int(number) == int(other_number):
        raise ValueError(f"{where}: image {int(number)} of {name} is compared with itself")
    if not genuine and name == other:
        raise ValueError(f"{where}: both images of an impostor pair are of {name}")
    return _file(name, number), _file(other, other_number)


def _by_stem(files: Iterable[str]) -> dict[str, str]:
    """Map names without suffix to files, preferring earlier `ENDINGS`."""
    ordered, found = sorted(map(str, files), reverse=True), {}  # .jpg before .JPG
    for ending in ENDINGS:
        for file in ordered:
            if file.lower().endswith(ending):
                found.setdefault(file[: -len(ending)], file)
    return found


def _words(line: str) -> list[str]:
    line = line.strip()
    return [word.strip() for word in line.split("\t")] if "\t" in line else line.split()


def _file(name: str, number: str) -> str:
    return f"{name}/{name}_{int(number):04d}.jpg"


def _lfw_words(path: str | os.PathLike, template: tuple[str, ...]) -> tuple[str, str]:
    if len(template) != 1:
        raise ValueError(f"{path}: LFW's format pairs single images, found a template of {len(template)}")
    found = _FILE.fullmatch(template[0])
    if not found:
        raise ValueError(f"{path}: found {template[0]}; {_NAMED}")
    return found["name"], str(int(found["number"]))
