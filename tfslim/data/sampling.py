"""Some of a part's images, unchanged, at a network's size: to measure what it makes of them."""

import contextlib
from typing import TYPE_CHECKING

import numpy as np

from tfslim.data.celeba.dataset import CelebA
from tfslim.data.images import ImageError, each_image

if TYPE_CHECKING:
    from tfslim.data import CelebA, Records


def sample_images(celeba: CelebA, part: str, count: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """At most `count` images drawn from a part, (N, height, width, 3) uint8, in the part's order.

    Drawn, as neighbours in a folder are often alike, or of one person.

    Raises:
        ImageError: one of them can't be decoded.
    """
    files = celeba.part(part).files
    chosen = np.sort(np.random.default_rng(seed).permutation(len(files))[:count])
    names = files[chosen].tolist()
    with contextlib.closing(each_image(celeba.source, names, lambda _, image: celeba.fit(image, size))) as results:
        found = [image for _, image in results]
    broken = next((image for image in found if isinstance(image, ImageError)), None)
    if broken:
        raise broken
    return np.stack(found)


def drawn(records: "Records", count: int, seed: int) -> "Records":
    """At most `count` of the records, drawn by the seed and in their own order."""
    if len(records) <= count:
        return records
    return records[np.sort(np.random.default_rng(seed).choice(len(records), count, replace=False))]


def decoded(celeba: "CelebA", records: "Records", size: tuple[int, int]) -> tuple[np.ndarray, list[int]]:
    """The images that can be decoded, (N, height, width, 3) uint8, and the row of each.

    Raises:
        ImageError: an image can't be decoded and the data's `on_error` is "raise"; with "skip" the data notes it.
    """
    images, rows = np.empty((len(records), *size, 3), "uint8"), []
    for row, found in each_image(celeba.source, records.files.tolist(), lambda _, image: celeba.fit(image, size)):
        if not isinstance(found, ImageError):
            images[len(rows)] = found
            rows.append(row)
        elif celeba.on_error == "raise":
            raise found
        else:
            celeba.skip(str(records.files[row]), str(found))
    return images[: len(rows)], rows
