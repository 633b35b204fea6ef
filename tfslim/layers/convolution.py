"""Convolutions followed by batch normalization and ReLU."""

import keras

__all__ = ["conv_bn_relu", "depthwise_bn_relu", "squeezed"]


def conv_bn_relu(
    x: keras.KerasTensor,
    filters: int,
    size: int | tuple[int, int],
    name: str,
    *,
    strides: int = 1,
    padding: str = "same",
    use_bias: bool = False,
    batch_norm: bool = True,
    relu: bool = True,
) -> keras.KerasTensor:
    """Apply Conv2D, BatchNormalization and ReLU to a tensor.

    The layers are named `name` + "_conv", "_bn" and "_relu"; the tensor is (N, H, W, C).
    """
    conv = keras.layers.Conv2D(
        filters, size, strides, padding, data_format="channels_last", use_bias=use_bias, name=f"{name}_conv"
    )
    x = conv(x)
    if batch_norm:
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x


def depthwise_bn_relu(x: keras.KerasTensor, size: int, name: str, *, strides: int = 1) -> keras.KerasTensor:
    """Apply DepthwiseConv2D, BatchNormalization and ReLU to a tensor.

    The convolution is padded ("same") and has no bias; the tensor is (N, H, W, C).
    """
    conv = keras.layers.DepthwiseConv2D(
        size, strides, "same", data_format="channels_last", use_bias=False, name=f"{name}_conv"
    )
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(conv(x))
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def squeezed(filters: int, ratio: float, layer: str) -> int:
    """Return the squeeze channels of a module, rounded down.

    Args:
        filters: channels of the module's output, an even number.
        ratio: squeeze channels as a fraction of `filters`, above 0 and at most 1.
        layer: name of the layer, for the error message.

    Raises:
        ValueError: if `filters` can't be split into two halves, or no channel is left.
    """
    if filters < 2 or filters % 2:
        raise ValueError(
            f"{layer}: filters={filters} can't be split between two expansions; use an even number of 2 or more"
        )
    if not 0 < ratio <= 1:
        raise ValueError(f"{layer}: squeeze_ratio={ratio}; expected a fraction of the filters, above 0 and at most 1")
    if int(ratio * filters) < 1:
        raise ValueError(
            f"{layer}: squeeze_ratio={ratio} of {filters} filters leaves no channel; use at least {1 / filters:.3g}"
        )
    return int(ratio * filters)
