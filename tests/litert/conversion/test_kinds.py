"""Files of int16 with int8 weights, of several inputs and outputs, and for the Edge TPU; their names and metadata."""

import keras
import numpy as np
import pytest
from PIL import Image

import tfslim.litert
from tests.export_checks import with_statistics
from tests.litert.conversion.test_converter import weights_of
from tfslim.litert.conversion.metadata import LABELS

L = keras.layers


def pair() -> keras.Model:
    """An image and four numbers in; a map and a row out, in an order that is not that of their names."""
    image, numbers = keras.Input((8, 8, 3), name="photo"), keras.Input((4,), name="age")
    x = L.Conv2D(6, 3, activation="relu")(image)
    x = L.Add()([x, L.Reshape((1, 1, 6))(L.Dense(6)(numbers))])
    row = L.Dense(3, name="row")(L.Flatten()(x))
    return keras.Model([image, numbers], [row, L.Conv2D(2, 1, name="map")(x)], name="pair")


@pytest.fixture(scope="module")
def samples() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {"photo": rng.uniform(0, 255, (32, 8, 8, 3)).astype("float32"), "age": rng.normal(0, 4, (32, 4))}


@pytest.fixture(scope="module")
def pair_file(samples, tmp_path_factory):
    keras.utils.set_random_seed(3)
    model = with_statistics(pair())
    path = tmp_path_factory.mktemp("pair") / "pair.tflite"
    rows = [{name: values[number] for name, values in samples.items()} for number in range(32)]
    return model, path, tfslim.litert.convert(model, path, "int8", representative=iter(rows))


@pytest.fixture(scope="module")
def edge_file(tmp_path_factory):
    """A model that only prepare_for_edgetpu makes fit, from a folder of photos, uint8, with metadata."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((12, 10, 3), name="image")
    x = L.Conv2D(8, 3, groups=1, activation="hard_swish")(L.Rescaling(1 / 127.5, -1.0)(inputs))
    x = L.LeakyReLU()(L.Conv2D(8, 3, groups=4)(L.UpSampling2D(2)(x)))
    outputs = L.Dense(2, name="logits")(L.Dense(16)(L.Flatten()(x)))
    model = with_statistics(keras.Model(inputs, outputs, name="edge"))
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for number in range(24):
        (folder / str(number % 3)).mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype="uint8")).save(folder / f"{number % 3}/{number}.png")
    (folder / "notes.txt").write_text("no image")
    path = tmp_path_factory.mktemp("edge") / "edge.tflite"
    metadata = tfslim.litert.Metadata("edge", labels=["Smiling", "Young"], licence="Apache-2.0")
    options = {"representative": folder, "target": "edgetpu", "io": "uint8", "metadata": metadata}
    return model, path, tfslim.litert.convert(model, path, "int8", **options)


def test_signature_names_inputs_and_outputs_as_the_model_does(pair_file, edge_file, files):
    signature = tfslim.litert.read(pair_file[1]).signatures["serving_default"]
    assert set(signature["inputs"]) == {"photo", "age"} and set(signature["outputs"]) == {"row", "map"}
    for path in (edge_file[1], files["none"][0]):
        signature = tfslim.litert.read(path).signatures["serving_default"]
        assert list(signature["inputs"]) == ["image"] and list(signature["outputs"]) == ["logits"]


def test_several_inputs_and_outputs_agree_each_by_its_name(pair_file, samples):
    model, path, report = pair_file
    assert report.figures["representative_images"] == 32 and report.skipped == {}
    found = tfslim.litert.verify(model, path, samples)
    assert list(found.per_output) == ["row", "map"]
    expected = model.predict([samples["photo"], samples["age"]], verbose=0)
    for figures, values in zip(found.per_output.values(), expected, strict=True):
        assert figures["max_abs_error"] <= 0.05 * np.ptp(values) and figures["snr_db"] > 25
    assert found.figures["snr_db"] == min(figures["snr_db"] for figures in found.per_output.values())
    assert found.to_dict()["per_output"]["row"]["top1_agreement"] > 0.9


def test_what_does_not_fit_several_inputs_is_refused(pair_file, samples, branching):
    model, path, _ = pair_file
    with pytest.raises(ValueError, match="values for photo; model 'pair' takes photo, age"):
        tfslim.litert.verify(model, path, {"photo": samples["photo"]})
    with pytest.raises(ValueError, match="has 1 inputs and 1 outputs, .* has 2 and 2"):
        tfslim.litert.verify(branching, path, samples["photo"], task="outputs")
    with pytest.raises(ValueError, match="4 and 32 examples"):
        tfslim.litert.verify(model, path, {"photo": samples["photo"], "age": samples["age"][:4]})


def test_edge_tpu_file_is_rewritten_and_clean(edge_file):
    model, path, report = edge_file
    result = tfslim.litert.lint(path)
    assert result.ok
    # uint8 ends are one QUANTIZE each, on the CPU.
    assert {row.operator.name for row in result.placements if row.place != "Edge TPU"} <= {"QUANTIZE"}
    rewritten = [line.split(" ")[1].strip("():") for line in report.done[1:]]
    assert rewritten == ["Conv2D", "UpSampling2D", "Conv2D", "LeakyReLU"]
    assert {len(kernel.quantization.scale) for kernel in weights_of(path, "FULLY_CONNECTED")} == {1}
    images = np.random.default_rng(1).integers(0, 256, (16, 12, 10, 3), dtype="uint8")
    expected = model.predict(images, verbose=0)
    assert np.abs(tfslim.litert.predict(path, images) - expected).max() <= 0.1 * np.ptp(expected)
    assert tfslim.litert.Runner(path).input_dtype == "uint8"
    assert tfslim.litert.read(path).associated_files == {LABELS: len("Smiling\nYoung\n")}


def test_16_bits_lose_less_than_8(files, branching, pictures, tmp_path):
    path = tmp_path / "int16x8.tflite"
    report = tfslim.litert.convert(branching, path, "int16x8", representative=pictures)
    assert report.figures["io"] == "float32" and report.skipped == {}
    summary = tfslim.litert.read(path)
    dtypes = {tensor.dtype for tensor in summary.graphs[0].tensors}
    assert {"INT16", "INT8"} <= dtypes
    errors = {
        name: tfslim.litert.verify(branching, file, pictures).figures["max_abs_logit_error"]
        for name, file in {"int8": files["int8"][0], "int16x8": path}.items()
    }
    assert errors["int16x8"] < 0.5 * errors["int8"]


def test_pixels_of_0_to_1_are_warned_of(branching, pictures, tmp_path, monkeypatch):
    monkeypatch.setattr("tfslim.litert.conversion.converter.run_converter", lambda *_: pytest.fail("work began"))
    with (
        pytest.warns(UserWarning, match="range from 0 to 1, but layer 'rescaling.*pass unscaled pixels"),
        pytest.raises(pytest.fail.Exception),
    ):
        tfslim.litert.convert(branching, tmp_path / "x.tflite", "int8", representative=pictures / 255)


def test_folders_without_images_are_refused(branching, tmp_path):
    for folder, error, message in (
        (tmp_path / "nowhere", FileNotFoundError, "nowhere: no such folder"),
        (tmp_path, ValueError, "holds no image"),
    ):
        with pytest.raises(error, match=message):
            tfslim.litert.convert(branching, tmp_path / "x.tflite", "int8", representative=folder)
    (tmp_path / "broken.jpg").write_bytes(b"no image")
    with pytest.raises(ValueError, match="broken.jpg: not a JPEG"):
        tfslim.litert.convert(branching, tmp_path / "x.tflite", "int8", representative=str(tmp_path))
