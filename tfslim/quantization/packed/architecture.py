"""Model architectures as JSON, written, and read from untrusted files."""

import copy
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import keras

import tfslim.layers  # registers tfslim's own layers
from tfslim.graph.checks import check_graph_model
from tfslim.graph.layer_copier import UnsupportedLayer, plain_functions
from tfslim.graph.traversal import is_graph
from tfslim.layers.composite import Composite
from tfslim.quantization.model_tensors import model_variables

STOCK = {
    "keras": (keras.Sequential, keras.DTypePolicy),
    "keras.layers": (keras.layers.Layer,),
    "keras.initializers": (keras.initializers.Initializer,),
    "keras.regularizers": (keras.regularizers.Regularizer,),
    "keras.constraints": (keras.constraints.Constraint,),
    "keras.dtype_policies": (keras.DTypePolicy,),
}
MODELS = ("Functional", "Sequential")
OPERATIONS = re.compile(r"keras\.src\.ops\.\w+")  # the module that Keras records for operations such as `x + y`
PLAIN = ("__keras_tensor__", "__tuple__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__", "__bytes__")
# Layers that run code from their file, or read other files.
REFUSED = (
    "Lambda",
    "TFSMLayer",
    "TorchModuleWrapper",
    "JaxLayer",
    "FlaxLayer",
    "StringLookup",
    "IntegerLookup",
    "TextVectorization",
)
_ALLOWED = "a packed file holds only layers of keras.layers and tfslim.layers"
Shapes = dict[str, tuple[tuple[int, ...], str]]


def architecture_json(model: keras.Model) -> bytes:
    """Return the configuration of a model, without its compile settings.

    Raises:
        TypeError: the model is subclassed.
        ValueError: a layer is from neither Keras nor tfslim, or is one that a file can't be trusted with; the message
            names it and what helps.
    """
    check_graph_model(model)
    _refuse_plain_functions(model)
    _refuse_shared_with_nested(model)
    try:
        config = _without_training(keras.saving.serialize_keras_object(model))
    except RuntimeError as error:  # Keras' message on a class without get_config has some twenty lines
        what = " ".join(str(error).split()).split(". ")[0]
        raise ValueError(f"{_unsaved(model)}: {what}; {_remedy_for_function(model)}") from error
    text = json.dumps(config, separators=(",", ":"), ensure_ascii=False)
    try:
        _check(json.loads(text))
    except _RefusedClass as error:
        raise ValueError(f"{error}; {_remedy(model, error.layer)}") from None
    return text.encode()


_OTHER_WAYS = "replace it with Keras' own, or save the model as .keras"


def _refuse_plain_functions(model: keras.Model) -> None:
    for layer in model._flatten_layers(include_self=False):
        for setting in plain_functions(layer):
            reason = f"its {setting.lstrip('_')} is a custom function, which a packed file can't hold; {_OTHER_WAYS}"
            raise UnsupportedLayer(layer.name, type(layer).__name__, reason)


def _remedy(model: keras.Model, name: str) -> str:
    """Return advice on a refused layer; `flatten` opens composite ones."""
    if any(layer.name == name and isinstance(layer, Composite) for layer in _nested_layers(model)):
        return "open it with tfslim.flatten(model)"
    return _OTHER_WAYS


def _remedy_for_function(model: keras.Model) -> str:
    """Return advice on a model that Keras can't serialize."""
    models = [model, *(layer for layer in _nested_layers(model) if is_graph(layer))]
    operations = [operation for each in models for operation in getattr(each, "operations", ())]
    functions = [each for each in operations if isinstance(each, keras.Function) and not isinstance(each, keras.Model)]
    if functions:
        return f"open the keras.Function {functions[0].name!r} with tfslim.flatten(model)"
    return _OTHER_WAYS


def _unsaved(model: keras.Model) -> str:
    """Name the innermost layer that Keras can't serialize.

    If no layer is found, name the model.
    """
    for layer in _nested_layers(model):
        if is_graph(layer):
            continue
        try:
            keras.saving.serialize_keras_object(layer)
        except RuntimeError:
            return f"layer {layer.name!r} ({type(layer).__name__})"
    return model.name


def _nested_layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        yield layer
        if is_graph(layer):
            yield from _nested_layers(layer)


def _refuse_shared_with_nested(model: keras.Model) -> None:
    """Raise ValueError if two models share a layer.

    A configuration lists the layers of each model, so a shared one would become two.
    """
    holders: dict[int, keras.Model] = {}
    waiting = [model]
    while waiting:
        holder = waiting.pop()
        for layer in holder.layers:
            first = holders.setdefault(id(layer), holder)
            if first is not holder and layer.weights:
                raise ValueError(
                    f"{layer.name} is shared by {first.name} and {holder.name}, which a configuration can't express; "
                    "use tfslim.flatten(model)"
                )
            if is_graph(layer) and first is holder:
                waiting.append(layer)


def build_model(config: dict, expected: Shapes) -> keras.Model:
    """Build the model of a configuration, without its weights.

    It is first laid out without memory for its variables, to check that these are as expected.

    Args:
        config: result of `architecture_json`.
        expected: the shape and the kind of type of each variable, by the names of `model_variables`.

    Raises:
        ValueError: a class is not trusted, Keras can't build the model, or its variables differ.
    """
    check_layout(config, expected)
    model = _deserialized(config)
    # Check again: a layer without a name gets a new one each time it is created.
    _check_shapes(shapes(model), expected)
    return model


def check_layout(config: dict, expected: Shapes) -> None:
    """Raise ValueError if `build_model` would.

    No memory is taken for the variables.
    """
    _check(config)
    # In a separate thread: Keras keeps a per-thread list of variables to initialize later, and the next scope in this
    # thread would create these.
    with ThreadPoolExecutor(max_workers=1) as thread:
        found = thread.submit(_laid_out, config).result()
    _check_shapes(found, expected)


def _check_shapes(found: Shapes, expected: Shapes) -> None:
    unmatched = sorted(found.keys() ^ expected.keys())
    if unmatched:
        where = "the file has no values for it" if unmatched[0] in found else "the architecture has no such variable"
        raise ValueError(f"{unmatched[0]}: {where}")
    for name, variable in found.items():
        if variable != expected[name]:
            raise ValueError(f"{name}: {_shown(variable)} in the architecture, {_shown(expected[name])} in the file")


def _laid_out(config: dict) -> Shapes:
    with keras.StatelessScope(initialize_variables=False):
        return shapes(_deserialized(config))


def shapes(model: keras.Model) -> Shapes:
    """Return the shape of each variable, and its `kind_of_type`."""
    return {name: (tuple(each.shape), kind_of_type(each.dtype)) for name, each in model_variables(model).items()}


def kind_of_type(dtype: str) -> str:
    """Return the type that variable and packed file share.

    This is "integer" for all integers, as a seed is int64 in TensorFlow and uint32 elsewhere, and "float32" for shorter
    floats too.
    """
    if keras.backend.is_int_dtype(dtype):
        return "integer"
    return "float32" if keras.backend.is_float_dtype(dtype) and dtype != "float64" else dtype


def _shown(variable: tuple[tuple[int, ...], str]) -> str:
    return f"{variable[1]} {tuple(variable[0])}"


def _deserialized(config: dict) -> keras.Model:
    # Keras modifies the configuration as it reads it.
    try:
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
    except Exception as error:  # a wrong configuration raises whatever the first layer to read it raises
        raise ValueError(f"Keras can't build the model: {_last_line(error)}") from error
    if not is_graph(model):
        raise ValueError(f"expected a functional or Sequential model, got {type(model).__name__}")
    return model


def _without_training(config: object) -> object:
    if isinstance(config, dict):
        return {key: _without_training(value) for key, value in config.items() if key != "compile_config"}
    return [_without_training(value) for value in config] if isinstance(config, list | tuple) else config


class _RefusedClass(ValueError):
    """Error for a class that a packed file can't hold."""

    def __init__(self, message: str, layer: str):
        super().__init__(message)
        self.layer = layer


def _check(config: dict) -> None:
    """Raise ValueError unless all classes of a configuration only compute."""
    waiting: list[tuple[object, str]] = [(config, "")]
    while waiting:
        part, layer = waiting.pop()
        if isinstance(part, list):
            waiting += [(each, layer) for each in part]
        if not isinstance(part, dict):
            continue
        if "class_name" in part:
            layer = _own_name(part) or layer
        if "compile_config" in part:
            raise ValueError(
                "it contains compile_config, that is how the model was compiled, which a packed file must not contain"
            )
        if part.get("inbound_nodes"):
            _check_calls(part)
        if "class_name" in part and part["class_name"] not in PLAIN:
            _check_class(part, layer)
        waiting += [(each, layer) for each in part.values()]


def _own_name(part: dict) -> str:
    config = part.get("config")
    # A class without get_config has its name beside its configuration only.
    name = (config.get("name") if isinstance(config, dict) else None) or part.get("name", "")
    return name if isinstance(name, str) else ""


def _check_calls(part: dict) -> None:
    """Raise ValueError for a call on constants alone.

    Keras would compute it while it reads the configuration.
    """
    calls = part["inbound_nodes"]
    if not isinstance(calls, list) or not all(isinstance(each, dict) and _takes_a_tensor(each) for each in calls):
        raise ValueError(f"{part.get('name')!r}: is called on something else than other layers' outputs")


def _takes_a_tensor(call: dict) -> bool:
    waiting = list(call.values())
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if part.get("class_name") == "__keras_tensor__":
                return True
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return False


def _check_class(part: dict, layer: str) -> None:
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    shown = f"{module}.{name}" if module else f"{name}"
    if layer:
        shown += f" ({layer!r})" if _own_name(part) else f" in layer {layer!r}"
    if not isinstance(name, str) or not isinstance(module, str):
        raise _RefusedClass(f"{shown}: {_ALLOWED}, this class has no module name", layer)
    if name in REFUSED:
        raise _RefusedClass(f"{shown}: it runs code or reads files, which a packed file must not", layer)
    if module.split(".")[0] == "keras" and registered in (None, name):
        if module in STOCK:
            found = getattr(sys.modules[module], name, None)
            if isinstance(found, type) and issubclass(found, STOCK[module]) and _is_plain_class(found):
                return
        elif name in MODELS and module == f"keras.src.models.{name.lower()}":
            return
        elif OPERATIONS.fullmatch(module):
            found = getattr(sys.modules.get(module), name, None)
            if isinstance(found, type) and issubclass(found, keras.Operation):
                return
    elif isinstance(registered, str) and registered == f"tfslim>{name}":
        found = keras.saving.get_registered_object(registered)
        if found is not None and getattr(tfslim.layers, name, None) is found:
            return
    raise _RefusedClass(f"{shown}: {_ALLOWED}", layer)


def _is_plain_class(found: type) -> bool:
    return not issubclass(found, keras.Model) or found is keras.Sequential


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[-1][:500]}"
