"""The activation function that a layer or an operation of `keras.ops` applies, by one name each."""

import re

import keras

# Other names of the same function.
_SAME = {"hard_swish": "hard_silu", "swish": "silu", "softmax_v2": "softmax", "exp": "exponential", "elu": "elu"}
_LAYERS = {"ELU": "elu", "LeakyReLU": "leaky_relu"}


def activation_name(operation: keras.Operation) -> str | None:
    """Name the activation of a layer ("relu" of a Dense too) or operation.

    It is None if there is none, or if it is a function of somebody's own, whatever that is called.

    Args:
        operation: A layer or an operation of `keras.ops`.

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
    """Whether a layer's activation is a function, or a layer, that is not one of Keras'.

    Example:
        >>> has_own_activation(keras.layers.Dense(2, activation=lambda x: x / 2))
        True
    """
    function = getattr(operation, "activation", None)
    return function is not None and not getattr(function, "__module__", "").startswith("keras.")
