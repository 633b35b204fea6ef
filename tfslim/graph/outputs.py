"""Names of a model's outputs, and detection of probability outputs."""

import keras

from tfslim.graph.traversal import is_graph

__all__ = ["find_output_activation", "output_names"]

# By class name of layers and of operations of `keras.ops`, and by name of a layer's activation.
PROBABILITIES = {"softmax": "softmax", "sigmoid": "sigmoid", "hardsigmoid": "hard_sigmoid"}
PASSING_ON = ("Identity", "Cast", "Reshape", "Flatten")


def find_output_activation(model: keras.Model) -> str | None:
    """Find the activation that turns a model's outputs into probabilities.

    Nested models are searched; linear activations, casts and reshapes after the activation are skipped.

    Args:
        model: a functional or built Sequential model.

    Returns:
        The activation and its layer or operation for the first output that is a probability, or None if all outputs
        are logits.

    Example:
        >>> inputs = keras.Input((8,))
        >>> find_output_activation(keras.Model(inputs, keras.layers.Dense(2, "sigmoid", name="likely")(inputs)))
        "sigmoid in 'likely'"
        >>> find_output_activation(tfslim.models.SlimNet()) is None
        True
    """
    return next((found for found in map(_probability, model.outputs) if found), None)


def _probability(tensor: keras.KerasTensor) -> str | None:
    operation, node, index = tensor._keras_history
    if is_graph(operation):
        return _probability(operation.outputs[index])
    activation = getattr(operation, "activation", None)
    for name in (type(operation).__name__, getattr(activation, "__name__", type(activation).__name__)):
        found = PROBABILITIES.get(name.replace("_", "").lower())
        if found:
            return f"{found} in '{operation.name}'"
    linear = isinstance(operation, keras.layers.Activation) and activation is keras.activations.linear
    if linear or type(operation).__name__ in PASSING_ON:
        return _probability(operation._inbound_nodes[node].input_tensors[0])
    return None


def output_names(model: keras.Model) -> list[str]:
    """Return the signature name of each output.

    It is the key if the model returns a dictionary, otherwise the name of the layer, numbered if repeated.

    Args:
        model: a functional or built Sequential model.

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
