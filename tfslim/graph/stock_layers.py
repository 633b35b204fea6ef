"""Detection of layers that compute like a stock layer."""

import inspect

import keras

__all__ = ["is_as_stock"]


def is_as_stock(layer: keras.layers.Layer) -> bool:
    """Return whether a layer computes exactly like its stock layer.

    True for the classes of `keras.layers`, for subclasses that override only the constructor and `get_config`, and for
    classes that set `computes_as_stock`. A subclass may change the computation in any method, such as `convolution_op`,
    and not only in `call`. It must also keep the configuration keys of the stock layer, so that they can be changed.
    """
    if vars(type(layer)).get("computes_as_stock"):
        return True
    classes = type(layer).__mro__
    index = next(index for index, cls in enumerate(classes) if getattr(keras.layers, cls.__name__, None) is cls)
    stock = classes[index]
    for cls in classes[:index]:
        methods = {name for name, value in vars(cls).items() if _is_code(value)}
        if methods - {"__init__", "get_config"}:
            return False
    return index == 0 or stock.get_config(layer).keys() <= layer.get_config().keys()


def _is_code(value: object) -> bool:
    return inspect.isroutine(value) or isinstance(value, property)
