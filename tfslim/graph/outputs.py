"""Inspect a model's outputs: their activation and their names."""

import keras

from tfslim.graph.traversal import is_graph

__all__ = ["find_output_activation", "output_names"]

# By class name of layers and of operations of `keras.ops`, and by name of a layer's activation.
_PROBABILITIES = {"softmax": "softmax", "sigmoid": "sigmoid", "hardsigmoid": "hard_sigmoid"}
_VALUE_PRESERVING = ("Identity", "Cast", "Reshape", "Flatten")


def find_output_activation(model: keras.Model) -> str | None:
    """Find the activation that turns a model's outputs into probabilities.

    Nested models are searched, and linear activations, casts and reshapes at the end are skipped.

    Args:
        model: a functional or a built Sequential model.

    Returns:
        The activation and its layer or operation, for the first output with one; None if all outputs are logits.

    Example:
        >>> inputs = keras.Input((8,))
        >>> find_output_activation(keras.Model(inputs, keras.layers.Dense(2, "sigmoid", name="likely")(inputs)))
        "sigmoid in 'likely'"
        >>> find_output_activation(tfslim.models.SlimNet()) is None
        True
    """
    return next((description for description in map(_probability_activation, model.outputs) if description), None)


def _probability_activation(tensor: keras.KerasTensor) -> str | None:
    operation, node, index = tensor._keras_history
    if is_graph(operation):
        return _probability_activation(operation.outputs[index])
    activation = getattr(operation, "activation", None)
    for name in (type(operation).__name__, getattr(activation, "__name__", type(activation).__name__)):
        probability = _PROBABILITIES.get(name.replace("_", "").lower())
        if probability:
            return f"{probability} in '{operation.name}'"
    linear = isinstance(operation, keras.layers.Activation) and activation is keras.activations.linear
    if linear or type(operation).__name__ in _VALUE_PRESERVING:
        return _probability_activation(operation._inbound_nodes[node].input_tensors[0])
    return None


def output_names(model: keras.Model) -> list[str]:
    """Return the name of each output in an exported signature.

    It is the key if the model returns a dictionary, else the name of the output's layer, numbered if that repeats.

    Args:
        model: a functional or a built Sequential model.

    Example:
        >>> output_names(tfslim.models.SlimNet())  # doctest: +SKIP
        ['logits']
    """
    structure = model.outputs if isinstance(model, keras.Sequential) else model.output
    if isinstance(structure, dict) and all(isinstance(value, keras.KerasTensor) for value in structure.values()):
        keys = {id(tensor): name for name, tensor in structure.items()}
        if len(keys) == len(model.outputs):
            return [keys[id(tensor)] for tensor in model.outputs]
    names = []
    for tensor in model.outputs:
        name = tensor._keras_history.operation.name
        repeats = sum(other == name or other.startswith(f"{name}_output_") for other in names)
        names.append(f"{name}_output_{repeats}" if repeats else name)
    return names
