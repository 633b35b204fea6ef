"""The Slim module of Slim-CNN."""

import keras

from tfslim.layers.composite import Composite
from tfslim.layers.convolution import conv_bn_relu, depthwise_bn_relu
from tfslim.layers.squeeze_expand import SqueezeExpand

__all__ = ["SlimModule"]


@keras.saving.register_keras_serializable(package="tfslim")
class SlimModule(Composite):
    """Slim module: two squeeze-expand blocks, a skip, a separable convolution.

    Maps (N, H, W, C) to (N, H, W, 3 * filters). The skip around the first block is a 1x1 projection, since C never
    equals the block's 8 * filters channels; no activation follows the addition.

    Args:
        filters: squeeze channels of both blocks.
        use_bias: whether the plain 1x1 convolutions of the blocks have a bias.

    Example:
        >>> layer = tfslim.layers.SlimModule(16)
        >>> layer(keras.ops.zeros((1, 8, 8, 96))).shape
        TensorShape([1, 8, 8, 48])

    Reference: Slim-CNN, arXiv 1907.02157, section 3 (the Slim module).
    """

    def __init__(self, filters: int, use_bias: bool = True, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.use_bias = use_bias

    def layout(self, x, prefix):
        block = SqueezeExpand(self.filters, self.use_bias)
        skip = conv_bn_relu(x, 8 * self.filters, 1, f"{prefix}skip")
        x = block.layout(x, f"{prefix}sse1_")
        x = keras.layers.Add(name=f"{prefix}add")([x, skip])
        x = block.layout(x, f"{prefix}sse2_")
        x = depthwise_bn_relu(x, 3, f"{prefix}output_depthwise")
        return conv_bn_relu(x, 3 * self.filters, 1, f"{prefix}output_pointwise")

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "use_bias": self.use_bias}
