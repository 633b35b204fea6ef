"""Train, validation and test splits without a partition file.

Both are 7:2:1, cut at ``7n // 10`` and ``9n // 10``: 141,819 / 40,520 / 20,260 of the full 202,599 images.
"""

import numpy as np

SPLITS = ("official", "7:2:1", "random")


def by_order(count: int) -> np.ndarray:
    """Split images 7:2:1 in their listed order.

    Args:
        count: number of images, in the order of the label file.

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
    """Split images 7:2:1 in an order drawn from the seed.

    Args:
        count: number of images.
        seed: any integer of 0 or more; equal counts and seeds have equal splits.

    Returns:
        (count,) uint8, 0 train, 1 validation, 2 test.

    Example:
        >>> np.bincount(at_random(10, seed=0))
        array([7, 2, 1])
    """
    # numpy guarantees PCG64's bit stream forever; Generator.permutation may change between versions.
    order = np.argsort(np.random.PCG64(seed).random_raw(count), kind="stable")
    parts = np.empty(count, np.uint8)
    parts[order] = by_order(count)
    return parts
