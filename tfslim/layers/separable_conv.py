"""The depthwise-separable convolution of MobileNet."""

import keras

from tfslim.layers.composite import Composite
from tfslim.layers.convolution import conv_bn_relu, depthwise_bn_relu

__all__ = ["SeparableConv"]


@keras.saving.register_keras_serializable(package="tfslim")
class SeparableConv(Composite):
    """Depthwise-separable convolution with BN and ReLU after both steps.

    Maps (N, H, W, C) to (N, ceil(H / strides), ceil(W / strides), filters). Neither convolution has a bias. Unlike
    `keras.layers.SeparableConv2D` it normalizes between the depthwise and the 1x1 convolution.

    Args:
        filters: channels of the output.
        kernel_size: height and width of the depthwise kernel, in pixels.
        strides: strides of the depthwise convolution, in pixels.

    Example:
        >>> layer = tfslim.layers.SeparableConv(64, strides=2)
        >>> layer(keras.ops.zeros((1, 8, 8, 32))).shape
        TensorShape([1, 4, 4, 64])

    Reference: MobileNets, arXiv 1704.04861, section 3.1.
    """

    def __init__(self, filters: int, kernel_size: int = 3, strides: int = 1, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.kernel_size = kernel_size
        self.strides = strides

    def layout(self, x, prefix):
        x = depthwise_bn_relu(x, self.kernel_size, f"{prefix}depthwise", strides=self.strides)
        return conv_bn_relu(x, self.filters, 1, f"{prefix}pointwise")

    def get_config(self):
        own = {"filters": self.filters, "kernel_size": self.kernel_size, "strides": self.strides}
        return {**super().get_config(), **own}
