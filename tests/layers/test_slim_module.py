"""The Slim module: its arithmetic and the parameter counts of the paper's four modules."""

import keras
import pytest

from tests.layer_checks import count, run_layer_test
from tests.layers.test_squeeze_expand import expected as squeeze_expand
from tfslim.layers import SlimModule


def expected(layers, x):
    skip = layers.conv_bn_relu(x, "slim_skip")
    x = squeeze_expand(layers, x, "slim_sse1") + skip
    x = squeeze_expand(layers, x, "slim_sse2")
    x = layers.depthwise_bn_relu(x, "slim_output_depthwise")
    return layers.conv_bn_relu(x, "slim_output_pointwise")


@pytest.mark.parametrize("use_bias", [True, False])
def test_slim_module(use_bias):
    # An SSE block squeezes c -> 2, expands 2 -> 8 twice, once after a depthwise 9 * 2; five BN; biases of two layers.
    blocks = [c * 2 + 4 + 2 * (2 * 8 + 16) + 9 * 2 + 4 + use_bias * (2 + 8) for c in (5, 16)]
    # The skip projects 5 -> 16; the output is a depthwise 9 * 16 and a pointwise 16 -> 6; each with a BN.
    trainable_params = sum(blocks) + 5 * 16 + 32 + 9 * 16 + 32 + 16 * 6 + 12
    layer = SlimModule(2, use_bias=use_bias, name="slim")
    run_layer_test(layer, (2, 6, 5, 5), (2, 6, 5, 6), trainable_params, expected)


@pytest.mark.parametrize(
    ("channels", "filters", "trainable_params"),
    [(96, 16, 28_960), (48, 32, 68_672), (96, 48, 160_608), (144, 64, 290_944)],
)
def test_modules_have_the_published_number_of_parameters(channels, filters, trainable_params):
    layer = SlimModule(filters)
    layer.build((None, None, None, channels))
    assert count(layer.trainable_weights) == trainable_params


def test_one_module_takes_images_of_any_size():
    layer = SlimModule(2)
    assert layer(keras.ops.zeros((1, 4, 4, 3))).shape == (1, 4, 4, 6)
    assert layer(keras.ops.zeros((3, 9, 5, 3))).shape == (3, 9, 5, 6)
