"""Templates and pairwise similarities of face embeddings."""

from collections.abc import Sequence

import numpy as np

__all__ = ["chi_squared", "cosine_similarity", "templates"]

_CHUNK = 4_000_000  # floats gathered at once: 500,000 pairs of 1000 features would take 4 GB


def templates(embeddings: np.ndarray, groups: Sequence[Sequence[int]], unit_length: bool = True) -> np.ndarray:
    """Average embeddings of several images into one template each.

    With `unit_length` every embedding is L2-normalized first, so that all images weigh the same, and so is their mean.
    Normalizing the mean only, in which long embeddings weigh more, is `templates(..., unit_length=False)` compared by
    `cosine_similarity`.

    Args:
        embeddings: (N, D) floats.
        groups: T groups of one or more row indices of `embeddings`; sizes may differ.
        unit_length: whether to L2-normalize embeddings and means (for the cosine) or return plain means (for
            chi-squared). A row of zeros stays zero.

    Returns:
        (T, D) float32.

    Raises:
        ValueError: if the embeddings are not (N, D) or not finite, or a group is empty.
        IndexError: if a group holds a row index out of range.

    Example:
        >>> templates(np.array([[3.0, 0.0], [0.0, 0.5]]), [[0, 1], [1]])
        array([[0.70710677, 0.70710677],
               [0.        , 1.        ]], dtype=float32)
        >>> templates(np.array([[3.0, 0.0], [0.0, 0.5]]), [[0, 1]], unit_length=False)
        array([[1.5 , 0.25]], dtype=float32)

    Source: Cao and others, "VGGFace2", arXiv 1710.08092, section V.
    """
    embeddings = _checked(embeddings)
    sizes = np.array([len(group) for group in groups], np.intp)
    if not len(sizes):
        return np.zeros((0, embeddings.shape[1]), np.float32)
    if not sizes.all():
        raise ValueError(f"group {int(np.argmin(sizes))} is empty; a template needs at least one image")
    if unit_length:
        embeddings = _unit(embeddings)
    rows = np.concatenate([np.asarray(group, np.intp) for group in groups])
    if len(rows) == len(sizes):
        return embeddings[rows]
    sums = np.add.reduceat(embeddings[rows], np.cumsum(sizes) - sizes, axis=0)
    means = sums / sizes[:, None].astype(np.float32)
    return _unit(means) if unit_length else means


def cosine_similarity(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute the cosine similarity of each pair of embeddings.

    It is 0 if one of the two is a vector of zeros.

    Args:
        embeddings: (T, D) floats, of any length.
        first: (P,) rows of `embeddings`.
        second: (P,) rows of `embeddings`.

    Returns:
        (P,) float32 in -1..1.

    Raises:
        ValueError: if the embeddings are not (T, D) or not finite, or `first` and `second` differ in shape.

    Example:
        >>> cosine_similarity(np.array([[2.0, 0.0], [3.0, 3.0]]), np.array([0]), np.array([1]))
        array([0.70710677], dtype=float32)
    """
    unit = _unit(_checked(embeddings))
    return np.clip(_by_chunks(lambda one, two: np.einsum("ij,ij->i", one, two), unit, first, second), -1, 1)


def chi_squared(embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute the negative chi-squared distance of each pair.

    The distance is the sum over the features of (a - b)^2 / (a + b); features that are both 0 add nothing. Negated,
    higher means more similar. It is meant for unscaled features after a ReLU and global average pooling.

    Args:
        embeddings: (T, D) floats, 0 or more.
        first: (P,) rows of `embeddings`.
        second: (P,) rows of `embeddings`.

    Returns:
        (P,) float32, 0 or less.

    Raises:
        ValueError: if an embedding has a negative element, and as in `cosine_similarity`.

    Example:
        >>> chi_squared(np.array([[1.0, 3.0], [3.0, 3.0]]), np.array([0]), np.array([1]))
        array([-1.], dtype=float32)
    """
    embeddings = _checked(embeddings)
    if (embeddings < 0).any():
        row, column = np.argwhere(embeddings < 0)[0]
        raise ValueError(
            f"chi-squared needs features of 0 or more, found {embeddings[row, column]:g} in embedding {row}; use the "
            "cosine for this model"
        )

    def similarity(one: np.ndarray, two: np.ndarray) -> np.ndarray:
        total = one + two
        np.subtract(one, two, out=one)
        np.square(one, out=one)
        return -np.divide(one, total, out=np.zeros_like(one), where=total > 0).sum(axis=1)

    return _by_chunks(similarity, embeddings, first, second)


def _by_chunks(similarity, embeddings: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    first, second = np.asarray(first, np.intp), np.asarray(second, np.intp)
    if first.ndim != 1 or first.shape != second.shape:
        raise ValueError(f"first {first.shape} and second {second.shape} must both be (pairs,)")
    scores = np.empty(len(first), np.float32)
    step = max(1, _CHUNK // max(1, embeddings.shape[1]))
    for start in range(0, len(first), step):
        rows = slice(start, start + step)
        scores[rows] = similarity(embeddings[first[rows]], embeddings[second[rows]])
    return scores


def _unit(embeddings: np.ndarray) -> np.ndarray:
    # Divide by the largest element first, so that the squares neither overflow nor underflow.
    largest = np.abs(embeddings).max(axis=1, keepdims=True, initial=0)
    scaled = embeddings / np.where(largest > 0, largest, 1)
    length = np.linalg.norm(scaled, axis=1, keepdims=True)
    return scaled / np.where(length > 0, length, 1)


def _checked(embeddings: np.ndarray) -> np.ndarray:
    embeddings = np.asarray(embeddings, np.float32)
    if embeddings.ndim != 2:
        raise ValueError(f"embeddings are {embeddings.shape}, expected (images, features)")
    if not np.isfinite(embeddings).all():
        row = int(np.flatnonzero(~np.isfinite(embeddings).all(axis=1))[0])
        raise ValueError(f"embedding {row} holds NaN or infinity; expected finite numbers")
    return embeddings
