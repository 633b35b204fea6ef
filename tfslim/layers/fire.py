"""The Fire module of SqueezeNet."""

from typing import Any

import keras

from tfslim.layers.composite import Composite
from tfslim.layers.convolution import conv_bn_relu, squeezed

__all__ = ["Fire"]


@keras.saving.register_keras_serializable(package="tfslim")
class Fire(Composite):
    """Fire module: 1x1 squeeze, then parallel 1x1 and 3x3 expansions.

    Maps (N, H, W, C) to (N, H, W, filters), the concatenation of two expansions of filters / 2 channels each.

    Args:
        filters: channels of the output, an even number.
        squeeze_ratio: channels after the squeeze as a fraction of `filters`, above 0 and at most 1.
        batch_norm: whether every convolution is batch-normalized before its ReLU.

    Raises:
        ValueError: if `filters` is odd, or `squeeze_ratio` is above 1 or leaves no channel.

    Example:
        >>> layer = tfslim.layers.Fire(128)
        >>> layer(keras.ops.zeros((1, 8, 8, 64))).shape
        TensorShape([1, 8, 8, 128])

    Reference: SqueezeNet, arXiv 1602.07360, section 3.2; with BN as in SqueezerFaceNet, arXiv 2307.10697.
    """

    def __init__(self, filters: int, squeeze_ratio: float = 0.125, batch_norm: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.squeeze_ratio = squeeze_ratio
        self.batch_norm = batch_norm
        self.squeeze_filters = squeezed(filters, squeeze_ratio, self.name)

    def layout(self, x, prefix):
        common: dict[str, Any] = {"use_bias": True, "batch_norm": self.batch_norm}
        x = conv_bn_relu(x, self.squeeze_filters, 1, f"{prefix}squeeze", **common)
        small = conv_bn_relu(x, self.filters // 2, 1, f"{prefix}expand1x1", **common)
        large = conv_bn_relu(x, self.filters // 2, 3, f"{prefix}expand3x3", **common)
        return keras.layers.Concatenate(name=f"{prefix}concat")([small, large])

    def get_config(self):
        own = {"filters": self.filters, "squeeze_ratio": self.squeeze_ratio, "batch_norm": self.batch_norm}
        return {**super().get_config(), **own}
