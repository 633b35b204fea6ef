"""Selection of identities: enough images, and people held out."""

import numpy as np


def restrict(identities: np.ndarray, min_images: int) -> tuple[np.ndarray, np.ndarray, dict[int, int]]:
    """Keep identities with enough images and renumber them from 0.

    Args:
        identities: (N,) int32, one per image.
        min_images: minimum number of images of an identity.

    Returns:
        The rows kept, (M,) in order; their new identities, (M,) int32 in the order of the old numbers; and a dictionary
        from old to new number.

    Raises:
        ValueError: if no identity has that many images.

    Example:
        >>> restrict(np.array([7, 5, 7, 9, 5]), 2)
        (array([0, 1, 2, 4]), array([1, 0, 1, 0], dtype=int32), {5: 0, 7: 1})
    """
    known, position, count = np.unique(identities, return_inverse=True, return_counts=True)
    enough = count >= min_images
    if not enough.any():
        most = int(count.max()) if len(count) else 0
        raise ValueError(f"no identity has {min_images} images or more; the maximum is {most}, so lower min_images")
    new_number = np.cumsum(enough, dtype=np.int32) - 1
    rows = np.flatnonzero(enough[position])
    old_to_new = {int(old): int(new) for old, new in zip(known[enough], new_number[enough], strict=True)}
    return rows, new_number[position[rows]].astype(np.int32), old_to_new


def hold_out(identities: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw people to hold out of training; number them last.

    Args:
        identities: (N,) int32 from 0 without gaps, as `restrict` returns them.
        count: number of people to hold out; at least two others must remain.
        seed: seed of the draw.

    Returns:
        The new number of each old one, (K,) int32: people to train on from 0, then the held-out people, both in the
        order of their old numbers; and the old numbers of the held-out people, (count,) in order.

    Raises:
        ValueError: if fewer than two people would remain.

    Example:
        >>> numbers, held = hold_out(np.array([0, 1, 2, 3]), 1, seed=0)
        >>> int(numbers[held[0]])
        3
    """
    known = int(identities.max()) + 1
    if not 0 <= count <= known - 2:
        raise ValueError(
            f"hold_out={count}: there are {known} people, of whom at least two must remain; use at most {known - 2}"
        )
    # numpy guarantees PCG64's bit stream forever; Generator.permutation may change between versions.
    held = np.sort(np.argsort(np.random.PCG64(seed).random_raw(known), kind="stable")[:count])
    order = np.concatenate([np.setdiff1d(np.arange(known), held), held])
    numbers = np.empty(known, np.int32)
    numbers[order] = np.arange(known, dtype=np.int32)
    return numbers, held
