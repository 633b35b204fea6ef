"""Name the activation functions of layers and operations."""

import re

import keras

__all__ = ["activation_name", "has_own_activation"]

# Other names of the same function -> the name used here.
_SAME = {"hard_swish": "hard_silu", "swish": "silu", "softmax_v2": "softmax", "exp": "exponential"}
_LAYERS = {"ELU": "elu", "LeakyReLU": "leaky_relu"}


def activation_name(operation: keras.Operation) -> str | None:
    """Name the activation of a layer or operation.

    Args:
        operation: a layer or an operation of `keras.ops`.

    Returns:
        One name for each function of Keras ("relu" also for a Dense that ends in it); None without an activation, and
        for a custom function of any name.

    Example:
        >>> activation_name(keras.layers.Conv2D(8, 3, activation="hard_swish"))
        'hard_silu'
    """
    kind = type(operation).__name__
    if kind in _LAYERS:
        return _LAYERS[kind]
    if isinstance(operation, keras.layers.Layer):
        function = getattr(operation, "activation", None)
        name = None if has_own_activation(operation) else getattr(function, "__name__", None)
    else:
        # LeakyRelu -> leaky_relu
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
        name = name if hasattr(keras.activations, _SAME.get(name, name)) else None
    return None if name in (None, "linear") else _SAME.get(name, name)


def has_own_activation(operation: keras.Operation) -> bool:
    """Return whether a layer has a custom function as activation.

    A layer in the place of the function counts as one, unless it is one of Keras.

    Example:
        >>> has_own_activation(keras.layers.Dense(2, activation=lambda x: x / 2))
        True
    """
    function = getattr(operation, "activation", None)
    return function is not None and not getattr(function, "__module__", "").startswith("keras.")
