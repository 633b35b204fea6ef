"""Names for all variables of a model, the same for a copy made of its configuration."""

from collections.abc import Iterator

import keras

from tfslim.calls import is_graph
from tfslim.layers.composite import Composite


def model_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """The variables that a model's layers hold, moving statistics and seeds among them, each once.

    Names are those of the models and layers that hold the variable, and its own: "backbone/conv1/kernel". A layer with
    several of one name numbers them: "attention/kernel", "attention/kernel_1". `variable.path` won't do: it may differ
    between a model and its copy.

    Example:
        >>> list(model_variables(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="answers")])))
        ['answers/kernel', 'answers/bias']
    """
    return {name: variable for name, (variable, _) in held_variables(model).items()}


def held_variables(model: keras.Model) -> dict[str, tuple[keras.Variable, keras.layers.Layer]]:
    """The variables of `model_variables`, each with the layer that its name begins with."""
    named, known = {}, set()
    for path, layer in _leaves(model, ""):
        for variable in layer.variables:
            if id(variable) not in known:
                known.add(id(variable))
                named[_free(f"{path}/{variable.name}", named)] = variable, layer
    return named


def _leaves(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in model.layers:
        path = prefix + layer.name
        if is_graph(layer):
            yield from _leaves(layer, f"{path}/")
        elif isinstance(layer, Composite) and layer.built:
            yield from _leaves(layer.body, f"{path}/")
        else:
            yield path, layer


def _free(name: str, taken: dict) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free
