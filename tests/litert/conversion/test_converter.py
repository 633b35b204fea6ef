"""Files of each quantisation against their Keras model, and what the bytes of the files say."""

import gzip

import keras
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

import tfslim.litert
from tests.export_checks import assert_file, run_export_test, with_statistics
from tests.generated_model import open_flatfile
from tfslim.models.slimnet import SlimNet

# Largest logit error allowed, as a share of the range of the logits.
TOLERANCES = {"none": 1e-5, "float16": 2e-3, "dynamic": 0.02, "int8": 0.04}


def weights_of(path, operator_name: str) -> list:
    """The second operand (the kernel) of every operator of one kind."""
    model = open_flatfile(path)
    (graph,) = model.subgraphs
    code = getattr(schema.BuiltinOperator, operator_name)
    kinds = [max(each.builtinCode, each.deprecatedBuiltinCode) for each in model.operatorCodes]
    return [graph.tensors[op.inputs[1]] for op in graph.operators if kinds[op.opcodeIndex] == code]


@pytest.mark.parametrize("quantization", TOLERANCES)
def test_file_is_static_typed_and_near_its_model(files, branching, pictures, quantization):
    path, report = files[quantization]
    assert_file(path, report, quantization)
    expected = branching.predict(pictures, verbose=0)
    found = tfslim.litert.predict(path, pictures)
    assert np.ptp(expected) > 0.1
    assert np.abs(found - expected).max() <= TOLERANCES[quantization] * np.ptp(expected)


def test_each_quantisation_is_smaller_than_float32(files):
    sizes = {name: report.figures["bytes"] for name, (_, report) in files.items()}
    assert sizes["float16"] < sizes["none"] and sizes["int8"] < sizes["none"]
    assert sizes["dynamic"] <= sizes["none"] - 3 * 3840 + 512  # three bytes less for each weight of the last kernel


def test_report_says_sizes_and_parameters(files, branching):
    path, report = files["int8"]
    assert report.figures["params"] == branching.count_params()
    assert report.figures["gzipped"] == len(gzip.compress(path.read_bytes(), 9, mtime=0))
    assert report.figures["representative_images"] == 48
    assert report.before.params == branching.count_params()
    assert report.skipped == {}


def test_mixed_precision_model_gives_a_float32_file(files):
    (graph,) = open_flatfile(files["none"][0]).subgraphs
    kinds = {tensor.type for tensor in graph.tensors}
    assert schema.TensorType.FLOAT16 not in kinds and schema.TensorType.FLOAT32 in kinds


def test_int8_kernels_have_one_scale_a_filter(files):
    path, _ = files["int8"]
    assert sorted(len(kernel.quantization.scale) for kernel in weights_of(path, "CONV_2D")) == [4, 8]
    (depthwise,) = weights_of(path, "DEPTHWISE_CONV_2D")
    assert len(depthwise.quantization.scale) == 8 and depthwise.quantization.quantizedDimension == 3
    (dense,) = weights_of(path, "FULLY_CONNECTED")
    assert len(dense.quantization.scale) == 5


def test_slimnet_for_the_edge_tpu_ends_in_a_convolution_and_has_uint8_ends(tmp_path):
    keras.utils.set_random_seed(1)
    model = with_statistics(SlimNet((64, 64, 3), classes=6))
    images = np.random.default_rng(0).integers(0, 256, (24, 64, 64, 3), dtype="uint8")
    path = tmp_path / "slimnet.tflite"
    report = tfslim.litert.convert(model, path, "int8", representative=iter(images), target="edgetpu", io="uint8")
    assert weights_of(path, "FULLY_CONNECTED") == [] and report.done[1:] == [
        "logits (Dense): after a global pooling, as a 1x1 convolution"
    ]
    assert tfslim.litert.lint(path).ok
    runner = tfslim.litert.Runner(path)
    assert (runner.input_dtype, runner.output_dtype, runner.input_shape) == ("uint8", "uint8", (64, 64, 3))
    assert report.skipped == {} and report.figures["representative_images"] == 24
    expected = model.predict(images, verbose=0)
    assert np.abs(runner.predict(images) - expected).max() <= 0.1 * np.ptp(expected)


def test_layers_of_a_nested_model_that_stay_in_float_are_named(pictures):
    keras.utils.set_random_seed(2)
    layers = [keras.Input((16, 16, 3)), keras.layers.Conv2D(4, 3, strides=2), keras.layers.ELU(name="bend")]
    body = keras.Sequential(layers, name="body")
    model = keras.Sequential([keras.Input((16, 16, 3)), body, keras.layers.GlobalAveragePooling2D()])
    report, found = run_export_test(model, pictures, "int8", tolerance=0.05)
    assert list(report.skipped.values()) == ["ELU stays in float32"]
    assert "bend" in next(iter(report.skipped))
    assert found.figures["images"] == 48
