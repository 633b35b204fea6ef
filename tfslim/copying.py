"""A copy of a model that computes the same."""

from collections.abc import Callable

import keras

from tfslim.derived_state import renew_derived_state


def copy_of(
    model: keras.Model, rebuilt: Callable[[keras.layers.Layer], keras.layers.Layer] | None = None
) -> keras.Model:
    """Clones a model with its weights, and with what layers work out from these, which a clone alone has not.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        rebuilt: gives the copy of a layer; by default one of the same configuration.

    Returns:
        The copy, with variables of its own, compiled if `model` is.

    Example:
        >>> copy_of(model).get_weights()[0] is model.get_weights()[0]
        False
    """
    copy = keras.models.clone_model(model, clone_function=rebuilt)
    copy.set_weights(model.get_weights())
    renew_derived_state(copy)
    return copy
