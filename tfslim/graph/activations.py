"""The activation function that a layer or an operation of `keras.ops` applies, by one name each."""

import re

import keras

# Other names of the same function.
_SAME = {"hard_swish": "hard_silu", "swish": "silu", "softmax_v2": "softmax", "exp": "exponential", "elu": "elu"}
_LAYERS = {"ELU": "elu", "LeakyReLU": "leaky_relu"}


def activation_name(operation: keras.Operation) -> str | None:
    """Names the activation of a layer ("relu" of a Dense too) or operation; None where there is none.

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
        name = getattr(function, "__name__", None) if function is not None else None
    else:
        # LeakyRelu -> leaky_relu
        name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind).lower()
        name = name if hasattr(keras.activations, _SAME.get(name, name)) else None
    return None if name in (None, "linear") else _SAME.get(name, name)
