"""Packed files: the same model comes out, in the bytes that its information takes."""

import importlib.util
import json
import math
import zlib

import keras
import numpy as np
import pytest

import tfslim
from tests.layer_checks import randomize
from tests.pruning.branching_model import branching_model
from tests.quantization.packed_models import MODELS, assert_packs
from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform
from tfslim.quantization.model_tensors import model_variables
from tfslim.quantization.packed.container import split_sections
from tfslim.quantization.packed.reader import read_packed
from tfslim.quantization.packed.writer import save_packed
from tfslim.quantization.weights import quantize_weights


@pytest.fixture(scope="module")
def flame():
    model = tfslim.models.VGG11(module="flame")
    randomize(model)
    return model


@pytest.mark.parametrize("make", MODELS, ids=lambda make: make.__name__)
def test_any_model_comes_back(make, tmp_path):
    assert_packs(make(), tmp_path / "model.tfslim")


@pytest.mark.parametrize("entropy_coding", [False, True])
@pytest.mark.parametrize(
    "codec",
    [
        LogMinMax(10),
        LogMinMax(9, "nearest"),
        LogMinMax(6, "floor"),
        Uniform(4),
        Uniform(5, False, True),
        KMeans(3),
        Ternary(),
        Binary(),
        Float16(),
        Float32(),
    ],
    ids=str,
)
def test_what_is_quantised_comes_back_and_counts_as_reported(codec, entropy_coding, tmp_path):
    if entropy_coding:
        pytest.importorskip("constriction")
    model, quantized = quantize_weights(branching_model(), codec, scope="all")
    _, report = assert_packs(model, tmp_path / "model.tfslim", entropy_coding=entropy_coding)
    information = report.figures["information bytes"]
    assert information <= quantized.figures["weight bytes"]
    if entropy_coding:
        assert report.figures["tensor bytes"] < information + len(model.weights)
        assert report.figures["entropy bytes"] <= information
    else:
        assert information <= report.figures["tensor bytes"] < information + len(model.weights)


@pytest.mark.parametrize("bits", [4, 10])
def test_flame_takes_its_information_and_one_percent(flame, bits, tmp_path):
    model, quantized = quantize_weights(flame, "log_min_max", bits)
    _, report = assert_packs(model, tmp_path / "flame.tfslim")
    values_in_bits, tensors, floats = 902_992, 38, 937_664 - 902_992
    by_hand = values_in_bits * bits / 8 + 12 * tensors + 4 * floats
    seeds = report.figures["information bytes"] - by_hand
    assert seeds in (3 * 8, 3 * 16)  # uint32 or, in TensorFlow, int64
    assert quantized.figures["weight bytes"] == by_hand
    assert report.figures["tensor bytes"] <= report.figures["information bytes"] + len(model.weights)
    assert report.figures["file bytes"] <= 1.01 * report.figures["information bytes"]

    if importlib.util.find_spec("constriction"):
        _assert_near_entropy(model, tmp_path / "coded.tfslim")


@pytest.mark.slow
@pytest.mark.parametrize("bits", [4, 10])
def test_all_of_flame_takes_its_entropy_and_five_percent(flame, bits, tmp_path):
    pytest.importorskip("constriction")
    _assert_near_entropy(quantize_weights(flame, "log_min_max", bits, scope="all")[0], tmp_path / "coded.tfslim")


def _assert_near_entropy(model, path):
    report = save_packed(model, path, entropy_coding=True)
    entropy = coded = 0
    for tensor in read_packed(path).tensors.values():
        if isinstance(tensor.codec, LogMinMax):
            _, counts = np.unique(tensor.encoded.codes, return_counts=True)
            entropy += -(counts * np.log2(counts / counts.sum())).sum() / 8
            coded += tensor.stored_bytes - 12
    assert entropy < coded <= 1.05 * entropy
    assert report.figures["entropy bytes"] < report.figures["file bytes"] <= 1.05 * report.figures["entropy bytes"]
    assert report.figures["file bytes"] < report.figures["information bytes"]


def test_a_trained_slim_net_s_form_comes_back(tmp_path):
    model = tfslim.models.SlimNet((64, 64, 3), classes=5)
    randomize(model)
    model, _ = quantize_weights(model, "uniform", 6, rest="float16")
    _, report = assert_packs(model, tmp_path / "slim.tfslim")
    assert report.figures["file bytes"] < 0.25 * 4 * model.count_params()


def test_the_file_without_keras_s_part(tmp_path):
    model, _ = quantize_weights(branching_model(), "log_min_max", 5)
    save_packed(model, tmp_path / "model.tfslim")
    packed = read_packed(tmp_path / "model.tfslim")
    assert list(packed.tensors) == list(model_variables(model)) == [each.path for each in model.variables]
    assert packed.tensors["stem/kernel"].codec == LogMinMax(5)
    assert packed.tensors["stem/bias"].codec == Float32()
    assert packed.tensors["stem/kernel"].stored_bytes == 12 + math.ceil(3 * 3 * 3 * 8 * 5 / 8)
    np.testing.assert_array_equal(packed.tensors["hidden/kernel"].values, model.get_layer("hidden").get_weights()[0])
    assert packed.architecture["config"]["name"] == "branching"
    assert "compile_config" not in packed.architecture


def test_the_layout_is_the_documented_one(tmp_path):
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(3, name="d")(inputs))
    model.set_weights([np.array([[0, 1, -1], [1, 1, 0]], "float32"), np.array([0.1, 0.25, 0.7], "float32")])
    path = tmp_path / "model.tfslim"
    save_packed(model, path)
    data = path.read_bytes()
    assert data[:12] == b"\x89tfslim\n\x01\0\0\0"
    assert int.from_bytes(data[48:52], "little") == zlib.crc32(data[:48])
    sections = split_sections(data)
    assert json.loads(sections["architecture"])["class_name"] == "Functional"
    # Two tensors. "d/kernel": ternary, 2 bits, 2 by 3, packed. "d/bias" shares "d/": float32, 32 bits, 3 values.
    assert sections["tensor list"] == (
        b"\x02" + b"\x00\x08d/kernel\x0a\x02\x02\x02\x03\x00" + b"\x02\x04bias\x00\x20\x01\x03"
    )
    # Codes 0 1 2 1 1 0 from the lowest bits on, after the scale of 1.
    assert sections["tensor data"] == bytes.fromhex("0000803f 6401") + np.float32([0.1, 0.25, 0.7]).tobytes()


def test_a_compiled_model_is_packed_without_how(tmp_path):
    model = branching_model()
    model.compile("adam", "mse", metrics=["mae"])
    model.fit(np.zeros((4, 8, 8, 3)), np.zeros((4, 3)), verbose=0)
    loaded, _ = assert_packs(model, tmp_path / "model.tfslim")
    assert not loaded.compiled
    frozen = branching_model()
    frozen.get_layer("stem").trainable = False
    loaded, _ = assert_packs(frozen, tmp_path / "frozen.tfslim")
    assert len(loaded.trainable_weights) == len(frozen.trainable_weights)


def test_odd_values_come_back(tmp_path):
    model = branching_model()
    kernel, bias = model.get_layer("hidden").get_weights()
    bits = bias.view(np.uint32)
    bits[:] = [0x80000000, 0x7FC12345, 0xFF800000, 1, 0x3F800000]
    model.get_layer("hidden").set_weights([kernel, bias])
    _, report = assert_packs(model, tmp_path / "model.tfslim")
    assert "float32" in str(report)


def test_saving_is_all_or_nothing(tmp_path, monkeypatch):
    path = tmp_path / "model.tfslim"
    path.write_bytes(b"before")
    with pytest.raises(FileNotFoundError, match="make it first"):
        save_packed(branching_model(), tmp_path / "missing" / "model.tfslim")
    monkeypatch.setattr("tfslim.quantization.packed.writer.join_sections", lambda *sections: b"cut")
    with pytest.raises(ValueError, match="model.tfslim: header: not a .tfslim file"):
        save_packed(branching_model(), path)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["model.tfslim"]


def test_the_same_model_gives_the_same_bytes(tmp_path):
    model = branching_model()
    for name in ("a", "b"):
        save_packed(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
