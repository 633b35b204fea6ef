"""Templates and comparisons of embeddings against hand-worked values and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics.pairwise import additive_chi2_kernel, cosine_similarity as sklearn_cosine

from tfslim.metrics.similarity import chi_squared, cosine_similarity, templates


def test_in_a_template_each_image_counts_the_same_unless_asked_otherwise():
    long_and_short = np.array([[30.0, 0.0], [0.0, 0.4]])
    np.testing.assert_allclose(templates(long_and_short, [[0, 1]]), [[0.5**0.5, 0.5**0.5]], rtol=1e-6)
    plain = templates(long_and_short, [[0, 1]], unit_length=False)
    np.testing.assert_allclose(plain, [[15.0, 0.2]], rtol=1e-6)


def test_templates_worked_by_hand():
    embeddings = np.array([[3.0, 4.0], [0.0, 2.0], [-1.0, 0.0], [0.0, 0.0]])
    made = templates(embeddings, [[0, 1], [2], [1, 1, 1], [3], [3, 2]])
    expected = np.array([[0.6, 1.8] / np.hypot(0.6, 1.8), [-1, 0], [0, 1], [0, 0], [-1, 0]])
    np.testing.assert_allclose(made, expected, atol=1e-6)
    assert made.dtype == np.float32
    plain = templates(embeddings, [[0, 1], [2], [3, 0, 1]], unit_length=False)
    np.testing.assert_allclose(plain, [[1.5, 3], [-1, 0], [1, 2]], atol=1e-6)
    singles = templates(embeddings, [[2], [0]], unit_length=False)
    np.testing.assert_allclose(singles, embeddings[[2, 0]])
    assert templates(embeddings, []).shape == (0, 2)
    with pytest.raises(ValueError, match="group 1 is empty"):
        templates(embeddings, [[0], []])
    with pytest.raises(IndexError):
        templates(embeddings, [[4]])


def test_opposite_embeddings_cancel_to_a_row_of_zeros():
    assert templates(np.array([[1.0, 0.0], [-2.0, 0.0]]), [[0, 1]]).tolist() == [[0, 0]]


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_cosine_is_that_of_scikit_learn_at_any_length(scale):
    random = np.random.default_rng(0)
    embeddings = random.normal(size=(40, 17))
    first, second = random.integers(0, 40, (2, 300))
    found = cosine_similarity(embeddings * scale, first, second)
    np.testing.assert_allclose(found, sklearn_cosine(embeddings)[first, second], atol=1e-6)
    assert np.abs(found).max() <= 1
    assert found.dtype == np.float32


def test_chi_squared_is_that_of_scikit_learn():
    random = np.random.default_rng(0)
    features = np.maximum(random.normal(size=(40, 17)), 0)
    first, second = random.integers(0, 40, (2, 300))
    found = chi_squared(features, first, second)
    np.testing.assert_allclose(found, additive_chi2_kernel(features)[first, second], rtol=1e-4, atol=1e-6)
    assert (found[first == second] == 0).all()
    assert (chi_squared(np.zeros((2, 3)), np.array([0]), np.array([1]))) == [0]


def test_many_pairs_are_gathered_by_chunks(monkeypatch):
    monkeypatch.setattr("tfslim.metrics.similarity._CHUNK", 10)
    embeddings = np.abs(np.random.default_rng(0).normal(size=(9, 4)))
    first, second = (grid.ravel() for grid in np.meshgrid(np.arange(9), np.arange(9)))
    np.testing.assert_allclose(
        chi_squared(embeddings, first, second), additive_chi2_kernel(embeddings)[first, second], rtol=1e-4, atol=1e-6
    )
    assert cosine_similarity(embeddings, [], []).shape == (0,)


def test_embeddings_that_cannot_be_compared_are_said():
    pair = np.array([0]), np.array([1])
    with pytest.raises(ValueError, match="0 or more, found -0.5 in embedding 1; use the cosine"):
        chi_squared(np.array([[1.0, 2.0], [0.0, -0.5]]), *pair)
    for compare in (cosine_similarity, chi_squared):
        with pytest.raises(ValueError, match="embedding 1 holds NaN or infinity"):
            compare(np.array([[1.0, 2.0], [np.nan, 0.5]]), *pair)
        with pytest.raises(ValueError, match=r"embeddings are \(2,\), expected"):
            compare(np.array([1.0, 2.0]), *pair)
        with pytest.raises(ValueError, match=r"first \(1,\) and second \(2,\)"):
            compare(np.eye(2), np.array([0]), np.array([0, 1]))
