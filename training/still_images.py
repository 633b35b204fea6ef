"""Some of a part's images, unchanged, at a network's size: to measure what it makes of them."""

import contextlib

import numpy as np

from tfslim.data.celeba import CelebA
from tfslim.data.images import ImageError
from tfslim.data.loading import each_image


def still_images(celeba: CelebA, part: str, count: int, size: tuple[int, int], seed: int) -> np.ndarray:
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
