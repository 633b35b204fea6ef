"""The depthwise-separable convolution."""

import pytest

from tests.layer_checks import count, run_layer_test
from tfslim.layers import SeparableConv


@pytest.mark.parametrize(("kernel_size", "strides", "out"), [(3, 1, (5, 8)), (3, 2, (3, 4)), (5, 2, (3, 4))])
def test_separable_conv(kernel_size, strides, out):
    def expected(layers, x):
        x = layers.depthwise_bn_relu(x, "sep_depthwise", strides)
        return layers.conv_bn_relu(x, "sep_pointwise")

    layer = SeparableConv(7, kernel_size, strides, name="sep")
    trainable_params = kernel_size**2 * 4 + 2 * 4 + 4 * 7 + 2 * 7
    run_layer_test(layer, (2, 5, 8, 4), (2, *out, 7), trainable_params, expected)


def test_weights_of_the_paper_s_example():
    layer = SeparableConv(512)
    layer.build((None, None, None, 256))
    assert count([w for w in layer.weights if w.name == "kernel"]) == 133_376
