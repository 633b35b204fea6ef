"""`save_packed` with the plan of `quantize_weights`: the same bytes in less time, and never other weights."""

import gc
import weakref

import keras
import numpy as np
import pytest

from tests.pruning.branching_model import branching_model
from tests.quantization.packed_models import as_bytes, assert_packs
from tfslim.graph.cloning import clone_model
from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform
from tfslim.quantization.model_tensors import model_variables, weight_tensors
from tfslim.quantization.packed import writer
from tfslim.quantization.packed.model import load_packed
from tfslim.quantization.packed.writer import save_packed
from tfslim.quantization.plan import known_plan, plan_codecs
from tfslim.quantization.weights import quantize_weights

CODECS = [
    LogMinMax(4),
    LogMinMax(1),
    LogMinMax(9, "nearest"),
    LogMinMax(5, "floor"),
    Uniform(4),
    Uniform(5, False, True),
    KMeans(3),
    Ternary(),
    Binary(False),
    Float16(),
    Float32(),
]


def saved(model, folder, **arguments) -> bytes:
    save_packed(model, folder / "model.tfslim", **arguments)
    return (folder / "model.tfslim").read_bytes()


def expected_codecs(monkeypatch) -> list:
    """The codecs that `save_packed` is going to expect, in a list that it fills."""
    seen, search = [], writer.detect_codec

    def detect_codec(values, filter_axes, expected):
        seen.append(expected)
        return search(values, filter_axes, expected)

    monkeypatch.setattr(writer, "detect_codec", detect_codec)
    return seen


@pytest.mark.parametrize("scope", ["kernels", "all"])
@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_a_plan_changes_no_byte(codec, scope, tmp_path):
    model = branching_model()
    plan = plan_codecs(model, codec, scope=scope, rest="float16")
    quantized, _ = quantize_weights(model, plan)
    copy = clone_model(quantized)
    without = saved(copy, tmp_path)
    assert saved(quantized, tmp_path) == without
    assert saved(copy, tmp_path, plan=plan) == without


def test_a_plan_changes_no_byte_of_entropy_coded_files(tmp_path):
    pytest.importorskip("constriction")
    quantized, _ = quantize_weights(branching_model(), "uniform", 5)
    assert saved(quantized, tmp_path, entropy_coding=True) == saved(
        clone_model(quantized), tmp_path, entropy_coding=True
    )


def test_the_plan_is_known_for_what_quantize_weights_returned_and_else_given(tmp_path, monkeypatch):
    model, _ = quantize_weights(branching_model(), "log_min_max", 4, rest="float16")
    plan = known_plan(model, weight_tensors(model))
    kernels = {path for path, tensor in weight_tensors(model).items() if tensor.role != "vector"}
    assert plan == {path: LogMinMax(4) if path in kernels else Float16() for path in weight_tensors(model)}

    seen = expected_codecs(monkeypatch)
    save_packed(model, tmp_path / "a")
    assert seen == list(plan.values())
    copy = clone_model(model)
    seen.clear()
    save_packed(copy, tmp_path / "a")
    assert seen == [None] * len(plan)
    seen.clear()
    save_packed(copy, tmp_path / "a", plan={"hidden/kernel": Uniform(3)})
    assert [each for each in seen if each] == [Uniform(3)]


def test_a_plan_with_float32_where_float16_is_too_small(tmp_path):
    model = branching_model()
    model.get_layer("stem").bias.assign(np.full(model.get_layer("stem").bias.shape, 1e5))
    quantized, _ = quantize_weights(model, "uniform", 4, rest="float16")
    assert known_plan(quantized, weight_tensors(quantized))["stem/bias"] == Float32()
    assert_packs(quantized, tmp_path / "model.tfslim")


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values * 1.7,
        lambda values: np.random.default_rng(3).normal(size=values.shape),
        lambda values: np.where(np.arange(values.size).reshape(values.shape) == 5, np.nextafter(values, 9), values),
        lambda values: np.full(values.shape, np.nan),
        lambda values: np.full(values.shape, -np.inf),
        lambda values: np.full(values.shape, -0.0),
        lambda values: np.zeros(values.shape),
    ],
    ids=["scaled", "random", "one value off by a bit", "NaN", "infinite", "-0", "zeros"],
)
@pytest.mark.parametrize("codec", [LogMinMax(4), Uniform(5, True, True), Ternary()], ids=str)
def test_weights_that_changed_since_are_kept_as_they_are(codec, change, tmp_path):
    quantized, _ = quantize_weights(branching_model(), codec)
    kernel = quantized.get_layer("hidden").kernel
    kernel.assign(change(keras.ops.convert_to_numpy(kernel)).astype("float32"))
    before = {name: as_bytes(variable) for name, variable in model_variables(quantized).items()}
    written = saved(quantized, tmp_path)
    loaded = load_packed(tmp_path / "model.tfslim")
    assert {name: as_bytes(variable) for name, variable in model_variables(loaded).items()} == before
    assert written == saved(clone_model(quantized), tmp_path)


@pytest.mark.parametrize("wrong", CODECS, ids=str)
def test_a_plan_of_other_codecs_costs_time_alone(wrong, tmp_path):
    quantized, _ = quantize_weights(branching_model(), "log_min_max", 5, scope="all")
    without = saved(clone_model(quantized), tmp_path)
    assert saved(quantized, tmp_path, plan=dict.fromkeys(weight_tensors(quantized), wrong)) == without


def test_another_network_s_plan_is_refused(tmp_path):
    inputs = keras.Input((4,))
    other = keras.Model(inputs, keras.layers.Dense(2, name="hiden")(inputs))
    model = branching_model()
    with pytest.raises(ValueError, match="plan: the model has no tensor 'hiden/kernel'; did you mean 'hidden/kernel'"):
        save_packed(model, tmp_path / "model.tfslim", plan=plan_codecs(other, "uniform", 4))
    with pytest.raises(TypeError, match=r"plan\['hidden/kernel'\] must be a codec such as .*, got str"):
        save_packed(model, tmp_path / "model.tfslim", plan={"hidden/kernel": "uniform"})
    with pytest.raises(TypeError, match="plan must map the paths of tensors to codecs, got str"):
        save_packed(model, tmp_path / "model.tfslim", plan="uniform")
    assert not list(tmp_path.iterdir())


def test_a_plan_does_not_keep_its_model_alive():
    model, _ = quantize_weights(branching_model(), "uniform", 4)
    alive = weakref.ref(model)
    del model
    gc.collect()
    assert alive() is None
