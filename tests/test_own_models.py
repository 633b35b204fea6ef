"""A person's own models through every step: the outputs stay equal, or one error names the layer."""

import json
import warnings

import keras
import numpy as np
import pytest

import tfslim
from tests.layer_checks import randomize
from tfslim.distillation import Distiller, SoftTargets, fingerprint
from tfslim.litert.conversion import converter
from tfslim.litert.conversion.worker import convert_folder
from tfslim.litert.runtime.signature_runner import SignatureRunner
from tfslim.pruning import TaylorPruning, channel_graph, shrink
from tfslim.quantization import QuantizingOptimizer, allocate_bits, plan_codecs, quantize_aware

layers = keras.layers
IMAGES = np.random.default_rng(0).uniform(0, 1, (24, 8, 8, 3)).astype("float32")
TARGETS = np.random.default_rng(1).normal(size=(24, 3)).astype("float32")


def penalty(weights):
    return 0.01 * keras.ops.sum(keras.ops.square(weights))


def halves(shape, dtype=None):
    return keras.ops.full(shape, 0.5, dtype)


def at_most_one(weights):
    return keras.ops.clip(weights, -1.0, 1.0)


def relu(x):
    """Has the name of Keras' own and computes something else."""
    return keras.ops.relu(x) + 0.25


def body(**settings):
    """Layers to a row of six numbers, two of which are always 0."""
    return [
        layers.Conv2D(4, 3, padding="same", name="conv", **settings),
        layers.BatchNormalization(name="norm"),
        layers.ReLU(name="relu"),
        layers.Conv2D(6, 3, name="second"),
        layers.GlobalAveragePooling2D(name="pool"),
    ]


def joined(parts, x):
    for layer in parts:
        x = layer(x)
    return x


def functional(before=(), **settings):
    inputs = keras.Input((8, 8, 3), name="image")
    return keras.Model(inputs, joined([*before, *body(**settings), layers.Dense(3, name="logits")], inputs), name="own")


def own_regularizer():
    return functional(kernel_regularizer=penalty)


def lambda_regularizer():
    return functional(activity_regularizer=lambda outputs: 1e-3 * keras.ops.sum(outputs))


def own_initializer():
    return functional(kernel_initializer=halves)


def own_constraint():
    return functional(kernel_constraint=at_most_one)


def own_activation():
    return functional(activation=relu)


def lambda_layer():
    return functional([layers.Lambda(lambda x: 2.0 * x, name="twice")])


def wrapper_regularizer():
    return functional([layers.TimeDistributed(layers.Dense(3, kernel_regularizer=penalty, name="inner"), name="each")])


def wrapper_activation():
    return functional([layers.TimeDistributed(layers.Dense(3, activation=relu, name="inner"), name="each")])


def wrapper_lambda():
    return functional([layers.TimeDistributed(layers.Lambda(lambda x: 2.0 * x, name="inner"), name="each")])


def wrapper_spectral():
    convolution = layers.Conv2D(3, 3, padding="same", kernel_constraint=at_most_one, name="inner")
    return functional([layers.SpectralNormalization(convolution, name="bounded")])


def wrapper_recurrent():
    cell = layers.GRUCell(24, activation=relu, recurrent_regularizer=penalty, name="inner")
    row = layers.RNN(cell, return_sequences=True, name="rows")
    return functional([layers.Reshape((8, 24)), row, layers.Reshape((8, 8, 3))])


def sequential():
    chain = [keras.Input((8, 8, 3), name="image"), *body(), layers.Dense(3, name="logits")]
    return keras.Sequential(chain, name="own")


def sequential_called():
    model = keras.Sequential([*body(), layers.Dense(3, name="logits")], name="own")
    model(IMAGES[:2])
    return model


def nested():
    inner_inputs, inputs = keras.Input((8, 8, 3)), keras.Input((8, 8, 3), name="image")
    inner = keras.Model(inner_inputs, joined(body(), inner_inputs), name="backbone")
    return keras.Model(inputs, layers.Dense(3, name="logits")(inner(inputs)), name="own")


def sequential_of_models():
    inner_inputs = keras.Input((8, 8, 3))
    inner = keras.Model(inner_inputs, joined(body(), inner_inputs), name="backbone")
    return keras.Sequential([keras.Input((8, 8, 3), name="image"), inner, layers.Dense(3, name="logits")], name="own")


def shared_layer():
    shared = layers.Conv2D(3, 3, padding="same", name="shared")
    return functional([shared, layers.ReLU(), shared])


def two_inputs_and_outputs(structure=list):
    left, right = keras.Input((8, 8, 3), name="left"), keras.Input((8, 8, 3), name="right")
    both = layers.Concatenate()([left, right])
    row = joined(body(), both)
    heads = layers.Dense(3, name="logits")(row), layers.Dense(2, name="other")(row)
    if structure is dict:
        return keras.Model(
            {"left": left, "right": right}, dict(zip(("logits", "other"), heads, strict=True)), name="own"
        )
    return keras.Model([left, right], heads, name="own")


def dictionaries():
    return two_inputs_and_outputs(dict)


MODELS = [
    own_regularizer, lambda_regularizer, own_initializer, own_constraint, own_activation, lambda_layer, sequential,
    sequential_called, nested, sequential_of_models, shared_layer, two_inputs_and_outputs, dictionaries,
    wrapper_regularizer, wrapper_activation, wrapper_lambda, wrapper_spectral, wrapper_recurrent,
]  # fmt: skip
MANY_ENDS = (two_inputs_and_outputs, dictionaries)


def made(make):
    """The model with weights that none was made with, and two filters of "second" at zero."""
    model = make()
    randomize(model)
    second = next(layer for layer in model._flatten_layers() if layer.name == "second")
    for variable in (second.kernel, second.bias):
        variable.assign(variable * np.array([1, 0, 1, 1, 0, 1], "float32"))
    return model


def given(model, images=IMAGES):
    """Images as the model takes them."""
    if len(model.inputs) == 1:
        return images
    values = {"left": images, "right": images[::-1]}
    return values if isinstance(model.input, dict) else list(values.values())


def targets(model):
    if len(model.outputs) == 1:
        return TARGETS
    values = {"logits": TARGETS, "other": TARGETS[:, :2]}
    return values if isinstance(model.output, dict) else list(values.values())


def outputs(model, values):
    return [np.asarray(output) for output in keras.tree.flatten(model(values, training=False))]


def assert_close(found, expected, tolerance):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=tolerance * max(1.0, np.abs(other).max()), rtol=0)


def trained_once(model, x, y):
    model.compile(keras.optimizers.SGD(0.001), "mse", run_eagerly=True)
    history = model.fit(x, y, batch_size=12, verbose=0).history
    assert all(np.isfinite(values).all() for values in history.values())


def flatten(model):
    flat = tfslim.flatten(model)
    assert not any(isinstance(layer, keras.Model) for layer in flat.layers)
    assert_close(outputs(flat, given(model)), outputs(model, given(model)), 1e-6)
    assert len(flat.losses) == len(model.losses)


def prune_filters(model):
    smaller, _ = tfslim.prune_filters(model, ratio=2 / channel_graph(model).filter_count, round_to=1)
    assert smaller.count_params() < model.count_params()
    assert_close(outputs(smaller, given(model)), outputs(model, given(model)), 1e-5)
    trained_once(smaller, given(smaller), targets(smaller))


def quantize_weights(model):
    snapped, _ = tfslim.quantize_weights(model, "uniform", bits=14)
    assert type(snapped) is type(model)
    assert_close(outputs(snapped, given(model)), outputs(model, given(model)), 1e-3)


def quantize_aware_natively(model):
    training, _ = quantize_aware(model, given(model))
    assert_close(outputs(training, given(model)), outputs(model, given(model)), 0.1)
    trained_once(training, given(training), targets(training))


def to_tf_keras(model):
    legacy = tfslim.tfmot.to_tf_keras(model)
    assert_close(outputs(legacy, given(model)), outputs(model, given(model)), 1e-4)


def convert(model, path):
    tfslim.litert.convert(model, path)
    names = [tensor._keras_history.operation.name for tensor in model.inputs]
    runner = SignatureRunner(path, 1)
    assert runner.inputs == names or len(names) == 1
    found = runner.run(dict(zip(runner.inputs, keras.tree.flatten(given(model)), strict=True)))
    assert_close([found[name] for name in runner.outputs], outputs(model, given(model)), 1e-4)


def prepare_for_edgetpu(model):
    prepared, _ = tfslim.litert.prepare_for_edgetpu(model)
    first = given(model, IMAGES[:1])
    assert_close(outputs(prepared, first), outputs(model, first), 1e-5)


def distill(model):
    other = functional()
    for student, teacher in ((model, other), (other, model)):
        distiller = Distiller(student, teacher, [SoftTargets(4.0)])
        assert_close(outputs(distiller, IMAGES), outputs(student, IMAGES), 1e-6)
        distiller.compile(keras.optimizers.SGD(0.001), keras.losses.MeanSquaredError(), run_eagerly=True)
        distiller.fit(IMAGES, TARGETS, batch_size=12, verbose=0)


STEPS = [
    flatten, prune_filters, quantize_weights, quantize_aware_natively, to_tf_keras, convert, prepare_for_edgetpu,
    distill,
]  # fmt: skip
# What tf_keras can't have, and what a Distiller does not take: the error that names it.
REFUSED = {
    (own_regularizer, to_tf_keras): r"layer 'conv' \(Conv2D\): its kernel_regularizer is a custom function",
    (lambda_regularizer, to_tf_keras): r"layer 'conv' \(Conv2D\): its activity_regularizer is a custom function",
    (own_constraint, to_tf_keras): r"layer 'conv' \(Conv2D\): its kernel_constraint is a custom function",
    (own_activation, to_tf_keras): r"layer 'conv' \(Conv2D\): its activation is a custom function",
    (lambda_layer, to_tf_keras): r"layer 'twice' \(Lambda\): it runs a custom function",
    (wrapper_regularizer, to_tf_keras): r"layer 'each' \(TimeDistributed\): it wraps another layer",
    (wrapper_activation, to_tf_keras): r"layer 'each' \(TimeDistributed\): it wraps another layer",
    (wrapper_lambda, to_tf_keras): r"layer 'each' \(TimeDistributed\): it wraps another layer",
    (wrapper_spectral, to_tf_keras): r"layer 'bounded' \(SpectralNormalization\): it wraps another layer",
    (wrapper_recurrent, to_tf_keras): r"layer 'rows' \(RNN\): it wraps another layer",
} | {(make, distill): "student own: has 2 inputs and 2 outputs; expected one of each" for make in MANY_ENDS}


@pytest.fixture
def quick_converter(monkeypatch):
    """The converter in this process, where TensorFlow is loaded already."""

    def run_converter(folder, job, samples, model):
        (folder / "job.json").write_text(json.dumps({**job, "samples": []}))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converter's own
            convert_folder(folder)
        return (folder / "result.tflite").read_bytes()

    monkeypatch.setattr(converter, "run_converter", run_converter)


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_outputs_stay_equal_or_an_error_names_the_layer(make, step, quick_converter, tmp_path, capfd):
    model = made(make)
    before = model.get_weights()
    more = [tmp_path / "own.tflite"] if step is convert else []
    if (make, step) in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[make, step]):
            step(model, *more)
    else:
        step(model, *more)
    if step is not distill:  # which trains the model itself
        for ours, theirs in zip(model.get_weights(), before, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def cost(model, path):
    return tfslim.measure(model).to_dict()["macs"]


def taylor(model, path):
    model.compile(keras.optimizers.SGD(0.001), "mse", run_eagerly=True)
    model.fit(IMAGES, TARGETS, batch_size=12, verbose=0, callbacks=[TaylorPruning(0.2, every=1, drops=1)])
    return shrink(model)[0].count_params()


def filters(model, path):
    return str(channel_graph(model))


def bits(model, path):
    return {name: str(codec) for name, codec in allocate_bits(model, "500 B", IMAGES[:4], bits=(4, 8))[0].items()}


def training_in_few_bits(model, path):
    plan = plan_codecs(model, "ternary", scope="convolutions")
    model.compile(QuantizingOptimizer(keras.optimizers.SGD(0.001), model, plan), "mse", run_eagerly=True)
    model.fit(IMAGES, TARGETS, batch_size=12, verbose=0, shuffle=False)
    return model.get_weights()


def packed(model, path):
    tfslim.save_packed(tfslim.quantize_weights(model, "uniform", bits=6)[0], path)
    return outputs(tfslim.load_packed(path), IMAGES)


def sparsified(model, path):
    training, _ = tfslim.tfmot.sparsify(model, 0.5, begin_step=0, end_step=2)
    return [type(layer).__name__ for layer in training.layers]


def clustered(model, path):
    training, _ = tfslim.tfmot.cluster(model, 4)
    return [type(layer).__name__ for layer in training.layers]


def quantized_by_tfmot(model, path):
    training, _ = tfslim.tfmot.quantize_aware(model)
    return [type(layer).__name__ for layer in training.layers]


def diagnosis(model, path):
    return tfslim.litert.diagnose(model).to_dict()


def verified(model, path):
    tfslim.litert.convert(model, path)
    return tfslim.litert.verify(model, path, (255 * IMAGES).astype("uint8")).figures["flips"]


def hashed(model, path):
    return fingerprint(model)


OTHERS = [
    cost, taylor, filters, bits, training_in_few_bits, packed, sparsified, clustered, quantized_by_tfmot, diagnosis,
    verified, hashed,
]  # fmt: skip


@pytest.mark.parametrize("step", OTHERS, ids=lambda step: step.__name__)
def test_a_sequential_model_from_a_file_is_as_good_as_a_functional_one(step, quick_converter, tmp_path, capfd):
    made(sequential).save(tmp_path / "own.keras")
    chain = keras.models.load_model(tmp_path / "own.keras")
    same = functional()
    same.set_weights(chain.get_weights())
    found, expected = (step(model, tmp_path / "file") for model in (chain, same))
    if isinstance(expected, list) and isinstance(expected[0], np.ndarray):
        assert_close(found, expected, 1e-6)
    else:
        assert found == expected


TAKING_MODELS = [
    tfslim.flatten, tfslim.measure, channel_graph, shrink, tfslim.quantize_weights, quantize_aware, fingerprint,
    lambda model: tfslim.prune_filters(model, 0.5, keep_compiled=True),
    lambda model: tfslim.save_packed(model, "own.tfslim"), lambda model: allocate_bits(model, 1000, IMAGES),
    lambda model: plan_codecs(model, "ternary"), tfslim.tfmot.to_tf_keras, tfslim.tfmot.quantize_aware,
    lambda model: tfslim.litert.convert(model, "own.tflite"), tfslim.litert.diagnose, tfslim.litert.prepare_for_edgetpu,
    lambda model: tfslim.litert.verify(model, "own.tflite", IMAGES),
    lambda model: Distiller(model, None, [SoftTargets()]),
    lambda model: Distiller(functional(), model, [SoftTargets()]),
    lambda model: TaylorPruning(0.5, every=1, drops=1).set_model(model),
]  # fmt: skip


@pytest.mark.parametrize("step", TAKING_MODELS, ids=range(len(TAKING_MODELS)))
def test_a_model_of_keras_2_is_called_one(step):
    from tfslim.tfmot.packages import tf_keras

    tk = tf_keras()
    old = tk.Sequential([tk.layers.Conv2D(4, 3, input_shape=(8, 8, 3)), tk.layers.Flatten()], name="old")
    with pytest.raises(TypeError, match=r"'old' is a Keras 2 model \(tf_keras\), .* tfslim.tfmot.from_tf_keras"):
        step(old)


WITH_TF_KERAS = [
    tfslim.tfmot.to_tf_keras,
    lambda model: tfslim.tfmot.sparsify(model, 0.5, end_step=2),
    lambda model: tfslim.tfmot.cluster(model, 8),
]


@pytest.mark.parametrize("step", [*TAKING_MODELS, *WITH_TF_KERAS[1:]], ids=range(len(TAKING_MODELS) + 2))
def test_a_path_in_place_of_a_model_is_said(step):
    # verify, which takes a path too, says in what order.
    message = "(must be a keras.Model, got 'm.keras'; load it with|takes the model first, .* got a path as model: 'm.k)"
    with pytest.raises(TypeError, match=message):
        step("m.keras")


@pytest.mark.parametrize("step", WITH_TF_KERAS, ids=range(len(WITH_TF_KERAS)))
def test_nothing_in_place_of_a_model_is_said(step):
    with pytest.raises(TypeError, match="model must be a keras.Model, got NoneType$"):
        step(None)
