"""What some layers work out from their weights and hold beside them."""

import keras


def refresh_cached_state(model: keras.Model) -> None:
    """Works out again what layers hold beside their weights, after these were assigned one by one.

    `keras.layers.Normalization` holds its mean and variance as tensors in the shape of its inputs. Layers in nested
    models, in wrappers and in other layers are renewed as well.
    """
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
