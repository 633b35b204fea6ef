"""L2 normalisation of embeddings."""

import keras
import numpy as np
import pytest

from tests.layer_checks import run_layer_test
from tfslim.layers import L2Normalization


@pytest.mark.parametrize("scale", [None, 16.0])
@pytest.mark.parametrize("shape", [(3, 10), (2, 4, 5, 6)])
def test_l2_normalization(scale, shape):
    def expected(layers, x):
        return (scale or 1.0) * x / np.sqrt((x**2).sum(-1, keepdims=True))

    run_layer_test(L2Normalization(scale, name="l2"), shape, shape, 0, expected)


def test_hand_worked_values():
    outputs = L2Normalization(scale=10.0)(keras.ops.array([[3.0, 4.0], [0.0, 0.0]]))
    np.testing.assert_allclose(np.asarray(outputs), [[6.0, 8.0], [0.0, 0.0]], rtol=1e-6)


def test_squares_beyond_float16_are_normalised_under_a_mixed_policy():
    outputs = L2Normalization(dtype="mixed_float16")(keras.ops.full((1, 4), 1000.0))
    np.testing.assert_allclose(np.asarray(outputs), np.full((1, 4), 0.5), rtol=1e-6)


def test_a_scale_that_turns_the_vector_round_is_refused():
    with pytest.raises(ValueError, match="scale=-1"):
        L2Normalization(-1)
