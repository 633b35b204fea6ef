"""Recognize custom layers that compute like their Keras base."""

import inspect
from typing import Any

import keras

__all__ = ["is_as_stock"]


def is_as_stock(layer: keras.layers.Layer) -> bool:
    """Return whether a layer computes like its Keras base.

    It does if it is one of `keras.layers`, or of a subclass that overrides the constructor and `get_config` at most: a
    subclass may change the computation in any other method, such as `convolution_op`. It must also accept the settings
    of the stock layer, so that these can be changed. A class with `computes_as_stock = True` is trusted.
    """
    if vars(type(layer)).get("computes_as_stock"):
        return True
    kinds: tuple[Any, ...] = type(layer).__mro__
    position = next(index for index, kind in enumerate(kinds) if getattr(keras.layers, kind.__name__, None) is kind)
    stock = kinds[position]
    for kind in kinds[:position]:
        methods = {name for name, value in vars(kind).items() if _is_code(value)}
        if methods - {"__init__", "get_config"}:
            return False
    return position == 0 or stock.get_config(layer).keys() <= layer.get_config().keys()


def _is_code(value: object) -> bool:
    return inspect.isroutine(value) or isinstance(value, property)
