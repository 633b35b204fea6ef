"""State that layers compute from their weights."""

import keras

__all__ = ["refresh_cached_state"]


def refresh_cached_state(model: keras.Model) -> None:
    """Refresh state that layers cache from their weights.

    Call it after assigning weights one by one: `keras.layers.Normalization` caches mean and variance as tensors in the
    shape of its inputs. Layers in nested models, in wrappers and in other layers are refreshed as well.

    Args:
        model: any built model, changed in place.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
