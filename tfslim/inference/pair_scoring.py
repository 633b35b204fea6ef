"""Pairs of images scored by a model's embeddings."""

import numpy as np

from tfslim.data.verification.pairs import Pairs
from tfslim.inference.batches import ImageOutputs
from tfslim.metrics.similarity import chi_squared, cosine_similarity, templates

__all__ = ["pair_scores"]

DISTANCES = ("cosine", "chi_squared")


def pair_scores(embedded: ImageOutputs, pairs: Pairs, distance: str = "cosine") -> np.ndarray:
    """Compute the similarity of each pair's templates.

    Args:
        embedded: the embedding of every image of the pairs, as `embed_files` returns them.
        pairs: the pairs to compare; a template is one or more images of a person.
        distance: "cosine" (of templates that are the mean of embeddings each scaled to unit length, scaled to unit
            length again) or "chi_squared" (of templates that are the plain mean of embeddings, which must not be
            negative; the score is minus the distance).

    Returns:
        (P,) float32, higher for more alike.

    Raises:
        ValueError: an image of the pairs has no embedding, the distance is unknown, or an embedding is negative where
            the distance is "chi_squared".

    Example:
        >>> embedded = embed_files(embedder, celeba.source, drawn.files())
        >>> verification_table(pair_scores(embedded, drawn), drawn.genuine).eer
        0.071
    """
    if distance not in DISTANCES:
        raise ValueError(f"distance must be one of {', '.join(map(repr, DISTANCES))}, found {distance!r}")
    row_of = {file: row for row, file in enumerate(embedded.files.tolist())}
    lacking = [file for file in pairs.files() if file not in row_of]
    if lacking:
        raise ValueError(
            f"{len(lacking)} images of the pairs have no embedding, such as {lacking[0]}: "
            "embed pairs.files(), and where some were skipped, score pairs.without(embedded.skipped)"
        )
    used, places = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    groups = [[row_of[file] for file in pairs.templates[place]] for place in used.tolist()]
    made = templates(embedded.values, groups, unit_length=distance == "cosine")
    compare = {"cosine": cosine_similarity, "chi_squared": chi_squared}[distance]
    return compare(made, places[: len(pairs)], places[len(pairs) :])
