"""Files of another pixel range: warned of by name, and normalized where they say how."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests import foreign_metadata
from tests.tiny_model import NAMES, SIZE, reference_logits, tiny_model
from tfslim.data.celeba.attributes import write_labels
from tfslim.inference import load_embedder, load_predictor
from tfslim.inference.pixel_range import constant_warning, quantization_warning
from tfslim.litert import Metadata, Runner

NORMALIZED = Metadata("x", mean=(127.5,), std=(127.5,))


def images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    ("input_range", "metadata", "odd"),
    [
        (None, None, False),
        ((0.0, 255.0), None, False),
        ((0.0, 201.3), None, False),  # calibrated on photos without white
        ((-3.1, 250.0), None, False),
        ((-255.0, 254.99), None, False),  # int16, whose zero point is 0
        ((-256.0, 254.0), None, False),  # int8 with zero point 0
        ((-1.0, 1.0), None, True),
        ((-1.0, 0.9922), None, True),
        ((0.0, 1.0), None, True),
        ((-2.12, 2.64), None, True),  # ImageNet's mean and deviation
        ((-123.68, 151.06), None, True),  # Caffe's mean
        ((-128.0, 127.0), None, True),
        ((-1.0, 1.0), Metadata("x"), True),
        ((-1.0, 0.9922), NORMALIZED, False),
        ((0.0, 255.0), NORMALIZED, True),
    ],
)
def test_quantized_inputs_that_do_not_fit_the_pixels_are_told(input_range, metadata, odd):
    warning = quantization_warning(input_range, metadata)
    assert (warning is not None) == odd
    if odd:
        assert f"{input_range[0]:.3g}..{input_range[1]:.3g}" in warning


def normalizing_nowhere() -> keras.Model:
    """The tiny model without its Rescaling: it takes values of -1..1."""
    inputs = keras.Input((*SIZE, 3), name="image")
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(len(NAMES), name="logits")(x))
    model.set_weights(tiny_model().get_weights())
    return model


def tflite(model: keras.Model, quantized: bool) -> bytes:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    if quantized:
        rng = np.random.default_rng(1)
        ends = [-np.ones((1, *SIZE, 3), "float32"), np.ones((1, *SIZE, 3), "float32")]
        samples = [*ends, *rng.uniform(-1, 1, (20, 1, *SIZE, 3)).astype("float32")]
        converter.representative_dataset = lambda: ([sample] for sample in samples)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    return converter.convert()


@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected:UserWarning")
def test_a_quantized_file_of_minus_1_to_1_is_named(tmp_path):
    path = tmp_path / "theirs.tflite"
    path.write_bytes(tflite(normalizing_nowhere(), quantized=True))
    assert Runner(path).input_range == pytest.approx((-1, 1), abs=0.01)
    write_labels(tmp_path, NAMES)
    message = r"theirs\.tflite: its input is quantized for values of -0\.996\.\.1, but it is given pixels of 0\.\.255"
    with pytest.warns(UserWarning, match=message):
        load_predictor(path)


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.filterwarnings("ignore:Statistics for quantized inputs were expected:UserWarning")
def test_a_normalization_that_is_stated_is_applied_and_named(tmp_path, quantized):
    buffer = foreign_metadata.metadata_buffer(["names.txt"], mean=[127.5], std=[127.5])
    path = tmp_path / "theirs.tflite"
    content = tflite(normalizing_nowhere(), quantized)
    path.write_bytes(foreign_metadata.with_buffer(content, buffer, {"names.txt": "\n".join(NAMES)}))
    message = r"theirs\.tflite: takes pixels normalized to -1\.\.1 in place of 0\.\.255, by its metadata"
    with pytest.warns(UserWarning, match=message) as caught:
        predictor = load_predictor(path)
    assert len(caught) == 1 and caught[0].filename == __file__
    expected = reference_logits(tiny_model(), images(6))
    tolerance = 0.05 * np.ptp(expected) if quantized else 1e-4
    np.testing.assert_allclose(predictor.logits(images(6)), expected, atol=tolerance)
    assert predictor.labels.attributes == NAMES


def test_normalization_by_channel_needs_three_channels(tmp_path):
    buffer = foreign_metadata.metadata_buffer(mean=[1.0, 2.0], std=[1.0, 1.0])
    path = tmp_path / "two.tflite"
    path.write_bytes(foreign_metadata.with_buffer(tflite(tiny_model(), False), buffer))
    with (
        pytest.warns(UserWarning, match="takes pixels normalized"),
        pytest.raises(ValueError, match=r"two\.tflite: its metadata has mean and std of 2 values"),
    ):
        load_predictor(path)


def test_outputs_that_are_the_same_for_all_images_are_named(tmp_path):
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.ReLU(max_value=1.0)(inputs))  # as if trained on 0..1
    keras.Model(inputs, keras.layers.Dense(4, name="embedding")(x)).save(tmp_path / "model.keras")
    embedder = load_embedder(tmp_path, crop=None)
    shown = np.maximum(images(6), 1)
    with pytest.warns(UserWarning, match=r"model\.keras: its outputs are the same for all 6 images: .* pixel range"):
        embedder.embed(shown)
    embedder.embed(shown[:3])  # too few to tell
    embedder.embed(np.repeat(shown[:1], 6, axis=0))


def test_only_constant_outputs_of_different_images_are_told():
    varied = np.random.default_rng(0).normal(size=(8, 3)).astype("float32")
    constant = np.repeat(varied[:1], 8, axis=0)
    assert constant_warning(images(8), constant) and constant_warning(images(8), 1e4 * constant + 1e-4)
    for outputs in (varied, constant + np.arange(8)[:, None] * [0, 0, 1e-3], np.full((8, 3), np.nan)):
        assert constant_warning(images(8), outputs.astype("float32")) is None
    assert constant_warning(images(0), varied[:0]) is None
