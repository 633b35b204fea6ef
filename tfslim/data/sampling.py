"""Random samples of unaugmented images."""

import contextlib
from collections.abc import Callable

import numpy as np

from tfslim.data.celeba.dataset import CelebA
from tfslim.data.celeba.records import Records
from tfslim.data.images import ImageError, each_image


def sample_images(celeba: CelebA, part: str, count: int, size: tuple[int, int], seed: int) -> np.ndarray:
    """Draw at most `count` images of a part.

    They are drawn at random, since adjacent files are often similar or show one person.

    Args:
        celeba: the data set.
        part: "train", "validation", "test" or "held out".
        count: maximum number of images.
        size: (height, width) in pixels.
        seed: seed of the draw.

    Returns:
        (N, height, width, 3) uint8, in the part's order.

    Raises:
        ImageError: if one of them can't be decoded.
    """
    files = celeba.part(part).files
    chosen = np.sort(np.random.default_rng(seed).permutation(len(files))[:count])
    names = files[chosen].tolist()
    with contextlib.closing(each_image(celeba.source, names, lambda _, image: celeba.fit(image, size))) as results:
        found = []
        for _, image in results:
            if isinstance(image, ImageError):
                raise image
            found.append(image)
    return np.stack(found)


def drawn(records: Records, count: int, seed: int) -> Records:
    """Draw at most `count` records by seed, keeping their order."""
    if len(records) <= count:
        return records
    return records[np.sort(np.random.default_rng(seed).choice(len(records), count, replace=False))]


def decoded(
    celeba: "CelebA",
    records: "Records",
    size: tuple[int, int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[np.ndarray, list[int]]:
    """Decode the images of records.

    Args:
        celeba: the data set that the records belong to.
        records: the images to decode.
        size: (height, width) in pixels.
        progress: called with the number of images read and of all.

    Returns:
        The decodable images, (N, height, width, 3) uint8, and the row of each in `records`.

    Raises:
        ImageError: if an image can't be decoded and `celeba.on_error` is "raise"; with "skip" it is listed in
            `celeba.skipped`.
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
        progress(row + 1, len(records))
    return images[: len(rows)], rows
