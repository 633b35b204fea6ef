"""Quantisation-aware training on Keras 3 alone: rounding, ranges, training, saving, and the int8 file."""

import keras
import numpy as np
import pytest
from keras import layers

import tfslim
import tfslim.litert
import tfslim.tfmot
from tests.other_backend import run_on_backend
from tests.quantization.int8_net import int8_net
from tfslim.quantization.int8.fake_quantize import FakeQuantize, QuantizedKernel, round_kernel
from tfslim.quantization.int8.layout import rewrite_for_int8
from tfslim.quantization.int8.training import quantize_aware


def pictures(count=128):
    rng = np.random.default_rng(0)
    labels = np.arange(count) % 2
    images = rng.uniform(0, 120, (count, 8, 8, 3)) + 100 * labels[:, None, None, None] * (np.arange(3) == 1)
    return images.astype("float32"), labels


@pytest.mark.parametrize("scaling", ["filters", "depthwise", "tensor"])
def test_kernels_are_rounded_to_255_values_by_the_largest_of_each_scale(scaling):
    kernel = np.random.default_rng(0).normal(size=(3, 3, 4, 2)).astype("float32")
    kernel[..., 1, 0] = 0.0
    found = keras.ops.convert_to_numpy(round_kernel(keras.ops.convert_to_tensor(kernel), scaling))
    axes = {"filters": (0, 1, 2), "depthwise": (0, 1), "tensor": (0, 1, 2, 3)}[scaling]
    largest = np.abs(kernel).max(axis=axes, keepdims=True)
    scale = np.where(largest > 0, largest, np.abs(kernel).max()) / 127
    np.testing.assert_allclose(found, np.round(kernel / scale) * scale, atol=1e-5)
    assert np.isfinite(found).all()


def test_ranges_are_the_average_of_the_batches_ends_and_hold_zero():
    layer = FakeQuantize()
    for batch in ([[1.0, 5.0]], [[-2.0, 3.0]], [[2.0, 4.0]]):
        layer(keras.ops.convert_to_tensor(batch), training=True)
    ends = [float(keras.ops.convert_to_numpy(v)) for v in (layer.least, layer.largest, layer.batches)]
    np.testing.assert_allclose(ends, [(0 - 2 + 0) / 3, (5 + 3 + 4) / 3, 3], rtol=1e-6)
    found = keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor([[9.0, -9.0, 0.0]])))
    scale = (ends[1] - ends[0]) / 255
    np.testing.assert_allclose(found[0], [ends[1], ends[0], 0.0], atol=scale)
    assert found[0, 2] == 0.0


def test_it_trains_saves_and_its_file_computes_the_same(tmp_path):
    keras.utils.set_random_seed(0)
    images, labels = pictures()
    model = int8_net()
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.fit(images, labels, batch_size=16, epochs=4, verbose=0)
    before = [weights.copy() for weights in model.get_weights()]
    training, report = quantize_aware(model, images)
    assert report.skipped == {} and report.figures["quantised kernels"] == 7
    logits = model.predict(images, verbose=0)
    assert np.abs(training.predict(images, verbose=0) - logits).max() < 0.1 * np.ptp(logits)

    training.compile(keras.optimizers.Adam(0.003), loss, metrics=["accuracy"])
    frozen = np.array(training.get_layer("rescaling").layer.kernel)
    training.fit(images, labels, batch_size=16, epochs=3, verbose=0)
    assert training.evaluate(images, labels, verbose=0, return_dict=True)["accuracy"] > 0.95
    np.testing.assert_array_equal(np.array(training.get_layer("rescaling").layer.kernel), frozen)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    simulated = training.predict(images, verbose=0)
    training.save(tmp_path / "training.keras")
    again = keras.models.load_model(tmp_path / "training.keras")
    np.testing.assert_array_equal(again.predict(images, verbose=0), simulated)

    found = tfslim.tfmot.convert(again, tmp_path / "native.tflite")
    assert found.skipped == {} and found.figures["kernels"] == 4
    assert {line.split(":")[0] for line in found.done} == {"conv", "deep", "point", "logits"}
    answers = tfslim.litert.predict(tmp_path / "native.tflite", images)
    assert np.abs(answers - simulated).max() < 0.05 * np.ptp(simulated)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_model_of_mixed_precision_is_trained_in_float32(policy):
    keras.config.set_dtype_policy(policy)
    try:
        training, _ = quantize_aware(int8_net())
    finally:
        keras.config.set_dtype_policy("float32")
    assert {layer.compute_dtype for layer in training.layers[1:]} == {"float32"}
    ranges = training.get_layer("image_quantized_int8")
    ranges.batches.assign(256.0)  # where bfloat16 counts no farther
    training(pictures(4)[0], training=True)
    assert float(ranges.batches) == 257


def test_a_range_that_was_never_measured_is_named(tmp_path):
    training, _ = quantize_aware(int8_net())
    with pytest.raises(ValueError, match="'image_quantized': its output's range was never measured"):
        tfslim.tfmot.convert(training, tmp_path / "x.tflite")
    with pytest.raises(ValueError, match="representative has no batches"):
        quantize_aware(int8_net(), [])


def test_shared_layers_share_their_rounded_kernel():
    shared = layers.Dense(4, name="twice")
    inputs = keras.Input((4,))
    training, _ = quantize_aware(keras.Model(inputs, shared(shared(inputs))), np.ones((4, 4), "float32"))
    assert sum(isinstance(layer, QuantizedKernel) for layer in training.layers) == 1
    assert training.count_params() - 2 * 3 == 4 * 4 + 4  # two ranges of three numbers


ON_JAX = """
import keras, numpy as np
from tests.quantization.int8_net import int8_net
from tfslim.quantization.int8.training import quantize_aware
keras.utils.set_random_seed(0)
images = np.random.default_rng(0).uniform(0, 255, (32, 8, 8, 3)).astype("float32")
training, _ = quantize_aware(int8_net(), images)
training.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
before = [np.array(v) for v in training.trainable_variables]
history = training.fit(images, np.arange(32) % 2, batch_size=16, epochs=2, verbose=0)
assert np.isfinite(history.history["loss"]).all()
assert all((np.array(v) != old).any() for v, old in zip(training.trainable_variables, before))
print(keras.backend.backend())
"""


@pytest.mark.slow
def test_it_trains_on_jax_without_tensorflow():
    run_on_backend("jax", ON_JAX)


@pytest.mark.parametrize("activation", ["linear", "relu", "tanh", "hard_swish", "hard_sigmoid", "relu6", "layer"])
def test_what_is_asked_of_outputs_is_asked_still(activation, tmp_path):
    keras.utils.set_random_seed(0)
    activation = layers.LeakyReLU(0.3) if activation == "layer" else activation
    inputs = keras.Input((6, 6, 2))
    x = layers.Rescaling(2.0, 1.0, activity_regularizer="l2")(inputs)
    x = layers.Conv2D(3, 1, activation=activation, activity_regularizer="l2")(x)
    model = keras.Model(inputs, layers.SeparableConv2D(3, 3, activation=activation, activity_regularizer="l1")(x))
    images = np.random.default_rng(0).normal(size=(8, 6, 6, 2)).astype("float32")
    training, _ = quantize_aware(model, images)
    training.save(tmp_path / "training.keras")
    sums = []
    for each in (model, training, keras.models.load_model(tmp_path / "training.keras")):
        each(images)
        sums.append(float(sum(each.losses)))
    assert sums[0] > 0.1 and sums[1] == sums[2] == pytest.approx(sums[0], rel=0.05)


def test_it_costs_what_the_model_costs():
    model = int8_net()
    found, expected = tfslim.measure(quantize_aware(model)[0]), tfslim.measure(rewrite_for_int8(model))
    assert found.macs == expected.macs > 0
