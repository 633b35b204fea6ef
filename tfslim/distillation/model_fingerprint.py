"""A hash of the function that a model is, by which two models are told apart."""

import hashlib
import json
import warnings
from typing import Any

import keras
import numpy as np

from tfslim.graph.checks import check_graph_model
from tfslim.graph.traversal import is_graph, iter_layer_calls

# What another name or another way of training says nothing about.
LEFT_OUT = ("name", "trainable")


def fingerprint(model: keras.Model) -> str:
    """A hash of the model's input size, its layers in the way they are joined, and its weights, as hexadecimal digits.

    Names don't count, so that a model made twice in one process, or saved and loaded, has the same.

    Args:
        model: a functional or a built Sequential model.

    Raises:
        TypeError: the model has no graph of layers.

    Example:
        >>> len(fingerprint(tfslim.models.VGG11((32, 32, 3), classes=2)))
        64
    """
    check_graph_model(model)
    digest = hashlib.sha256(repr(tuple(model.inputs[0].shape[1:])).encode())
    digest.update(json.dumps(_graph(model), sort_keys=True).encode())
    for weight in model.weights:
        value = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _graph(model: keras.Model) -> list:
    """The calls of a model in plain lists and dicts, with numbers for tensors."""
    numbers = {id(tensor): number for number, tensor in enumerate(model.inputs)}

    def plain(value):
        return {"tensor": numbers[id(value)]} if isinstance(value, keras.KerasTensor) else value

    steps = []
    for call in iter_layer_calls(model, model.inputs, opened=False):
        operation = call.operation
        args, kwargs = keras.tree.map_structure(plain, (call.args, call.kwargs))
        given = {name: value for name, value in kwargs.items() if value is not None}  # loading adds some
        does = _graph(operation) if is_graph(operation) else _nameless(_config(operation))
        steps.append([type(operation).__name__, does, _serialized(args), _serialized(given)])
        numbers.update((id(output), len(numbers) + place) for place, output in enumerate(call.outputs))
    return [steps, [numbers[id(tensor)] for tensor in model.outputs]]


def _config(operation: keras.Operation) -> Any:
    with warnings.catch_warnings():
        # Keras warns that code of a lambda can't be made again; here it need not be.
        warnings.simplefilter("ignore", UserWarning)
        return _serialized(operation.get_config())


def _serialized(value: Any) -> Any:
    return keras.saving.serialize_keras_object(value)


def _nameless(config: Any) -> Any:
    if isinstance(config, list):
        return [_nameless(value) for value in config]
    # A policy's name is all that there is of it.
    if not isinstance(config, dict) or config.get("class_name") == "DTypePolicy":
        return config
    return {key: _nameless(value) for key, value in config.items() if key not in LEFT_OUT}
