"""The Flame module, a Fire module with a separable expansion."""

import keras

from tfslim.layers.composite import Composite
from tfslim.layers.convolution import conv_bn_relu, depthwise_bn_relu, squeezed

__all__ = ["Flame"]


@keras.saving.register_keras_serializable(package="tfslim")
class Flame(Composite):
    """Fire module whose 3x3 expansion is depthwise-separable.

    A 1x1 squeeze, then parallel 1x1 and depthwise-separable 3x3 expansions. Maps (N, H, W, C) to (N, H, W, filters),
    the concatenation of two expansions of filters / 2 channels each. The separable branch is batch-normalized and has
    no bias; the plain convolutions have a bias and no normalization.

    Args:
        filters: channels of the output, an even number.
        squeeze_ratio: channels after the squeeze as a fraction of `filters`, above 0 and at most 1.

    Raises:
        ValueError: if `filters` is odd, or `squeeze_ratio` is above 1 or leaves no channel.

    Example:
        >>> layer = tfslim.layers.Flame(512)
        >>> layer(keras.ops.zeros((1, 8, 8, 256))).shape
        TensorShape([1, 8, 8, 512])

    Reference: Shih, Huang and Chung, the Flame module (NTU DLCV 2018 final project).
    """

    def __init__(self, filters: int, squeeze_ratio: float = 0.125, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.squeeze_ratio = squeeze_ratio
        self.squeeze_filters = squeezed(filters, squeeze_ratio, self.name)

    def layout(self, x, prefix):
        half = self.filters // 2
        x = conv_bn_relu(x, self.squeeze_filters, 1, f"{prefix}squeeze", use_bias=True, batch_norm=False)
        plain = conv_bn_relu(x, half, 1, f"{prefix}expand1x1", use_bias=True, batch_norm=False)
        separable = depthwise_bn_relu(x, 3, f"{prefix}expand3x3_depthwise")
        separable = conv_bn_relu(separable, half, 1, f"{prefix}expand3x3_pointwise")
        return keras.layers.Concatenate(name=f"{prefix}concat")([plain, separable])

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "squeeze_ratio": self.squeeze_ratio}
