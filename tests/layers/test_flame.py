"""The Flame module."""

import numpy as np
import pytest

from tests.layer_checks import count, run_layer_test
from tests.numpy_layers import relu
from tfslim.layers import Flame


def expected(layers, x):
    x = relu(layers.conv(x, "flame_squeeze"))
    plain = relu(layers.conv(x, "flame_expand1x1"))
    separable = layers.depthwise_bn_relu(x, "flame_expand3x3_depthwise")
    return np.concatenate([plain, layers.conv_bn_relu(separable, "flame_expand3x3_pointwise")], axis=-1)


def test_flame():
    # Squeeze 6 -> 4 and 1x1 4 -> 8 with a bias; depthwise 9*4 and pointwise 4*8 without, each with a BN.
    layer = Flame(16, squeeze_ratio=0.25, name="flame")
    trainable_params = 6 * 4 + 4 + 4 * 8 + 8 + 9 * 4 + 2 * 4 + 4 * 8 + 2 * 8
    run_layer_test(layer, (2, 5, 7, 6), (2, 5, 7, 16), trainable_params, expected)


def test_weights_of_the_paper_s_example():
    layer = Flame(512)
    layer.build((None, None, None, 256))
    assert count([w for w in layer.weights if w.name == "kernel"]) == 49_728


def test_impossible_squeezes_are_refused():
    with pytest.raises(ValueError, match="flame: squeeze_ratio=0.1 of 8 filters leaves no channel"):
        Flame(8, 0.1, name="flame")
