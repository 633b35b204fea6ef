"""Scores of pairs of templates against a plain loop."""

import numpy as np
import pytest

from tfslim.data.verification.pairs import Pairs
from tfslim.inference.batches import ImageOutputs
from tfslim.inference.pair_scoring import pair_scores

FILES = [f"{letter}.jpg" for letter in "dbacef"]
TEMPLATES = (("a.jpg", "b.jpg"), ("x.jpg",), ("c.jpg",), ("d.jpg", "e.jpg", "a.jpg"))


def example(lowest: float = -1) -> tuple[ImageOutputs, Pairs]:
    values = np.random.default_rng(0).uniform(lowest, 3, (len(FILES), 5)).astype("float32")
    pairs = Pairs(TEMPLATES, np.array([0, 3, 2, 0]), np.array([2, 0, 3, 3]), np.array([True, False, True, False]))
    return ImageOutputs(np.array(FILES), values, {}), pairs


def test_cosine_of_templates():
    embedded, pairs = example()
    vector = dict(zip(FILES, embedded.values.astype("float64"), strict=True))

    def template(place):
        return sum(vector[file] / np.linalg.norm(vector[file]) for file in TEMPLATES[place])

    for first, second, score in zip(pairs.first, pairs.second, pair_scores(embedded, pairs), strict=True):
        one, two = template(first), template(second)
        assert score == pytest.approx(one @ two / np.linalg.norm(one) / np.linalg.norm(two), abs=1e-6)


def test_chi_squared_of_templates():
    embedded, pairs = example(lowest=0)
    vector = dict(zip(FILES, embedded.values.astype("float64"), strict=True))
    scores = pair_scores(embedded, pairs, distance="chi_squared")
    for first, second, score in zip(pairs.first, pairs.second, scores, strict=True):
        one, two = (np.mean([vector[file] for file in TEMPLATES[place]], axis=0) for place in (first, second))
        assert score == pytest.approx(-((one - two) ** 2 / (one + two)).sum(), rel=1e-5)


def test_what_cannot_be_scored_is_said():
    embedded, pairs = example()
    with pytest.raises(ValueError, match="distance must be one of 'cosine', 'chi_squared', found 'euclid'"):
        pair_scores(embedded, pairs, distance="euclid")
    with pytest.raises(ValueError, match="0 or more, found -"):
        pair_scores(embedded, pairs, distance="chi_squared")
    fewer = ImageOutputs(embedded.files[1:], embedded.values[1:], {"d.jpg": "damaged"})
    with pytest.raises(ValueError, match="1 images of the pairs have no embedding, such as d.jpg"):
        pair_scores(fewer, pairs)
    left = pair_scores(fewer, pairs.without(fewer.skipped))
    assert left == pytest.approx(pair_scores(embedded, pairs)[:1])
