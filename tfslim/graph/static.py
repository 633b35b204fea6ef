"""The copy of a model that goes into a .tflite file: batch 1, sizes fixed, float32 throughout."""

import keras

from tfslim.graph.derived_state import refresh_cached_state

_FLOAT_POLICIES = {"mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64"}


def static_float32(model: keras.Model) -> keras.Model:
    """Rebuilds a functional or Sequential model with batch 1 and float32 layers, same names, same weights.

    A batch left open makes the converter emit chains of SHAPE and RESHAPE that no accelerator takes, and float16
    compute would be cast back and forth at run time.

    Args:
        model: A built `keras.Sequential` or functional `keras.Model`; every input axis but the batch has a fixed size.

    Returns:
        A new model; `model` is not changed.

    Raises:
        TypeError: If the model is a subclass of `keras.Model` whose graph cannot be read.
        ValueError: If an input has an open height, width or channel axis, or a layer holds Keras-quantised weights.
    """
    _check(model)
    inputs = keras.tree.map_structure(
        lambda tensor: keras.Input(
            batch_shape=(1, *tensor.shape[1:]), dtype=_input_dtype(tensor.dtype), name=tensor.name
        ),
        input_structure(model),
    )
    before = keras.config.dtype_policy()
    # A composite layer makes its inner layers while it is built, under the policy of that moment.
    keras.config.set_dtype_policy("float32")
    try:
        copy = keras.models.clone_model(
            model,
            input_tensors=inputs,
            clone_function=_copy,
            recursive=True,
        )
    finally:
        keras.config.set_dtype_policy(before)
    copy.set_weights(model.get_weights())
    refresh_cached_state(copy)
    return copy


def input_structure(
    model: keras.Model,
) -> keras.KerasTensor | list[keras.KerasTensor] | dict[str, keras.KerasTensor]:
    """The symbolic inputs of a model, in the structure it is called with: a tensor, or a list or dictionary."""
    # A Sequential model has no `input` of its own before it is called.
    return model.inputs[0] if isinstance(model, keras.Sequential) else model.input


def _check(model: keras.Model) -> None:
    if not isinstance(model, keras.Model):
        raise TypeError(f"expected a keras.Model, got {type(model).__module__}.{type(model).__name__}")
    if isinstance(model, keras.Sequential) and not model.built:
        raise ValueError(f"model '{model.name}' is not built: give its first layer an input shape (keras.Input)")
    try:
        inputs = model.inputs
    except AttributeError:
        inputs = None
    if not inputs:
        raise TypeError(
            f"model '{model.name}' is a {type(model).__name__}, whose graph cannot be read; "
            "convert takes functional and Sequential models (keras.Model(inputs, outputs))"
        )
    for tensor in inputs:
        if None in tensor.shape[1:]:
            raise ValueError(
                f"input '{tensor.name}' of model '{model.name}' has shape {tensor.shape}; a .tflite file needs every "
                "size but the batch fixed: build the model with keras.Input((height, width, channels))"
            )
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer.dtype_policy, keras.dtype_policies.QuantizedDTypePolicy):
            raise ValueError(
                f"layer '{layer.name}' of model '{model.name}' holds Keras-quantised weights "
                f"({layer.dtype_policy.name}); convert the model as it was before model.quantize() and choose the "
                "quantization here"
            )


def _copy(layer: keras.layers.Layer) -> keras.layers.Layer:
    if isinstance(layer, keras.layers.Lambda):
        return layer  # has no weights, and Keras copies no code that it has not been asked to trust
    return type(layer).from_config(_in_float32(layer.get_config()))


def _input_dtype(dtype: str) -> str:
    # Pixels may be declared uint8; the interpreter's own input type is chosen with `io`.
    return dtype if dtype in ("int32", "int64", "bool") else "float32"


def _in_float32(config):
    """Replaces every float16, bfloat16, float64 or mixed dtype policy in a layer's config, however deep, by float32."""
    if isinstance(config, list | tuple):
        return type(config)(_in_float32(item) for item in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "DTypePolicy" and config["config"].get("name") in _FLOAT_POLICIES:
        return {**config, "config": {**config["config"], "name": "float32"}}
    return {
        key: "float32" if key == "dtype" and isinstance(item, str) and item in _FLOAT_POLICIES else _in_float32(item)
        for key, item in config.items()
    }
