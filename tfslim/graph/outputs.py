"""Whether a model gives probabilities where logits are expected."""

import keras

from tfslim.graph.traversal import is_graph

# By class name, for layers and for operations of `keras.ops` alike, and by name of a layer's activation.
PROBABILITIES = {"softmax": "softmax", "sigmoid": "sigmoid", "hardsigmoid": "hard_sigmoid"}
PASSING_ON = ("Identity", "Cast", "Reshape", "Flatten")


def find_output_activation(model: keras.Model) -> str | None:
    """Says what makes probabilities of a model's outputs, and in which layer or operation; None if they are logits.

    Nested models are entered, and what only passes values on (linear activations, casts, reshapes) is passed by.

    Args:
        model: a functional or a built Sequential model; of several outputs, the first that is a probability is said.

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
    """What the signature calls each output: the key where the model gives a dictionary, else the layer's name.

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
