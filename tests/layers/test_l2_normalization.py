"""L2 normalisation of embeddings."""

import keras
import numpy as np
import pytest

from tests.layer_checks import as_model, run_layer_test
from tfslim.layers import L2Normalization


@pytest.mark.parametrize("scale", [None, 16.0])
@pytest.mark.parametrize("shape", [(3, 10), (2, 4, 5, 6)])
def test_l2_normalization(scale, shape):
    def expected(layers, x):
        return (scale or 1.0) * x / np.sqrt((x**2).sum(-1, keepdims=True))

    run_layer_test(L2Normalization(scale, name="l2"), shape, shape, 0, expected)


@pytest.mark.parametrize("policy", ["float32", "mixed_bfloat16"])
def test_a_learned_scale_is_one_exact_weight_that_begins_as_told(policy, tmp_path):
    layer = L2Normalization(16.0, learned=True, dtype=policy)
    model = as_model(layer, (3, 10))
    assert [tuple(weight.shape) for weight in layer.trainable_weights] == [(1, 1)]
    x = np.random.default_rng(0).normal(size=(3, 10)).astype("float32")
    for scale in (16.0, 3.3):
        layer.set_weights([np.array([[scale]])])
        expected = scale * x / np.linalg.norm(x, axis=1, keepdims=True)
        np.testing.assert_allclose(np.asarray(model(x)), expected, rtol=1e-5 if policy == "float32" else 1e-2)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(np.asarray(loaded(x)), np.asarray(model(x)))
    fresh = L2Normalization(16.0, learned=True)
    assert float(keras.ops.norm(fresh(keras.ops.ones((1, 10))))) == pytest.approx(16, rel=1e-6)


def test_a_learned_scale_needs_a_start_and_vectors():
    with pytest.raises(ValueError, match="needs an initial scale"):
        L2Normalization(learned=True)
    with pytest.raises(ValueError, match=r"needs an input of shape \(N, C\), got \(None, None, None, 3\)"):
        L2Normalization(1.0, learned=True)(np.ones((1, 2, 2, 3), "float32"))


def test_hand_worked_values():
    outputs = L2Normalization(scale=10.0)(keras.ops.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(np.asarray(outputs), [[6.0, 8.0], [0.0, 0.0]], rtol=1e-6)


def test_squares_beyond_float16_are_normalised_under_a_mixed_policy():
    outputs = L2Normalization(dtype="mixed_float16")(keras.ops.full((1, 4), 1000.0))
    np.testing.assert_allclose(np.asarray(outputs), np.full((1, 4), 0.5), rtol=1e-6)


def test_a_scale_that_turns_the_vector_round_is_refused():
    with pytest.raises(ValueError, match="scale=-1"):
        L2Normalization(-1)
