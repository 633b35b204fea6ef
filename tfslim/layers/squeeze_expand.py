"""The separable squeeze-expand (SSE) block of Slim-CNN."""

import keras

from tfslim.layers.composite import Composite
from tfslim.layers.convolution import conv_bn_relu, depthwise_bn_relu

__all__ = ["SqueezeExpand"]


@keras.saving.register_keras_serializable(package="tfslim")
class SqueezeExpand(Composite):
    """Separable squeeze-expand (SSE) block.

    A 1x1 squeeze, then parallel fourfold expansions by a 1x1 and by a depthwise-separable 3x3 convolution. Maps
    (N, H, W, C) to (N, H, W, 8 * filters), the concatenation of the two expansions.

    Args:
        filters: channels after the squeeze; each expansion has four times as many.
        use_bias: whether the plain 1x1 convolutions have a bias. The separable branch never has one.

    Example:
        >>> layer = tfslim.layers.SqueezeExpand(16)
        >>> layer(keras.ops.zeros((1, 8, 8, 96))).shape
        TensorShape([1, 8, 8, 128])

    Reference: Slim-CNN, arXiv 1907.02157, section 3 (the SSE block).
    """

    def __init__(self, filters: int, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.use_bias = use_bias

    def layout(self, x, prefix):
        x = conv_bn_relu(x, self.filters, 1, f"{prefix}squeeze", use_bias=self.use_bias)
        plain = conv_bn_relu(x, 4 * self.filters, 1, f"{prefix}expand1x1", use_bias=self.use_bias)
        separable = depthwise_bn_relu(x, 3, f"{prefix}expand3x3_depthwise")
        separable = conv_bn_relu(separable, 4 * self.filters, 1, f"{prefix}expand3x3_pointwise")
        return keras.layers.Concatenate(name=f"{prefix}concat")([plain, separable])

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "use_bias": self.use_bias}
