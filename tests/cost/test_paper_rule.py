"""The Flame paper's rule of size, against its own table and a count by hand."""

import keras
import pytest

from tfslim.cost.paper_rule import paper_bytes
from tfslim.models import VGG11


@pytest.mark.parametrize(
    ("arguments", "bits", "scope", "megabytes"),
    [
        ({}, 32, "all", 42.943),
        ({}, 6, "all", 8.052),
        ({}, 6, "convolutions", 9.152),
        ({}, 2, "convolutions", 3.953),
        ({"module": "fire"}, 8, "all", 1.538),
        ({"module": "separable"}, 9, "all", 2.888),
        ({"module": "flame"}, 32, "all", 3.642),
        ({"module": "flame"}, 10, "all", 1.138),
    ],
)
def test_the_papers_networks(arguments, bits, scope, megabytes):
    assert paper_bytes(VGG11(**arguments), bits, scope) / 1e6 == pytest.approx(megabytes, abs=5e-4)


def test_an_unknown_scope():
    with pytest.raises(ValueError, match="scope='kernels'; expected 'all' or 'convolutions'"):
        paper_bytes(VGG11((32, 32, 3)), 6, "kernels")


def test_kernels_and_gammas_by_hand():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.SeparableConv2D(5, 3)(inputs)  # 3 * 3 * 3 + 3 * 5, and a bias
    x = keras.layers.BatchNormalization()(x)  # gamma 5
    x = keras.layers.Dense(2)(keras.layers.Flatten()(x))  # 6 * 6 * 5 * 2
    assert paper_bytes(keras.Model(inputs, x)) == 4 * (27 + 15 + 5 + 360)
