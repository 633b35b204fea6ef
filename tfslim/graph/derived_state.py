"""Refresh state that layers cache from their weights."""

import keras

__all__ = ["refresh_cached_state"]


def refresh_cached_state(model: keras.Model) -> None:
    """Recompute what layers cache from their weights.

    Call it after weights were assigned one by one. `keras.layers.Normalization` holds its mean and variance as tensors
    in the shape of its inputs.

    Args:
        model: any model; layers in nested models, in wrappers and in other layers are refreshed as well.

    Example:
        >>> layer = keras.layers.Normalization()
        >>> model = keras.Sequential([keras.Input((1,)), layer])
        >>> for weight, value in zip(layer.weights, ([2.0], [1.0], 0)):
        ...     _ = weight.assign(value)
        >>> refresh_cached_state(model)
        >>> float(layer.mean[0, 0])
        2.0
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
