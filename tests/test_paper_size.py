"""The Flame paper's rule of size, against its own table and a count by hand."""

import keras
import pytest

from tfslim.models import VGG11
from tfslim.paper_size import paper_bytes


@pytest.mark.parametrize(
    ("arguments", "bits", "megabytes"),
    [
        ({}, 32, 42.943),
        ({"module": "fire"}, 8, 1.538),
        ({"module": "separable"}, 9, 2.888),
        ({"module": "flame"}, 32, 3.642),
        ({"module": "flame"}, 10, 1.138),
    ],
)
def test_the_papers_networks(arguments, bits, megabytes):
    assert paper_bytes(VGG11(**arguments), bits) / 1e6 == pytest.approx(megabytes, abs=5e-4)


def test_kernels_and_gammas_by_hand():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.SeparableConv2D(5, 3)(inputs)  # 3 * 3 * 3 + 3 * 5, and a bias
    x = keras.layers.BatchNormalization()(x)  # gamma 5
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))  # 6 * 6 * 5 * 2
    assert paper_bytes(keras.Model(inputs, x)) == 4 * (27 + 15 + 5 + 360)
