"""A model of `quantize_aware` made of JSON that nobody vouches for."""

import json
from collections.abc import Iterator
from typing import Any

from tfslim.tfmot.legacy import tf_keras, tfmot

# Packages of tf_keras' layers that only compute; others hold layers that run code, or read files, of their own choice.
_PACKAGES = ("activation", "attention", "convolutional", "merging", "normalization", "pooling", "regularization")
_PACKAGES += ("reshaping",)
_NAMES = ("InputLayer", "Activation", "Dense", "EinsumDense", "Embedding", "Identity", "Masking")
_NAMES += ("Rescaling", "Resizing", "CenterCrop", "Normalization", "LSTM", "GRU", "SimpleRNN")
_OURS = {"Int8Wrapper": "tfslim.tfmot.weight_quantizers", "Int8Config": None, "Functional": None}


def stored_model(architecture: str) -> Any:
    """The `tf_keras.Model` of an architecture, its weights not yet set.

    Args:
        architecture: what `to_json` of a model of `quantize_aware` gave.

    Raises:
        ValueError: it is damaged, or holds other classes than `quantize_aware` makes.

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
        raise ValueError("its architecture is damaged (it is no functional model)")
    for part in classes:
        if not _is_trusted(part):
            shown = part["class_name"] if part.get("module") is None else f"{part['module']}.{part['class_name']}"
            raise ValueError(f"holds a {shown!r}, which quantize_aware never makes; it is not loaded")
    try:
        with tfmot().quantization.keras.quantize_scope({"Int8Config": Int8Config, "Int8Wrapper": Int8Wrapper}):
            return tf_keras().models.model_from_json(architecture)
    except Exception as error:  # a wrong configuration ends in whatever exception the first layer to read it meets
        last = (str(error).strip().splitlines() or ["no reason given"])[-1][:300]
        raise ValueError(f"its architecture is damaged ({type(error).__name__}: {last})") from error


def _classes(config: Any) -> Iterator[dict]:
    """All parts of a configuration from which tf_keras would make an object."""
    if isinstance(config, dict):
        if "class_name" in config:
            yield config
        for value in config.values():
            yield from _classes(value)
    elif isinstance(config, list):
        for value in config:
            yield from _classes(value)


def _is_trusted(part: dict) -> bool:
    """tf_keras takes the class from any module that is named, and looks in the registered ones first."""
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
