"""The stock layers in plain numpy: an independent reference for what the composite layers compute."""

import keras
import numpy as np


class NumpyLayers:
    """Applies the stock layers of a flat model by name, with that model's weights, in float64."""

    def __init__(self, model: keras.Model):
        self.model = model

    def conv(self, x: np.ndarray, name: str, strides: int = 1) -> np.ndarray:
        """A "same" convolution of (N, H, W, C), with its bias if the layer has one."""
        kernel, bias = self._weights(f"{name}_conv")
        patches = _patches(x, kernel.shape[0], strides)
        return np.einsum("nhwijc,ijco->nhwo", patches, kernel) + bias

    def depthwise(self, x: np.ndarray, name: str, strides: int = 1) -> np.ndarray:
        kernel, bias = self._weights(f"{name}_conv")
        patches = _patches(x, kernel.shape[0], strides)
        return np.einsum("nhwijc,ijc->nhwc", patches, kernel[..., 0]) + bias

    def bn(self, x: np.ndarray, name: str) -> np.ndarray:
        gamma, beta, mean, variance = (np.float64(w) for w in self.model.get_layer(f"{name}_bn").get_weights())
        return (x - mean) / np.sqrt(variance + 1e-3) * gamma + beta

    def conv_bn_relu(self, x: np.ndarray, name: str, strides: int = 1) -> np.ndarray:
        return relu(self.bn(self.conv(x, name, strides), name))

    def depthwise_bn_relu(self, x: np.ndarray, name: str, strides: int = 1) -> np.ndarray:
        return relu(self.bn(self.depthwise(x, name, strides), name))

    def _weights(self, name):
        kernel, *bias = (np.float64(w) for w in self.model.get_layer(name).get_weights())
        return kernel, bias[0] if bias else 0.0


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def _patches(x: np.ndarray, size: int, strides: int) -> np.ndarray:
    """(N, H', W', size, size, C) windows of the zero-padded image, the odd padding at the bottom right as in Keras."""
    pads = []
    for extent in x.shape[1:3]:
        total = max((-(-extent // strides) - 1) * strides + size - extent, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x, [(0, 0), *pads, (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))[:, ::strides, ::strides]
    return np.moveaxis(windows, 3, -1)
