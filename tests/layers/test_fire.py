"""The Fire module, with and without batch normalisation."""

import numpy as np
import pytest

from tests.layer_checks import count, run_layer_test
from tests.numpy_layers import relu
from tfslim.layers import Fire


def plain(layers, x):
    x = relu(layers.conv(x, "fire_squeeze"))
    return np.concatenate([relu(layers.conv(x, f"fire_expand{size}")) for size in ("1x1", "3x3")], axis=-1)


def normalised(layers, x):
    x = layers.conv_bn_relu(x, "fire_squeeze")
    return np.concatenate([layers.conv_bn_relu(x, f"fire_expand{size}") for size in ("1x1", "3x3")], axis=-1)


def test_fire():
    # Squeeze 6 -> 4, expansions 4 -> 8 of 1x1 and 3x3, each with a bias.
    layer = Fire(16, squeeze_ratio=0.25, name="fire")
    run_layer_test(layer, (2, 5, 7, 6), (2, 5, 7, 16), 6 * 4 + 4 + 4 * 8 + 8 + 9 * 4 * 8 + 8, plain)


def test_fire_with_batch_norm():
    layer = Fire(16, squeeze_ratio=0.25, batch_norm=True, name="fire")
    run_layer_test(layer, (2, 5, 7, 6), (2, 5, 7, 16), 364 + 2 * (4 + 16), normalised)


def test_weights_of_the_paper_s_example():
    layer = Fire(512)
    layer.build((None, None, None, 256))
    assert layer.squeeze_filters == 64
    assert count([w for w in layer.weights if w.name == "kernel"]) == 180_224


@pytest.mark.parametrize(
    ("filters", "squeeze_ratio", "message"),
    [(15, 0.5, "fire: filters=15 .* even"), (0, 0.5, "filters=0"), (16, 0.01, "no channel"), (16, 1.5, "at most 1")],
)
def test_impossible_squeezes_are_refused(filters, squeeze_ratio, message):
    with pytest.raises(ValueError, match=message):
        Fire(filters, squeeze_ratio, name="fire")
