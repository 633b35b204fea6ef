"""Identities with enough images, numbered anew from 0."""

import numpy as np


def restrict(identities: np.ndarray, min_images: int) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Keeps the rows of identities that have at least so many images, and numbers these identities anew.

    Args:
        identities: (N,) int32, one an image.
        min_images: the least number of rows of an identity that stays.

    Returns:
        The rows kept, (M,) in order; their new identities, (M,) int32 from 0 in the order of the old numbers; and the
        map from old number to new.

    Raises:
        ValueError: no identity has so many images.

    Example:
        >>> restrict(np.array([7, 5, 7, 9, 5]), 2)
        (array([0, 1, 2, 4]), array([1, 0, 1, 0], dtype=int32), {5: 0, 7: 1})
    """
    known, position, count = np.unique(identities, return_inverse=True, return_counts=True)
    enough = count >= min_images
    if not enough.any():
        most = int(count.max()) if len(count) else 0
        raise ValueError(f"no identity has {min_images} images or more; the most one has is {most}")
    new_number = np.cumsum(enough, dtype=np.int32) - 1
    rows = np.flatnonzero(enough[position])
    old_to_new = {int(old): int(new) for old, new in zip(known[enough], new_number[enough], strict=True)}
    return rows, new_number[position[rows]].astype(np.int32), old_to_new
