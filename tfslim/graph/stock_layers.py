"""Whether somebody's own layer does just what the Keras layer does that it is made from."""

import inspect

import keras


def is_as_stock(layer: keras.layers.Layer) -> bool:
    """Whether a layer is one of `keras.layers`, or of a subclass that has another constructor at most.

    A subclass may do something of its own in any method, not in `call` alone: `convolution_op`, say. And it must take
    the settings of the stock layer, so that these can be changed.
    """
    if vars(type(layer)).get("computes_as_stock"):
        return True
    kinds = type(layer).__mro__
    place = next(place for place, kind in enumerate(kinds) if getattr(keras.layers, kind.__name__, None) is kind)
    stock = kinds[place]
    for kind in kinds[:place]:
        methods = {name for name, value in vars(kind).items() if _is_code(value)}
        if methods - {"__init__", "get_config"}:
            return False
    return place == 0 or stock.get_config(layer).keys() <= layer.get_config().keys()


def _is_code(value: object) -> bool:
    return inspect.isroutine(value) or isinstance(value, property)
