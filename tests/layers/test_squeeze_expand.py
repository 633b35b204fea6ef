"""The separable squeeze-expand block of Slim-CNN."""

import numpy as np
import pytest

from tests.layer_checks import run_layer_test
from tfslim.layers import SqueezeExpand


def expected(layers, x, prefix="sse"):
    x = layers.conv_bn_relu(x, f"{prefix}_squeeze")
    plain = layers.conv_bn_relu(x, f"{prefix}_expand1x1")
    separable = layers.depthwise_bn_relu(x, f"{prefix}_expand3x3_depthwise")
    separable = layers.conv_bn_relu(separable, f"{prefix}_expand3x3_pointwise")
    return np.concatenate([plain, separable], axis=-1)


@pytest.mark.parametrize(
    ("use_bias", "trainable_params"),
    [
        # Squeeze 6*4 (+4), BN 8; expand 4*16 (+16), BN 32; depthwise 9*4, BN 8; pointwise 4*16, BN 32.
        (True, 24 + 4 + 8 + 64 + 16 + 32 + 36 + 8 + 64 + 32),
        (False, 24 + 8 + 64 + 32 + 36 + 8 + 64 + 32),
    ],
)
def test_squeeze_expand(use_bias, trainable_params):
    layer = SqueezeExpand(4, use_bias=use_bias, name="sse")
    run_layer_test(layer, (2, 5, 7, 6), (2, 5, 7, 32), trainable_params, expected)
