"""The same functional model rebuilt under another precision, with other layer classes or another input shape."""

import keras

from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.traversal import iter_layer_calls

# Where a rounded 1/127.5 would shift the whole image.
PIXEL_LAYERS = (keras.layers.Rescaling, keras.layers.Normalization)


def recast(
    model: keras.Model,
    policy: str = "float32",
    *,
    input_shape: tuple[int | None, ...] | None = None,
    replace: dict[type, type] | None = None,
) -> keras.Model:
    """Rebuilds a functional model of stock layers with equal weights in variables of its own.

    Args:
        model: functional model with one input.
        policy: Keras dtype policy of the layers, save for those that give the outputs, those that normalise pixels
            (Rescaling, Normalization), and all from a UnitNormalization on: these stay float32. A margin loss looks at
            cosines close to 1, where bfloat16 has steps of 0.004.
        input_shape: shape without the batch, None where any extent will do; the model's own by default.
        replace: layer class -> class to put in its place, which must take the same configuration and variables.

    Returns:
        A new model, not compiled; `model` is not changed.

    Example:
        >>> fast = recast(tfslim.models.SlimNet(), "mixed_bfloat16", input_shape=(None, None, 3))
    """
    exact = _output_names(model) | _names_from_unit_length_on(model)
    replace = replace or {}

    def rebuild(layer: keras.layers.Layer) -> keras.layers.Layer:
        config = layer.get_config()
        config["dtype"] = "float32" if layer.name in exact or isinstance(layer, PIXEL_LAYERS) else policy
        return replace.get(type(layer), type(layer)).from_config(config)

    shape = input_shape or model.input_shape[1:]
    inputs = keras.Input(shape, name=model.inputs[0].name, dtype=model.inputs[0].dtype)
    cloned = keras.models.clone_model(model, input_tensors=inputs, clone_function=rebuild)
    # A clone of a compiled model is compiled, and would save an optimizer that was never asked for.
    copy = keras.Model(cloned.input, cloned.output, name=model.name)
    copy.set_weights(model.get_weights())
    refresh_cached_state(copy)
    return copy


def _output_names(model: keras.Model) -> set[str]:
    return {tensor._keras_history.operation.name for tensor in model.outputs}


def _names_from_unit_length_on(model: keras.Model) -> set[str]:
    names, tensors = set(), set()
    for call in iter_layer_calls(model, model.inputs):
        given = {id(value) for value in keras.tree.flatten((call.args, call.kwargs))}
        if isinstance(call.operation, keras.layers.UnitNormalization) or given & tensors:
            names.add(call.operation.name)
            tensors |= {id(output) for output in call.outputs}
    return names
