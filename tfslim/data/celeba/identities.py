"""Identities with enough images, some held out of training, numbered anew from 0."""

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


def hold_out(identities: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws people to keep out of training, and numbers the others before them.

    Args:
        identities: (N,) int32 from 0 without gaps, as `restrict` gives them.
        count: how many people to hold out; the others must be at least two.
        seed: of the draw; the same seed holds the same people out.

    Returns:
        The new number of each old one, (K,) int32: people to train on from 0, then those held out, both in the order of
        their old numbers; and the old numbers held out, (count,) in order.

    Raises:
        ValueError: there are not so many people.

    Example:
        >>> numbers, held = hold_out(np.array([0, 1, 2, 3]), 1, seed=0)
        >>> int(numbers[held[0]])
        3
    """
    known = int(identities.max()) + 1
    if not 0 <= count <= known - 2:
        raise ValueError(f"hold_out={count}: there are {known} people, of whom at least two must be left to train on")
    # PCG64's bits are fixed by numpy for good; the draws of Generator.permutation may change by version.
    held = np.sort(np.argsort(np.random.PCG64(seed).random_raw(known), kind="stable")[:count])
    order = np.concatenate([np.setdiff1d(np.arange(known), held), held])
    numbers = np.empty(known, np.int32)
    numbers[order] = np.arange(known, dtype=np.int32)
    return numbers, held
