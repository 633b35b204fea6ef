"""Which part (train, validation, test) each image belongs to, for the splits that need no partition file.

Both are 7:2:1, cut at ``7n // 10`` and ``9n // 10``: 141,819 / 40,520 / 20,260 of the full 202,599 images.
"""

import numpy as np

SPLITS = ("official", "7:2:1", "random")


def by_order(count: int) -> np.ndarray:
    """Gives the first seven tenths to train, the next two to validation and the rest to test.

    Args:
        count: the number of images, in the order of the label file.

    Returns:
        (count,) uint8, 0 train, 1 validation, 2 test.

    Source: the authors' code of Wang and Wong's attribute MobileNet (suikei-wang/Facial-Attributes-Classification),
    which takes the files in their listed order.

    Example:
        >>> np.bincount(by_order(202_599))
        array([141819,  40520,  20260])
    """
    parts = np.full(count, 2, np.uint8)
    parts[: count * 9 // 10] = 1
    parts[: count * 7 // 10] = 0
    return parts


def at_random(count: int, seed: int) -> np.ndarray:
    """Deals the images out 7:2:1 in an order drawn from the seed; the same count and seed give the same parts.

    Args:
        count: the number of images.
        seed: any integer from 0.

    Returns:
        (count,) uint8, 0 train, 1 validation, 2 test.

    Example:
        >>> np.bincount(at_random(10, seed=0))
        array([7, 2, 1])
    """
    # The bit stream of PCG64 is fixed by numpy for good; the draws of Generator.permutation may change by version.
    order = np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable")
    parts = np.empty(count, np.uint8)
    parts[order] = by_order(count)
    return parts
