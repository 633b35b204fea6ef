"""Translation of models between Keras 3 and tf_keras.

TF-MOT needs tf_keras.
"""

from typing import Any

import keras

from tfslim.graph.checks import check_graph_model
from tfslim.graph.decomposition import decompose_operations
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.flattening import flatten
from tfslim.graph.layer_copier import UnsupportedLayer, copy_operation
from tfslim.graph.rebuilding import rebuild
from tfslim.graph.traversal import LayerCall
from tfslim.tfmot.layer_translation import (
    from_legacy_layer,
    legacy_model_name,
    legacy_name,
    modern_name,
    to_legacy_layer,
)
from tfslim.tfmot.output_check import check_same_outputs, in_float32
from tfslim.tfmot.packages import tf_keras

__all__ = ["from_tf_keras", "to_tf_keras"]

# tf_keras' hard_sigmoid is clip(0.2 x + 0.5, 0, 1), that of Keras 3 relu6(x + 3) / 6.
_LEGACY_HARD_SIGMOID = "hard_sigmoid"


def to_tf_keras(model: keras.Model) -> Any:
    """Translate a Keras 3 model to legacy tf_keras, in float32.

    Weights and layer names stay. Nested models and tfslim's composite layers are opened; operations of `keras.ops`, and
    activations that tf_keras lacks or computes differently, become layers. The outputs of both models on random inputs
    are compared.

    Args:
        model: a functional or a built Sequential model; it is not changed.

    Returns:
        A `tf_keras.Model`, not compiled.

    Raises:
        UnsupportedLayer: a layer can't be expressed; the message names it and the reason.
        TypeError: the model is subclassed, so it has no graph.
        ValueError: the outputs differ by more than 1e-4 of the largest, naming the first layer that differs; or
            tf_keras doesn't allow the model's name.
        ImportError: tf_keras or TF-MOT is not installed; the message says what to install.

    Warns:
        UserWarning: the outputs differ, but no more than rounding the weights would change them.

    Example:
        >>> legacy = tfslim.tfmot.to_tf_keras(tfslim.models.SlimNet((64, 64, 3)))
        >>> legacy.count_params()
        583976
    """
    check_graph_model(model)
    tk, name = tf_keras(), legacy_model_name(model)
    plain = decompose_operations(flatten(model))
    inputs = [
        tk.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=legacy_name(tensor._keras_history.operation))
        for tensor in plain.inputs
    ]
    layers: dict[int, Any] = {}
    originals: dict[int, keras.layers.Layer] = {}

    def place(call: LayerCall, args: tuple, kwargs: dict):
        key = id(call.operation)
        if key not in layers:
            layers[key], originals[key] = to_legacy_layer(call.operation), call.operation
        return layers[key](*args, **_given(kwargs))

    outputs = rebuild(plain, inputs, place)
    legacy = tk.Model(
        keras.tree.pack_sequence_as(plain.input, inputs),
        keras.tree.pack_sequence_as(plain.output, outputs),
        name=name,
    )
    for key, original in originals.items():
        _copy_weights(original, layers[key])
    check_same_outputs(in_float32(plain), legacy)
    return legacy


def from_tf_keras(model: Any) -> keras.Model:
    """Translate a tf_keras model to Keras 3, in float32.

    Weights and layer names stay.

    Args:
        model: a functional or a built Sequential `tf_keras.Model` of stock layers, TF-MOT's wrappers stripped; nested
            models are opened, their layers named after them.

    Returns:
        A functional Keras 3 model, not compiled.

    Raises:
        UnsupportedLayer: a layer can't be expressed; the message names it and the reason.
        TypeError: `model` is not a functional model of tf_keras.
        ValueError: the outputs differ by more than 1e-4 of the largest, naming the first layer that differs.
        ImportError: tf_keras or TF-MOT is not installed; the message says what to install.

    Warns:
        UserWarning: the outputs differ, but no more than rounding the weights would change them.

    Example:
        >>> legacy = tfslim.tfmot.to_tf_keras(tfslim.models.SlimNet((64, 64, 3)))
        >>> tfslim.tfmot.from_tf_keras(legacy).count_params()
        583976
    """
    tk = tf_keras()
    if not isinstance(model, tk.Model) or not _has_graph(model):
        raise TypeError(
            f"model must be a functional or built Sequential model of tf_keras, got {getattr(model, 'name', model)!r} "
            f"({type(model).__module__.split('.')[0]} {type(model).__name__}), which has no tf_keras graph to translate"
        )
    inputs = [
        keras.Input(batch_shape=tuple(tensor.shape), dtype=tensor.dtype.name, name=modern_name(tensor.node.layer))
        for tensor in model.inputs
    ]
    layers: dict[int, tuple[Any, keras.layers.Layer]] = {}
    outputs = _legacy_graph(model, inputs, layers, _Names(model), "")
    modern = keras.Model(
        keras.tree.pack_sequence_as(_plain_structure(model.input), inputs),
        keras.tree.pack_sequence_as(_plain_structure(model.output), outputs),
        name=model.name,
    )
    for original, layer in layers.values():
        _copy_weights(original, layer)
    refresh_cached_state(modern)
    check_same_outputs(modern, model)
    return modern


class _Names:
    """Unique names for the layers of one model.

    The names of a tf_keras model's own layers stay.
    """

    def __init__(self, model: Any):
        self._own = {id(layer): layer.name for layer in model.layers}
        self._taken = set(self._own.values())

    def of(self, layer: Any, prefix: str) -> str:
        """Return the layer's own name once.

        Later calls, and layers of nested models, get a new name.
        """
        return self._own.pop(id(layer), None) or self.new(prefix + modern_name(layer))

    def new(self, wanted: str) -> str:
        """Return the name, numbered if it is taken."""
        name, number = wanted, 1
        while name in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name)
        return name


def _legacy_graph(model: Any, inputs: list, layers: dict, names: _Names, prefix: str) -> list:
    """Rebuild a tf_keras graph on new inputs; return its outputs."""
    made = {id(old): new for old, new in zip(model.inputs, inputs, strict=True)}
    for node in _nodes(model):
        args, kwargs = keras.tree.map_structure(
            lambda value: made.get(id(value), value), (node.call_args, node.call_kwargs)
        )
        if isinstance(node.layer, tf_keras().Model):
            given = [made[id(tensor)] for tensor in node.keras_inputs]
            results = _legacy_graph(node.layer, given, layers, names, f"{prefix}{node.layer.name}_")
        else:
            results = keras.tree.flatten(_call_modern(node.layer, args, _given(kwargs), layers, names, prefix))
        made.update((id(old), new) for old, new in zip(keras.tree.flatten(node.outputs), results, strict=True))
    return [made[id(tensor)] for tensor in model.outputs]


def _call_modern(layer: Any, args: tuple, kwargs: dict, layers: dict, names: _Names, prefix: str):
    activation = getattr(layer, "activation", None)
    hard = getattr(activation, "__name__", "") == _LEGACY_HARD_SIGMOID
    if hard and isinstance(layer, tf_keras().layers.Activation):
        return _legacy_hard_sigmoid(args[0], names.of(layer, prefix), names)
    if id(layer) not in layers:
        modern = from_legacy_layer(layer)
        linear = (lambda config: config.update(activation="linear")) if hard else None
        layers[id(layer)] = layer, copy_operation(modern, names.of(layer, prefix), linear)
    modern = layers[id(layer)][1]
    result = modern(*args, **kwargs)
    return _legacy_hard_sigmoid(result, names.new(f"{modern.name}_hard_sigmoid"), names) if hard else result


def _legacy_hard_sigmoid(x: keras.KerasTensor, name: str, names: _Names) -> keras.KerasTensor:
    slope = keras.layers.Rescaling(0.2, offset=0.5, name=names.new(f"{name}_slope"))(x)
    return keras.layers.ReLU(1.0, name=name)(slope)


def _nodes(model: Any) -> list:
    """Return the calls between a tf_keras model's inputs and outputs.

    Each follows those that it depends on.
    """
    known = {id(tensor) for tensor in model.inputs}
    order, seen = [], set()
    waiting = [(tensor, False) for tensor in reversed(model.outputs)]
    while waiting:
        tensor, parents_done = waiting.pop()
        if id(tensor) in known:
            continue
        node = tensor.node
        if parents_done:
            order.append(node)
        elif id(node) not in seen:
            seen.add(id(node))
            waiting.append((tensor, True))
            waiting.extend((parent, False) for parent in reversed(node.keras_inputs))
    return order


def _copy_weights(source: Any, target: Any) -> None:
    values = source.get_weights()
    found, expected = [value.shape for value in values], [tuple(weight.shape) for weight in target.weights]
    if found != expected:
        raise UnsupportedLayer(
            source.name, type(source).__name__, f"its weights have the shapes {found}, its counterpart's {expected}"
        )
    target.set_weights(values)


def _given(kwargs: dict) -> dict:
    """Return the keyword arguments that are set.

    Keras passes None for masks and training.
    """
    return {key: value for key, value in kwargs.items() if any(each is not None for each in keras.tree.flatten(value))}


def _plain_structure(structure: Any) -> Any:
    if isinstance(structure, dict):
        return {key: _plain_structure(value) for key, value in structure.items()}
    if isinstance(structure, list | tuple):
        return [_plain_structure(value) for value in structure]
    return structure


def _has_graph(model: Any) -> bool:
    return bool(getattr(model, "inputs", None)) and hasattr(model.outputs[0], "node")
