"""Opening model files: logits against plain numpy, and files that are no model, or not one to answer with."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tfslim
from tests.tiny_model import NAMES, SIZE, reference_logits, tiny_model
from tfslim.data.celeba.attributes import ATTRIBUTES, Labels, write_labels
from tfslim.data.celeba.people import People, write_people
from tfslim.inference.embedder import load_embedder
from tfslim.inference.identifier import load_identifier
from tfslim.inference.model_files import model_file
from tfslim.inference.predictor import load_predictor


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    tiny_model().save(folder / "model.keras")
    write_labels(folder, NAMES, [0.0, 0.5, 0.0, -1.0, 0.0])
    return folder


@pytest.mark.parametrize("count", [0, 1, 5, 6])
def test_logits_are_those_of_the_model_whatever_the_batches(folder, count):
    predictor = load_predictor(folder, batch_size=3)
    images = np.random.default_rng(0).integers(0, 256, (count, *SIZE, 3), dtype=np.uint8)
    logits = predictor.logits(images)
    assert (logits.shape, logits.dtype) == ((count, len(NAMES)), np.float32)
    np.testing.assert_allclose(logits, reference_logits(tiny_model(), images), atol=1e-5)


def test_it_knows_its_size_and_its_labels(folder):
    predictor = load_predictor(folder / "model.keras")
    assert predictor.path == model_file(folder) == folder / "model.keras"
    assert predictor.size == SIZE
    assert predictor.labels == Labels(NAMES, (0.0, 0.5, 0.0, -1.0, 0.0))


def test_a_packed_file_answers_as_the_model_in_it(folder):
    tfslim.save_packed(tiny_model(), folder / "model.tfslim")
    images = np.random.default_rng(0).integers(0, 256, (5, *SIZE, 3), dtype=np.uint8)
    packed = load_predictor(folder / "model.tfslim")
    np.testing.assert_array_equal(packed.logits(images), load_predictor(folder).logits(images))
    assert packed.labels.attributes == NAMES
    (folder / "cut.tfslim").write_bytes((folder / "model.tfslim").read_bytes()[:-1])
    with pytest.raises(ValueError, match="cut.tfslim: header: the file has .* cut short"):
        load_predictor(folder / "cut.tfslim")


def test_a_model_with_layers_of_ours_opens(tmp_path):
    inputs = keras.Input((16, 16, 3))
    x = keras.layers.GlobalAveragePooling2D()(tfslim.layers.SlimModule(4)(inputs))
    model = keras.Model(inputs, keras.layers.Dense(40)(x))
    model.save(tmp_path / "own.keras")
    code = (
        "import numpy as np\n"
        "from tfslim.inference.predictor import load_predictor\n"
        f"logits = load_predictor({str(tmp_path / 'own.keras')!r}).logits(np.full((1, 16, 16, 3), 9, 'uint8'))\n"
        "print(*logits[0, :3])"
    )
    # In a process that has not imported tfslim.layers by itself.
    root = Path(tfslim.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    expected = model.predict_on_batch(np.full((1, 16, 16, 3), 9.0))[0, :3]
    np.testing.assert_allclose([float(word) for word in done.stdout.split()], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("load", [load_predictor, load_embedder, load_identifier])
def test_a_model_in_place_of_its_file_is_said(load):
    message = (
        r"expected the path of a model file or a run folder, got a Keras model \(Functional\); save it first: model"
    )
    with pytest.raises(TypeError, match=message):
        load(tiny_model())


@pytest.mark.parametrize("kept", [0, 5, 1000, -1])
def test_a_keras_file_cut_short_is_said(folder, tmp_path, kept):
    cut = tmp_path / "cut.keras"
    cut.write_bytes((folder / "model.keras").read_bytes()[:kept])
    with pytest.raises(ValueError, match=r"cut\.keras: not a \.keras file, or one cut short \(\d+ bytes\)"):
        load_predictor(cut)


def test_a_damaged_keras_file_is_said(folder, tmp_path):
    data = bytearray((folder / "model.keras").read_bytes())
    data[len(data) // 2] ^= 0xFF  # in the weights, which are most of the file
    (tmp_path / "flipped.keras").write_bytes(data)
    with pytest.raises(ValueError, match=r"flipped\.keras: a damaged \.keras file: .* does not match its checksum"):
        load_predictor(tmp_path / "flipped.keras")


@pytest.mark.parametrize("kept", [0, 7, 40, 600])
def test_a_tflite_file_cut_short_is_said(tmp_path, kept):
    (tmp_path / "cut.tflite").write_bytes((b"\x1c\0\0\0TFL3" + bytes(range(256)) * 3)[:kept])
    with pytest.raises(ValueError, match=r"cut\.tflite: "):
        load_predictor(tmp_path / "cut.tflite")


def test_code_in_a_file_is_not_run(tmp_path):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Lambda(lambda image: image[:, 0, 0])(inputs)
    keras.Model(inputs, keras.layers.Dense(40)(x)).save(tmp_path / "code.keras")
    with pytest.raises(ValueError, match=r"code\.keras: Keras can't load it"):
        load_predictor(tmp_path / "code.keras")


def _pooled(size=(16, 16), channels=3):
    inputs = keras.Input((*size, channels))
    return inputs, keras.layers.GlobalAveragePooling2D()(inputs)


def _any_size():
    inputs, pooled = _pooled((None, None))
    return keras.Model(inputs, keras.layers.Dense(40)(pooled))


def _grey():
    inputs, pooled = _pooled(channels=1)
    return keras.Model(inputs, keras.layers.Dense(40)(pooled))


def _two_heads():
    inputs, pooled = _pooled()
    return keras.Model(inputs, [keras.layers.Dense(40)(pooled), keras.layers.Dense(40)(pooled)])


def _picture_out():
    inputs, _ = _pooled()
    return keras.Model(inputs, keras.layers.Conv2D(40, 1)(inputs))


def _ending_in(layer):
    inputs, pooled = _pooled()
    return keras.Model(inputs, layer(keras.layers.Dense(40)(pooled)))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (_any_size, r"takes inputs of shape \(any, any, 3\); expected one fixed \(height, width, 3\)"),
        (_grey, r"takes inputs of shape \(16, 16, 1\)"),
        (_two_heads, "has 2 outputs; expected one"),
        (_picture_out, r"its outputs have shape \(16, 16, 40\); expected one logit per attribute"),
        (lambda: tiny_model(40, "sigmoid"), r"its output is a probability \(sigmoid in 'logits'\); expected logits"),
        (lambda: _ending_in(keras.layers.Softmax(name="shares")), r"a probability \(softmax in 'shares'\)"),
        (lambda: tiny_model(7), "the model has 7 outputs, not CelebA's 40"),
    ],
)
def test_a_model_not_to_answer_with_is_said(tmp_path, build, message):
    build().save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match=message):
        load_predictor(tmp_path / "other.keras")


def test_a_classifier_of_as_many_people_as_there_are_attributes_names_none(tmp_path):
    tiny_model(40).save(tmp_path / "model.keras")
    write_people(tmp_path, People(tuple(range(40))))
    with pytest.raises(ValueError, match=r"model\.keras: is of people, .* tfslim evaluate --task identity"):
        load_predictor(tmp_path)
    write_labels(tmp_path, ATTRIBUTES)
    assert load_predictor(tmp_path).labels.attributes == ATTRIBUTES


def test_paths_that_are_no_model_are_said(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="this folder holds no model.keras"):
        model_file(tmp_path)
    with pytest.raises(FileNotFoundError, match="none.tflite: no such file"):
        model_file(tmp_path / "none.tflite")
    with pytest.raises(ValueError, match="labels.json: not a model by its name"):
        model_file(folder / "labels.json")
    with pytest.raises(ValueError, match="batch_size must be 1 or more"):
        load_predictor(folder, batch_size=0)
