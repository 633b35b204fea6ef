"""Convolution followed by batch normalisation and ReLU: the unit that every module is made of."""

import keras


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
    """Applies Conv2D, BatchNormalization and ReLU, named `name` + "_conv", "_bn", "_relu", to (N, H, W, C) `x`."""
    conv = keras.layers.Conv2D(
        filters, size, strides, padding, data_format="channels_last", use_bias=use_bias, name=f"{name}_conv"
    )
    x = conv(x)
    if batch_norm:
        x = keras.layers.BatchNormalization(name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x) if relu else x


def depthwise_bn_relu(x: keras.KerasTensor, size: int, name: str, *, strides: int = 1) -> keras.KerasTensor:
    """Applies DepthwiseConv2D ("same", no bias), BatchNormalization and ReLU to an (N, H, W, C) tensor."""
    conv = keras.layers.DepthwiseConv2D(
        size, strides, "same", data_format="channels_last", use_bias=False, name=f"{name}_conv"
    )
    x = keras.layers.BatchNormalization(name=f"{name}_bn")(conv(x))
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def squeezed(filters: int, ratio: float, layer: str) -> int:
    """Returns the squeeze channels of a module with `filters` output channels, rounded down as the papers do.

    Args:
        filters: channels of the module's output, an even number.
        ratio: squeeze channels as a share of `filters`, above 0 and at most 1.
        layer: name of the layer, for the error.

    Raises:
        ValueError: if `filters` can't be halved between two expansions or no channel is left.
    """
    if filters < 2 or filters % 2:
        raise ValueError(f"{layer}: filters={filters} is shared by two expansions; give an even number of 2 or more")
    if not 0 < ratio <= 1:
        raise ValueError(f"{layer}: squeeze_ratio={ratio}; give a share of the filters, above 0 and at most 1")
    if int(ratio * filters) < 1:
        raise ValueError(
            f"{layer}: squeeze_ratio={ratio} of {filters} filters leaves no channel; give at least {1 / filters:.3g}"
        )
    return int(ratio * filters)
