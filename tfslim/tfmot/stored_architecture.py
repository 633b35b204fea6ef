"""Models of `quantize_aware` built from untrusted JSON."""

import json
from collections.abc import Iterator
from typing import Any

from tfslim.tfmot.packages import tf_keras, tfmot

# Packages of tf_keras' layers that only compute; layers of others may run code or read files.
_PACKAGES = ("activation", "attention", "convolutional", "merging", "normalization", "pooling", "regularization")
_PACKAGES += ("reshaping",)
_NAMES = ("InputLayer", "Activation", "Dense", "EinsumDense", "Embedding", "Identity", "Masking")
_NAMES += ("Rescaling", "Resizing", "CenterCrop", "Normalization", "LSTM", "GRU", "SimpleRNN")
_OURS = {"Int8Wrapper": "tfslim.tfmot.weight_quantizers", "Int8Config": None, "Functional": None}


def stored_model(architecture: str) -> Any:
    """Build the `tf_keras.Model` of an architecture, without its weights.

    Args:
        architecture: `to_json()` of a model of `quantize_aware`.

    Raises:
        ValueError: it is damaged, or contains classes that `quantize_aware` doesn't use.

    Example:
        >>> stored_model(training.to_json()).name
        'slimnet'
    """
    from tfslim.tfmot.weight_quantizers import Int8Config, Int8Wrapper

    try:
        config = json.loads(architecture)
        classes = list(_classes(config))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its architecture is damaged ({error})") from error
    if not isinstance(config, dict) or config.get("class_name") != "Functional":
        raise ValueError("its architecture is damaged (it is not a functional model)")
    for part in classes:
        if not _is_trusted(part):
            shown = part["class_name"] if part.get("module") is None else f"{part['module']}.{part['class_name']}"
            raise ValueError(f"holds a {shown!r}, which quantize_aware never creates; it is not loaded")
    try:
        with tfmot().quantization.keras.quantize_scope({"Int8Config": Int8Config, "Int8Wrapper": Int8Wrapper}):
            return tf_keras().models.model_from_json(architecture)
    except Exception as error:  # a wrong configuration raises whatever the first layer to read it raises
        last = (str(error).strip().splitlines() or ["no reason given"])[-1][:300]
        raise ValueError(f"its architecture is damaged ({type(error).__name__}: {last})") from error


def difference(architecture: str, model: Any) -> str | None:
    """Describe where a model first differs from an architecture.

    Names may differ, as automatic names do; so may the pruning schedule and the initializers.

    Args:
        architecture: `to_json()` of the model that was saved.
        model: a functional `tf_keras.Model`.

    Returns:
        A description, or None if they are the same.

    Raises:
        ValueError: the architecture is damaged.

    Example:
        >>> difference(training.to_json(), training) is None
        True
    """
    own_layers = _compared(json.loads(model.to_json())["config"])
    try:
        saved_layers = _compared(json.loads(architecture)["config"])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"its architecture is damaged ({type(error).__name__}: {error})") from error
    if len(saved_layers) != len(own_layers):
        return f"of {len(saved_layers) - 1} layers, this one has {len(own_layers) - 1}"
    for (name, kind, saved), (_, own_kind, own) in zip(saved_layers, own_layers, strict=True):
        if kind != own_kind:
            return f"{name} is a {kind} there, here a {own_kind}"
        if saved != own:
            return f"{name} ({kind}) has other settings or inputs there"
    return None


def _compared(config: dict) -> list[tuple[str, str, Any]]:
    """Return each layer's name, class and settings, then the ends.

    In the settings other layers are referred to by number.
    """
    numbers = {layer["config"]["name"]: number for number, layer in enumerate(config["layers"])}

    def numbered(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: numbered(each) for key, each in value.items()}
        if isinstance(value, list):
            return [numbered(each) for each in value]
        return numbers.get(value, value) if isinstance(value, str) else value

    layers = []
    for layer in config["layers"]:
        inner = layer["config"].get("layer") or layer
        settings = _lasting(layer["config"]), layer["class_name"], numbered(layer["inbound_nodes"])
        layers.append((f"layer {inner['config']['name']!r}", inner["class_name"], settings))
    return [*layers, ("the model", "model", numbered([config["input_layers"], config["output_layers"]]))]


def _lasting(settings: Any) -> Any:
    """Return a layer's settings without names.

    Settings that may change when a training is resumed are left out as well.
    """
    if isinstance(settings, list):
        return [_lasting(each) for each in settings]
    if not isinstance(settings, dict):
        return settings
    passing = ("name", "pruning_schedule", "build_config")
    return {
        key: _lasting(value)
        for key, value in settings.items()
        if key not in passing and not key.endswith("_initializer")
    }


def _classes(config: Any) -> Iterator[dict]:
    """Yield all parts of a configuration that describe an object."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _classes(value)


def _is_trusted(part: dict) -> bool:
    """Check that a class only computes.

    tf_keras takes classes from any module that is named, and looks among registered ones first.
    """
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    if not isinstance(name, str) or registered not in (None, name):
        return False
    if name in _OURS:
        return module in (None, _OURS[name])
    if registered is not None:
        return False
    tk = tf_keras()
    homes = {"keras.initializers": tk.initializers, "keras.regularizers": tk.regularizers}
    homes |= {"keras.constraints": tk.constraints}
    if module in (None, "keras.layers") and hasattr(tk.layers, name):
        package = getattr(tk.layers, name).__module__.removeprefix("tf_keras.src.layers.").split(".")[0]
        return name in _NAMES or package in _PACKAGES or (package == "preprocessing" and name.startswith("Random"))
    return any(isinstance(getattr(home, name, None), type) for key, home in homes.items() if module in (None, key))
