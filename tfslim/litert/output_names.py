"""What the outputs of a model are called in the signature of its .tflite file."""

import keras


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
