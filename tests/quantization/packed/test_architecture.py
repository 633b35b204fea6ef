"""An architecture holds only layers that compute, and weights of the shapes that the file has."""

import json
import time

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tests.quantization.packed_models import (
    as_array,
    assert_packs,
    composite,
    operations_and_two_outputs,
    unusual_layers,
)
from tfslim.quantization.packed.architecture import architecture_json, build_model, shapes
from tfslim.quantization.packed.container import join_sections, split_sections
from tfslim.quantization.packed.model import load_packed
from tfslim.quantization.packed.writer import save_packed


@pytest.fixture
def config():
    return json.loads(architecture_json(branching_model()))


@pytest.fixture(scope="module")
def expected():
    return shapes(branching_model())


def layer(config, name):
    return next(each for each in config["config"]["layers"] if each["config"]["name"] == name)


def test_the_model_is_made_again(config, expected):
    built = build_model(config, expected)
    assert shapes(built) == expected
    assert build_model(config, expected).name == "branching", "making a model takes its configuration apart"


def options(config, name):
    return layer(config, name)["config"]


ONLY_OURS = "only layers of keras.layers and tfslim.layers"
HOSTILE = {
    "a lambda": ({"module": "keras.layers", "class_name": "Lambda"}, "Lambda.*runs code"),
    "a saved model": ({"module": "keras.layers", "class_name": "TFSMLayer"}, "runs code or reads files"),
    "a vocabulary": ({"module": "keras.layers", "class_name": "StringLookup"}, "runs code or reads files"),
    "a torch module": ({"module": "keras.layers", "class_name": "TorchModuleWrapper"}, "runs code or reads files"),
    "another module": (
        {"module": "os", "class_name": "system", "registered_name": None},
        ONLY_OURS,
    ),
    "a builtin": ({"module": "builtins", "class_name": "eval"}, ONLY_OURS),
    "a function of Keras": ({"module": "keras.utils", "class_name": "get_file"}, ONLY_OURS),
    "no layer": ({"module": "keras.layers", "class_name": "deserialize"}, ONLY_OURS),
    "an inner module": ({"module": "keras.src.utils.file_utils", "class_name": "get_file"}, ONLY_OURS),
    "an inner operation": ({"module": "keras.src.ops.numpy", "class_name": "np"}, ONLY_OURS),
    "a registered name": ({"registered_name": "evil>Dense"}, ONLY_OURS),
    "no layer of ours": ({"registered_name": "tfslim>Conv2D"}, ONLY_OURS),
    "a loss of ours": (
        {"class_name": "SoftTargets", "module": "tfslim.distillation", "registered_name": "tfslim>SoftTargets"},
        ONLY_OURS,
    ),
    "no module": ({"module": None}, "no module name"),
    "the old form": ({"class_name": "Conv2D", "module": 3}, "no module name"),
    "an unknown layer": ({"class_name": "Conv9D"}, ONLY_OURS),
    "a class that is none": ({"class_name": ["Conv2D"]}, "no module name"),
    "how it was compiled": ({"compile_config": {"optimizer": "adam"}}, "how the model was compiled"),
}


@pytest.mark.parametrize("change", HOSTILE)
def test_what_does_more_than_compute_is_refused(change, config, expected):
    part, found = HOSTILE[change]
    layer(config, "twice").update(part)
    with pytest.raises(ValueError, match=found):
        build_model(config, expected)


@pytest.mark.parametrize("where", ["args", "kwargs"])
def test_calls_on_constants_are_refused(where, config, expected):
    """Keras would compute them at once, at whatever size they say."""
    one = {"class_name": "__numpy__", "config": {"value": [[[1.0]]], "dtype": "float32"}}
    padding = {"module": "keras.layers", "class_name": "ZeroPadding1D", "registered_name": None, "name": "zeros"}
    padding["config"] = {"name": "zeros", "padding": [0, 200_000_000]}
    call = {"args": [one], "kwargs": {}} if where == "args" else {"args": [], "kwargs": {"inputs": one}}
    config["config"]["layers"].append(padding | {"inbound_nodes": [call]})
    with pytest.raises(ValueError, match="'zeros': is called on something else than other layers' outputs"):
        build_model(config, expected)
    layer(config, "zeros")["inbound_nodes"] = [[["image", 0, 0]]]
    with pytest.raises(ValueError, match="'zeros': is called on something else"):
        build_model(config, expected)


@pytest.mark.parametrize(
    "activation",
    [
        {"module": "builtins", "class_name": "function", "config": "exit", "registered_name": "function"},
        {"class_name": "__lambda__", "config": {"value": "AAAA"}},
        {"module": "keras.activations", "class_name": "relu", "config": {}, "registered_name": None},
    ],
    ids=["function", "lambda", "a module's"],
)
def test_functions_are_refused_wherever_they_stand(activation, config, expected):
    layer(config, "left")["config"]["activation"] = activation
    with pytest.raises(ValueError, match=f"{ONLY_OURS}|no module name"):
        build_model(config, expected)


def test_a_model_that_a_file_could_not_hold_is_not_saved(tmp_path):
    inputs = keras.Input((4,))
    with pytest.raises(
        ValueError, match="Lambda.*'double'.*runs code.*; replace it with Keras' own, or save the model as .keras"
    ):
        save_packed(keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * x, name="double")(inputs)), tmp_path / "a")
    head = keras.layers.Dense(2, kernel_regularizer=lambda kernel: keras.ops.sum(kernel), name="head")
    with pytest.raises(ValueError, match=r"layer 'head' \(Dense\): its kernel_regularizer is a custom function"):
        save_packed(keras.Model(inputs, head(inputs)), tmp_path / "a")

    class Mine(keras.layers.Dense):
        pass

    with pytest.raises(
        ValueError, match=f"Mine.*'mine'.*{ONLY_OURS}.*; replace it with Keras' own, or save the model as .keras"
    ):
        save_packed(keras.Model(inputs, Mine(3, name="mine")(inputs)), tmp_path / "a")
    with pytest.raises(
        ValueError, match=r"layer 'own' \(Dense\): its activation is a custom function, .*; replace it with Keras' own"
    ):
        save_packed(keras.Model(inputs, keras.layers.Dense(3, activation=_swishy, name="own")(inputs)), tmp_path / "a")

    class WithoutConfig(keras.layers.Layer):
        def __init__(self, held, **settings):
            super().__init__(**settings)

        def call(self, x):
            return x

    unsaved = keras.Model(inputs, WithoutConfig(3, name="own")(inputs))
    with pytest.raises(ValueError, match=f"WithoutConfig \\('own'\\): .*{ONLY_OURS}"):
        save_packed(unsaved, tmp_path / "a")
    unsaved = keras.Model(inputs, WithoutConfig(np.ones(3), name="own")(inputs))
    for model in (unsaved, keras.Sequential([inputs, unsaved], name="outer")):
        with pytest.raises(ValueError, match=r"^layer 'own' \(WithoutConfig\): .*; replace it with Keras' own"):
            save_packed(model, tmp_path / "a")
    attention = keras.layers.MultiHeadAttention(1, 2, kernel_regularizer=_swishy, name="own")
    tokens = keras.Input((4, 4))
    with pytest.raises(ValueError, match=r"layer 'own' \(MultiHeadAttention\): its kernel_regularizer is a custom"):
        save_packed(keras.Model(tokens, attention(tokens, tokens)), tmp_path / "a")

    shared = keras.layers.Dense(4, name="shared")
    inner = keras.Sequential([inputs, shared], name="inner")
    with pytest.raises(ValueError, match=r"shared is shared by outer and inner, .* use tfslim.flatten\(model\)"):
        save_packed(keras.Model(inputs, shared(inner(inputs)), name="outer"), tmp_path / "a")
    function = keras.Function(inputs, keras.layers.Dense(3)(inputs))
    with pytest.raises(
        ValueError, match=r"outer: Object Function .*; open the keras.Function '\w+' with tfslim.flatten\(model\)"
    ):
        save_packed(keras.Model(inputs, function(inputs), name="outer"), tmp_path / "a")

    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="is a subclassed keras.Model"):
        save_packed(Subclassed(), tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_flatten_is_advised_for_what_it_opens_only(tmp_path):
    class Block(tfslim.layers.Composite):
        def layout(self, x, prefix):
            return keras.layers.Dense(3, name=f"{prefix}dense")(x)

    inputs = keras.Input((4,))
    model = keras.Model(inputs, Block(name="block")(inputs))
    with pytest.raises(ValueError, match=rf"Block \('block'\): .*{ONLY_OURS}.*; open it with tfslim.flatten\(model\)$"):
        save_packed(model, tmp_path / "a")
    assert_packs(tfslim.flatten(model), tmp_path / "a")

    outer = keras.Input((4,))
    mixed = keras.Model(outer, keras.layers.Lambda(lambda x: 2 * x, name="double")(model(outer)))
    with pytest.raises(ValueError, match=r"Lambda \('double'\): .*; replace it with Keras' own"):
        save_packed(mixed, tmp_path / "a")


def _swishy(x):
    return x * x


def test_two_variables_of_one_path_are_packed(tmp_path):
    inputs = keras.Input((4,))
    inner = keras.Model(inputs, keras.layers.Dense(4, name="same")(inputs), name="inner")
    outer = keras.Input((4,))
    model = keras.Model(outer, inner(keras.layers.Dense(4, name="same")(outer)))
    assert_packs(model, tmp_path / "a")


DENSE = {"class_name": "Dense", "module": "keras.layers", "registered_name": None, "config": {"units": 3}}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (
            lambda config: layer(config, "logits")["config"].update(units=10**12),
            r"logits/kernel: float32 \(5, 10{12}\)",
        ),
        (
            lambda config: layer(config, "hidden")["config"].update(use_bias=False),
            "hidden/bias: the architecture has no",
        ),
        (lambda config: options(config, "depthwise").update(use_bias=True), "depthwise/bias: the file has no"),
        (lambda config: options(config, "hidden").update(units="many"), "Keras can't build the model"),
        (lambda config: options(config, "hidden").update(name="other"), "hidden/bias: the architecture has no"),
        (lambda config: config["config"].pop("layers"), "Keras can't build the model"),
        (lambda config: config.clear(), "expected a functional or Sequential model, got dict"),
        (
            lambda config: (config.update(DENSE), config.pop("build_config")),
            "expected a functional or Sequential model, got Dense",
        ),
    ],
    ids=["huge", "fewer weights", "more weights", "no number", "another name", "no layers", "empty", "no model"],
)
def test_an_architecture_that_does_not_fit_is_refused(change, found, tmp_path):
    path = tmp_path / "model.tfslim"
    save_packed(branching_model(), path)
    parts = split_sections(path.read_bytes())
    config = json.loads(parts["architecture"])
    change(config)
    path.write_bytes(join_sections(json.dumps(config).encode(), parts["tensor list"], parts["tensor data"]))
    started = time.perf_counter()
    with pytest.raises(ValueError, match=f"model.tfslim: architecture: .*{found}"):
        load_packed(path)
    assert time.perf_counter() - started < 10


def test_a_layer_without_a_name_is_refused_whatever_keras_calls_it(tmp_path):
    path = tmp_path / "model.tfslim"
    keras.layers.Dense(3)  # so that Keras won't call the next one "dense", but will in a thread of its own
    save_packed(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="dense")]), path)
    parts = split_sections(path.read_bytes())
    config = json.loads(parts["architecture"])
    layer(config, "dense")["config"].update(name=None)
    path.write_bytes(join_sections(json.dumps(config).encode(), parts["tensor list"], parts["tensor data"]))
    with pytest.raises(ValueError, match="model.tfslim: architecture: dense/bias: the architecture has no"):
        load_packed(path)


ODD = [None, -1, 0, 3, 10**12, 2**70, "x", "relu", [], {}, True, 1.5, [1, 2, 3], float("nan"), "float16", [10**9] * 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    "make", [operations_and_two_outputs, composite, unusual_layers], ids=lambda make: make.__name__
)
def test_architectures_changed_by_somebody_who_sets_the_checksums_right(make, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "model.tfslim"
    save_packed(make(), path)
    parts = split_sections(path.read_bytes())
    wanted = shapes(load_packed(path))
    refused = 0
    for _ in range(120):
        config = json.loads(parts["architecture"])
        places = list(_places(config))
        for _ in range(int(rng.integers(1, 3))):
            part, key = places[rng.integers(len(places))]
            part[key] = ODD[rng.integers(len(ODD))]
        path.write_bytes(join_sections(json.dumps(config).encode(), parts["tensor list"], parts["tensor data"]))
        try:
            assert shapes(load_packed(path)) == wanted
        except ValueError as error:
            assert "model.tfslim: architecture: " in str(error)
            refused += 1
    assert refused > 60


def _places(part):
    for key, value in part.items() if isinstance(part, dict) else enumerate(part):
        yield part, key
        if isinstance(value, dict | list):
            yield from _places(value)


def test_seeds_of_another_backend_fit(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dropout(0.5, seed=5, name="dropout")(keras.layers.Dense(3)(inputs)))
    path = tmp_path / "model.tfslim"
    assert_packs(model, path)
    parts = split_sections(path.read_bytes())
    kinds = {"int64": 40, "uint32": 35}
    state = model.layers[-1].seed_generator.state
    here, there = sorted(kinds, key=lambda name: name != keras.backend.standardize_dtype(state.dtype))
    listed = parts["tensor list"].replace(
        bytes([kinds[here], 8 * np.dtype(here).itemsize]), bytes([kinds[there], 8 * np.dtype(there).itemsize])
    )
    seed = as_array(state)
    data = parts["tensor data"].replace(seed.tobytes(), seed.astype(there).tobytes())
    path.write_bytes(join_sections(parts["architecture"], listed, data))
    found = load_packed(path).layers[-1].seed_generator.state
    np.testing.assert_array_equal(as_array(found), seed)
    assert found.dtype == state.dtype


def test_a_layout_leaves_nothing_for_the_next_scope_to_make(config, expected, monkeypatch):
    """Keras makes up the variables of a scope without memory when the next scope ends, if they are still listed."""
    made = []
    start = keras.initializers.GlorotUniform.__call__
    monkeypatch.setattr(keras.initializers.GlorotUniform, "__call__", lambda *a, **k: made.append(a) or start(*a, **k))
    expected = expected | {next(iter(expected)): ((7, 7), "float32")}
    with pytest.raises(ValueError, match="in the architecture, float32"):
        build_model(config, expected)
    with keras.StatelessScope():
        pass
    assert not made
