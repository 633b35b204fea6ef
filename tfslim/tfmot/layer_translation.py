"""Translation of one layer's settings between Keras 3 and tf_keras."""

import inspect
import re
from collections.abc import Callable
from typing import Any

import keras

from tfslim.graph.layer_copier import UnsupportedLayer, read_config
from tfslim.graph.stock_layers import is_as_stock
from tfslim.tfmot.packages import tf_keras

_RENAMED = {"LeakyReLU": {"negative_slope": "alpha"}}
_LEGACY_WEIGHTS = {("DepthwiseConv2D", "kernel"): "depthwise_kernel"}
_OF_EVERY_LAYER = {"name", "trainable", "dtype"}
# Settings that affect how a layer computes, not its result.
_WITHOUT_MEANING = {"synchronized", "implementation", "batch_input_shape", "fused", "use_legacy_config"}
_WRAPPERS = "it wraps another layer, which is not supported; call that layer itself"
_TO_STRIP = "it is a layer of TF-MOT; take the model out of its training with tfslim.tfmot first"


_LEGACY_NAME = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")  # names that TensorFlow accepts for a scope


def legacy_name(layer: keras.layers.Layer) -> str:
    """Return the name of a Keras 3 layer for tf_keras.

    Raises:
        UnsupportedLayer: tf_keras doesn't allow it.
    """
    reason = _reason_against(layer.name)
    if reason:
        raise UnsupportedLayer(layer.name, type(layer).__name__, reason)
    return layer.name


def legacy_model_name(model: keras.Model) -> str:
    """Return the name of a Keras 3 model for tf_keras.

    tf_keras accepts any name for a model, and fails with an error of TensorFlow when it is first run in a graph.

    Raises:
        ValueError: TensorFlow doesn't allow it.
    """
    reason = _reason_against(model.name)
    if reason:
        raise ValueError(f"model {model.name!r}: {reason}")
    return model.name


def modern_name(layer: Any) -> str:
    """Return the name of a tf_keras layer for Keras 3.

    Raises:
        UnsupportedLayer: Keras 3 doesn't allow it.
    """
    if "/" in layer.name:
        raise UnsupportedLayer(layer.name, type(layer).__name__, "Keras 3 does not allow '/' in names; rename it")
    return layer.name


def to_legacy_layer(layer: keras.layers.Layer) -> Any:
    """Return the tf_keras equivalent of a stock Keras 3 layer.

    It is not built, and computes in float32.

    Raises:
        UnsupportedLayer: tf_keras has none; the message says why.
    """
    kind = type(layer).__name__
    legacy_name(layer)
    _refuse_lambda(layer)
    if not is_as_stock(layer):
        raise UnsupportedLayer(layer.name, kind, "it is not a layer of keras.layers, so tf_keras has no counterpart")
    stock = next(base for base in type(layer).__mro__ if getattr(keras.layers, base.__name__, None) is base)
    legacy = getattr(tf_keras().layers, stock.__name__, None)
    if legacy is None:
        raise UnsupportedLayer(layer.name, kind, "tf_keras has no layer of this name")
    config = _translated(layer, stock, legacy, _RENAMED.get(stock.__name__, {}))
    return _made(legacy, config, layer, "tf_keras")


def from_legacy_layer(layer: Any) -> keras.layers.Layer:
    """Return the Keras 3 equivalent of a stock tf_keras layer.

    It is not built, and computes in float32.

    Raises:
        UnsupportedLayer: Keras 3 has none; the message says why.
    """
    kind, module = type(layer).__name__, type(layer).__module__
    modern_name(layer)
    if module.startswith("tensorflow_model_optimization"):
        raise UnsupportedLayer(layer.name, kind, _TO_STRIP)
    if not module.startswith("tf_keras."):
        raise UnsupportedLayer(layer.name, kind, "it is not a layer of tf_keras.layers")
    _refuse_lambda(layer)
    modern = getattr(keras.layers, kind, None)
    if modern is None:
        raise UnsupportedLayer(layer.name, kind, "Keras 3 has no layer of this name")
    renamed = {old: new for new, old in _RENAMED.get(kind, {}).items()}
    return _made(modern, _translated(layer, type(layer), modern, renamed), layer, "Keras 3")


def legacy_weight(kind: str, attribute: str) -> str:
    """Return tf_keras' name of a Keras 3 layer's weight attribute."""
    return _LEGACY_WEIGHTS.get((kind, attribute), attribute)


def check_activity(layer: Any) -> None:
    """Raise UnsupportedLayer for a layer with an activity regularizer.

    TF-MOT's wrappers ignore it.
    """
    if getattr(layer, "activity_regularizer", None) is not None:
        advice = "TF-MOT drops its activity_regularizer; use keras.layers.ActivityRegularization after it instead"
        raise UnsupportedLayer(layer.name, type(layer).__name__, advice)


def _refuse_lambda(layer: Any) -> None:
    if "Lambda" in {base.__name__ for base in type(layer).__mro__}:
        reason = "it runs a custom function, which the other Keras may not take; write it with layers"
        raise UnsupportedLayer(layer.name, type(layer).__name__, reason)


def _reason_against(name: str) -> str | None:
    if _LEGACY_NAME.fullmatch(name):
        return None
    return "tf_keras needs names of letters, digits, '_', '.', '-' and '>' that begin with a letter or digit; rename it"


def _made(kind: Any, config: dict, layer: Any, package: str) -> Any:
    try:
        return kind.from_config(config)
    except (TypeError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise UnsupportedLayer(layer.name, type(layer).__name__, f"{package} refuses its settings: {first}") from error


def _translated(layer: Any, source: type, target: type, renamed: dict[str, str]) -> dict:
    config = read_config(layer) if isinstance(layer, keras.layers.Layer) else layer.get_config()
    accepted = _parameters(target)
    translated = {}
    for key, value in config.items():
        new_key = renamed.get(key, key)
        if key == "dtype" or key.endswith("_initializer") or key in _WITHOUT_MEANING:
            continue
        wrapped = isinstance(value, dict) and "layer" in (value.get("module") or "")
        if wrapped or key in ("layer", "cell", "backward_layer"):
            raise UnsupportedLayer(layer.name, source.__name__, _WRAPPERS)
        if new_key in accepted:
            translated[new_key] = _unwrapped(key, value, layer, source)
        elif not _is_default(source, key, value):
            raise UnsupportedLayer(layer.name, source.__name__, f"its setting {key}={value!r} has no counterpart")
    translated["dtype"] = "float32"
    return translated


def _unwrapped(key: str, value: Any, layer: Any, source: type) -> Any:
    """Return a setting without Keras 3's wrapping.

    Keras 3 wraps regularizers, constraints and functions.
    """
    if callable(value):
        raise UnsupportedLayer(
            layer.name, source.__name__, f"its {key} is a custom function or class; use one of Keras"
        )
    if isinstance(value, dict) and "class_name" in value:
        if value["class_name"] == "function" or (value.get("registered_name") or "").count(">"):
            raise UnsupportedLayer(
                layer.name, source.__name__, f"its {key} is a custom function or class; use one of Keras"
            )
        return {"class_name": value["class_name"], "config": value["config"]}
    if key == "axis" and isinstance(value, list | tuple) and len(value) == 1:
        return value[0]
    return list(value) if type(value).__name__ == "ListWrapper" else value


def _parameters(kind: Any) -> set[str]:
    """Return constructor parameters of a layer, base classes' included."""
    names: set[str] = set()
    for base in kind.__mro__:
        if base.__name__ == "Layer":
            names |= _OF_EVERY_LAYER
            break
        names |= set(inspect.signature(base.__init__).parameters)
        if not _passes_on(base.__init__):
            break
    return names - {"self", "args", "kwargs"}


def _passes_on(constructor: Callable) -> bool:
    kinds = {parameter.kind for parameter in inspect.signature(constructor).parameters.values()}
    return inspect.Parameter.VAR_KEYWORD in kinds


def _is_default(kind: Any, key: str, value: Any) -> bool:
    if value is None or (key == "data_format" and value == "channels_last"):
        return True
    for base in kind.__mro__:
        parameter = inspect.signature(base.__init__).parameters.get(key)
        if parameter is not None:
            return parameter.default == value
    return not value
