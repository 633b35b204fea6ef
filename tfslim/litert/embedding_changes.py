"""How far the embeddings that one model gives of some images lie from those that another gives."""

import numpy as np

from tfslim.similarity import cosine_similarity


def embedding_changes(expected: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Compares two embeddings of each image.

    Args:
        expected: (N, D) embeddings by the Keras model, of any length.
        found: (N, D) embeddings by the file.

    Returns:
        Figures: lowest and mean cosine between the two (0 where one is all zeros), largest and mean absolute error of
        an element.

    Raises:
        ValueError: If an embedding is not finite.

    Example:
        >>> embedding_changes(np.array([[3.0, 4.0]]), np.array([[3.0, 0.0]]))["min_cosine"]
        0.6000000238418579
    """
    count = len(expected)
    cosines = cosine_similarity(np.concatenate([expected, found]), np.arange(count), np.arange(count, 2 * count))
    error = np.abs(found - expected)
    return {
        "min_cosine": float(cosines.min()),
        "mean_cosine": float(cosines.mean()),
        "max_abs_error": float(error.max()),
        "mean_abs_error": float(error.mean()),
    }
