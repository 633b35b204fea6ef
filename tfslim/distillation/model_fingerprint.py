"""Hashes that identify the function a model computes."""

import hashlib
import json
import warnings
from typing import Any

import keras
import numpy as np

from tfslim.graph.checks import check_graph_model
from tfslim.graph.traversal import is_graph, iter_layer_calls

__all__ = ["fingerprint"]

# Configuration keys that do not change the computed function.
IGNORED_KEYS = ("name", "trainable")


def fingerprint(model: keras.Model) -> str:
    """Return a SHA-256 hash of a model's graph and weights.

    The hash covers the input size, the layers with their connections, and the weights, but no names, so a model built
    twice in one process, or saved and loaded, keeps its fingerprint.

    Args:
        model: a functional or built Sequential model.

    Returns:
        64 hexadecimal digits.

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
    """Return a model's calls as plain lists with numbered tensors."""
    numbers = {id(tensor): number for number, tensor in enumerate(model.inputs)}

    def plain(value):
        return {"tensor": numbers[id(value)]} if isinstance(value, keras.KerasTensor) else value

    steps = []
    for call in iter_layer_calls(model, model.inputs, opened=False):
        operation = call.operation
        args, kwargs = keras.tree.map_structure(plain, (call.args, call.kwargs))
        kwargs = {name: value for name, value in kwargs.items() if value is not None}  # loading adds Nones
        config = _graph(operation) if is_graph(operation) else _nameless(_config(operation))
        steps.append([type(operation).__name__, config, _serialized(args), _serialized(kwargs)])
        numbers.update((id(output), len(numbers) + index) for index, output in enumerate(call.outputs))
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
    # A dtype policy consists of its name, so keep it.
    if not isinstance(config, dict) or config.get("class_name") == "DTypePolicy":
        return config
    return {key: _nameless(value) for key, value in config.items() if key not in IGNORED_KEYS}
