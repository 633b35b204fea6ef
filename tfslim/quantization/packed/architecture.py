"""A model's configuration as JSON, and models made of JSON that nobody vouches for."""

import copy
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor

import keras

import tfslim.layers  # registers ours
from tfslim.graph.checks import check_graph_model
from tfslim.graph.layer_copier import UnsupportedLayer, plain_functions
from tfslim.graph.traversal import is_graph
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
OPERATIONS = re.compile(r"keras\.src\.ops\.\w+")  # where Keras itself says that the likes of `x + y` come from
PLAIN = ("__keras_tensor__", "__tuple__", "__slice__", "__ellipsis__", "__numpy__", "__tensor__", "__bytes__")
# Layers that run code of their file's, or read other files.
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
Shapes = dict[str, tuple[tuple[int, ...], str]]


def architecture_json(model: keras.Model) -> bytes:
    """The configuration of a model, without how it was compiled.

    Raises:
        TypeError: the model is subclassed.
        ValueError: a layer is neither of Keras nor of tfslim, or is one that a file can't be trusted with.
    """
    check_graph_model(model)
    _refuse_plain_functions(model)
    _refuse_shared_with_nested(model)
    try:
        config = _without_training(keras.saving.serialize_keras_object(model))
    except RuntimeError as error:  # what Keras says of a class without get_config, in some twenty lines
        what = " ".join(str(error).split()).split(". ")[0]
        raise ValueError(f"{model.name}: {what}. A keras.Function is opened by tfslim.flatten(model)") from error
    text = json.dumps(config, separators=(",", ":"), ensure_ascii=False)
    _check(json.loads(text))
    return text.encode()


def _refuse_plain_functions(model: keras.Model) -> None:
    for layer in model._flatten_layers(include_self=False):
        for setting in plain_functions(layer):
            raise UnsupportedLayer(
                layer.name,
                type(layer).__name__,
                f"its {setting} is a function of somebody's own, which a packed file can't hold; use one of Keras, or "
                "save the model as .keras",
            )


def _refuse_shared_with_nested(model: keras.Model) -> None:
    """A configuration says of each model what is in it, so that what is in two would become two."""
    holders: dict[int, keras.Model] = {}
    waiting = [model]
    while waiting:
        holder = waiting.pop()
        for layer in holder.layers:
            first = holders.setdefault(id(layer), holder)
            if first is not holder and layer.weights:
                raise ValueError(
                    f"{layer.name} is shared by {first.name} and {holder.name}, which Keras' configurations can't say: "
                    "use tfslim.flatten(model)"
                )
            if is_graph(layer) and first is holder:
                waiting.append(layer)


def build_model(config: dict, expected: Shapes) -> keras.Model:
    """The model of a configuration, with weights not yet set.

    It is laid out without memory for its variables first, to see that these are as expected.

    Args:
        config: what `architecture_json` wrote.
        expected: the shape and the kind of type of each variable, by the names of `model_variables`.

    Raises:
        ValueError: a class is not to be trusted, Keras can't make the model, or its variables are others.
    """
    check_layout(config, expected)
    model = _deserialized(config)
    # Once more: a layer without a name gets another one each time that it is made.
    _check_shapes(shapes(model), expected)
    return model


def check_layout(config: dict, expected: Shapes) -> None:
    """Raises ValueError where `build_model` would; takes no memory for the variables."""
    _check(config)
    # In a thread of its own: Keras keeps a list, a thread each, of variables to make up later, and the next scope of
    # anybody's would make these.
    with ThreadPoolExecutor(max_workers=1) as aside:
        found = aside.submit(_laid_out, config).result()
    _check_shapes(found, expected)


def _check_shapes(found: Shapes, expected: Shapes) -> None:
    astray = sorted(found.keys() ^ expected.keys())
    if astray:
        where = "the file has no values for it" if astray[0] in found else "the architecture has no such variable"
        raise ValueError(f"{astray[0]}: {where}")
    for name, variable in found.items():
        if variable != expected[name]:
            raise ValueError(f"{name}: {_shown(variable)} in the architecture, {_shown(expected[name])} in the file")


def _laid_out(config: dict) -> Shapes:
    with keras.StatelessScope(initialize_variables=False):
        return shapes(_deserialized(config))


def shapes(model: keras.Model) -> Shapes:
    """The shape of each variable, and its `kind_of_type`."""
    return {name: (tuple(each.shape), kind_of_type(each.dtype)) for name, each in model_variables(model).items()}


def kind_of_type(dtype: str) -> str:
    """What must fit between a variable and a packed file: "integer" for all integers, "float32" for shorter floats too.

    A seed is int64 in TensorFlow and uint32 elsewhere.
    """
    if keras.backend.is_int_dtype(dtype):
        return "integer"
    return "float32" if keras.backend.is_float_dtype(dtype) and dtype != "float64" else dtype


def _shown(variable: tuple[tuple[int, ...], str]) -> str:
    return f"{variable[1]} {tuple(variable[0])}"


def _deserialized(config: dict) -> keras.Model:
    # Keras takes the configuration apart as it reads it.
    try:
        model = keras.saving.deserialize_keras_object(copy.deepcopy(config), safe_mode=True)
    except Exception as error:  # a wrong configuration ends in whatever exception the first layer to read it meets
        raise ValueError(f"Keras can't make the model: {_last_line(error)}") from error
    if not is_graph(model):
        raise ValueError(f"it is a {type(model).__name__} and no functional or Sequential model")
    return model


def _without_training(config: object) -> object:
    if isinstance(config, dict):
        return {key: _without_training(value) for key, value in config.items() if key != "compile_config"}
    return [_without_training(value) for value in config] if isinstance(config, list | tuple) else config


def _check(config: dict) -> None:
    """Raises ValueError unless every class in a configuration is one of those that only compute."""
    waiting = [config]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        if not isinstance(part, dict):
            continue
        if "compile_config" in part:
            raise ValueError("it says how the model was compiled, which has no place in a packed file")
        if part.get("inbound_nodes"):
            _check_calls(part)
        if "class_name" in part and part["class_name"] not in PLAIN:
            _check_class(part)
        waiting += part.values()


def _check_calls(part: dict) -> None:
    """Raises ValueError for a call on constants alone: Keras would compute it while it reads the configuration."""
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


def _check_class(part: dict) -> None:
    name, module, registered = part["class_name"], part.get("module"), part.get("registered_name")
    label = part["config"].get("name", "") if isinstance(part.get("config"), dict) else ""
    shown = f"{module}.{name}" + (f" ({label!r})" if isinstance(label, str) and label else "")
    if not all(isinstance(each, str) for each in (name, module)):
        raise ValueError(f"{shown}: a class without the module that it comes from")
    if name in REFUSED:
        raise ValueError(f"{shown}: runs code or reads files of its own, which a packed file may not")
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
    raise ValueError(
        f"{shown}: a packed file holds the layers of keras.layers and tfslim.layers only; use tfslim.flatten, or .keras"
    )


def _is_plain_class(found: type) -> bool:
    return not issubclass(found, keras.Model) or found is keras.Sequential


def _last_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or ["no reason given"]
    return f"{type(error).__name__}: {lines[-1][:500]}"
