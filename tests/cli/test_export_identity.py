"""`tfslim export` of an identity model: a classifier and an embedding as files, and their evaluation."""

import itertools
import json
import shutil

import keras
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

import tfslim
import tfslim.litert
from tests.identity_faces import CROP, HELD_OUT, KNOWN, PEOPLE, labelled, pixels
from tests.tiny_model import SIZE
from tfslim.cli import evaluate, export
from tfslim.data import draw_faces
from tfslim.data.celeba.attributes import write_labels
from tfslim.data.celeba.people import People, read_people, write_people
from tfslim.models.identity import embedding_model, normalized_classifier
from tfslim.training.batch_statistics import reestimate_statistics
from tfslim.workflows.tflite_table import show

WHOM = People(KNOWN, HELD_OUT, CROP, "7:2:1")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """84 drawn faces of 48x40 pixels, of seven people; by file order 58 train, 18 validation, 8 test."""
    return draw_faces(tmp_path_factory.mktemp("data") / "faces", count=84, identities=PEOPLE, size=(48, 40))


@pytest.fixture(scope="module")
def run(faces, tmp_path_factory):
    """A run folder with an untrained Flame student of the five people known, whose embeddings do differ."""
    folder = tmp_path_factory.mktemp("runs") / "flame"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    trunk = tfslim.models.VGG11((*SIZE, 3), classes=2, module="flame", shrink=True, shallow=True)
    model = normalized_classifier(trunk, len(KNOWN), scale=8.0, unit_weights=True)
    reestimate_statistics(model, [pixels(faces, [file for file, _, _ in labelled(faces)])])
    model.save(folder / "model.keras")
    write_people(folder, WHOM)
    return folder


@pytest.fixture(scope="module")
def files(run, faces, tmp_path_factory):
    """A folder with the int8 files of both kinds of outputs."""
    folder = tmp_path_factory.mktemp("files") / "new"
    common = {"model": str(run), "data": str(faces), "out": str(folder), "kinds": ("int8",), "representative": 40}
    assert export.main(**common, max_drop=100.0) == 0
    assert export.main(**common, outputs="embedding") == 0
    return folder


@pytest.fixture(scope="module")
def validation(faces):
    """(file, person) of the validation part by file order: the seventh tenth to the ninth."""
    rows = [(file, person) for file, person, _ in labelled(faces)]
    return rows[len(rows) * 7 // 10 : len(rows) * 9 // 10]


def load(path):
    return json.loads(path.read_text())


def test_both_exports_leave_their_files_figures_and_people(files):
    assert {path.name for path in files.iterdir()} == {
        "embedding-int8.tflite",
        "model-int8.tflite",
        "people.json",
        "tflite-embedding.json",
        "tflite.json",
    }
    assert read_people(files / "embedding-int8.tflite") == WHOM


def test_classifier_is_compared_on_the_people_it_knows(run, faces, files, validation):
    result = load(files / "tflite.json")
    row = result["files"]["int8"]
    known = [(file, person) for file, person in validation if person in KNOWN]
    assert (result["split"], result["crop"]) == ("7:2:1", list(CROP))
    assert result["unknown_images"] == len(validation) - len(known) > 0
    images = pixels(faces, [file for file, _ in known])
    expected = keras.models.load_model(run / "model.keras").predict(images, verbose=0)
    found = tfslim.litert.predict(files / "model-int8.tflite", images)
    labels = np.array([KNOWN.index(person) for _, person in known])
    assert (row["images"], row["answers"], row["representative_images"]) == (len(known), len(known), 40)
    assert row["accuracy_keras"] == pytest.approx((expected.argmax(1) == labels).mean())
    assert row["accuracy_tflite"] == pytest.approx((found.argmax(1) == labels).mean())
    assert row["flips"] == (expected.argmax(1) != found.argmax(1)).sum()
    assert row["max_abs_logit_error"] == pytest.approx(np.abs(found - expected).max(), abs=1e-4)
    assert "per_attribute" not in row


def test_embeddings_are_compared_on_everyone(run, faces, files, validation):
    row = load(files / "tflite-embedding.json")["files"]["int8"]
    images = pixels(faces, [file for file, _ in validation])
    expected = embedding_model(keras.models.load_model(run / "model.keras")).predict(images, verbose=0)
    found = tfslim.litert.predict(files / "embedding-int8.tflite", images)
    assert found.shape == (len(validation), 128)
    norms = np.linalg.norm(expected, axis=1) * np.linalg.norm(found, axis=1)
    cosines = (expected * found).sum(axis=1) / norms
    assert row["images"] == len(validation)
    assert row["min_cosine"] == pytest.approx(cosines.min(), abs=1e-5)
    assert row["mean_cosine"] == pytest.approx(cosines.mean(), abs=1e-5)
    assert row["max_abs_error"] == pytest.approx(np.abs(found - expected).max(), abs=1e-4)
    assert "flips" not in row and "accuracy_keras" not in row


def test_embedding_file_verifies_people_held_out(faces, files, tmp_path):
    file = files / "embedding-int8.tflite"
    evaluate.main([str(file)], str(faces), task="verification", out=str(tmp_path))
    rows = [(name, person) for name, person, _ in labelled(faces) if person in HELD_OUT]
    vectors = tfslim.litert.predict(file, pixels(faces, [name for name, _ in rows]))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    pairs = list(itertools.combinations(range(len(rows)), 2))
    genuine = [rows[one][1] == rows[two][1] for one, two in pairs]
    result = load(tmp_path / "embedding-int8.tflite.json")
    assert (result["genuine"], result["impostor"]) == (sum(genuine), len(pairs) - sum(genuine))
    assert result["auc"] == pytest.approx(roc_auc_score(genuine, [vectors[i] @ vectors[j] for i, j in pairs]), abs=1e-3)
    assert result["crop"] == list(CROP)


def test_a_lone_embedding_file_verifies_as_with_its_people_beside_it(faces, files, tmp_path):
    lone = tmp_path / "lone" / "embedding-int8.tflite"
    lone.parent.mkdir()
    shutil.copy(files / "embedding-int8.tflite", lone)
    results = []
    for file in (files / "embedding-int8.tflite", lone):
        out = tmp_path / f"results-{file.parent.name}"
        evaluate.main([str(file)], str(faces), task="verification", split="7:2:1", part="train", out=str(out))
        results.append(load(out / "embedding-int8.tflite.json"))
    assert results[0] == results[1] and results[1]["crop"] == list(CROP)
    with pytest.raises(ValueError, match="its outputs are embeddings, by its metadata, .* --task verification"):
        evaluate.main([str(lone)], str(faces), part="validation")


def test_classifier_file_names_people(faces, files, validation, tmp_path):
    file = files / "model-int8.tflite"
    evaluate.main([str(file)], str(faces), part="validation", out=str(tmp_path))
    assert load(tmp_path / "model-int8.tflite.json")["top_1"] == pytest.approx(
        load(files / "tflite.json")["files"]["int8"]["accuracy_tflite"]
    )


def test_each_kind_of_outputs_has_its_own_columns(files, capsys):
    show(load(files / "tflite-embedding.json")["files"], "embeddings", "a")
    assert "cosine" in capsys.readouterr().out
    show(load(files / "tflite.json")["files"], "identities", "a")
    shown = capsys.readouterr().out
    assert "flips" in shown and "cosine" not in shown
    show({"int8": {"error": "refused"}}, "embeddings", "a")
    assert "not made" in capsys.readouterr().out


def test_dry_run_says_what_would_be_made_and_left_out(run, faces, tmp_path, validation, capsys):
    for outputs, name in (("answers", "model-float16.tflite"), ("embedding", "embedding-float16.tflite")):
        out = tmp_path / "none"
        assert export.main(str(run), str(faces), out=str(out), kinds=("float16",), outputs=outputs, dry_run=True) == 0
        shown, unknown = capsys.readouterr().out, sum(person not in KNOWN for _, person in validation)
        assert name in shown and not out.exists()
        assert (f"{unknown} images of people it does not know are left out" in shown) == (outputs == "answers")


def test_embedding_of_an_attribute_model_is_what_its_last_layer_takes(faces, tmp_path):
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.Flatten()(keras.layers.AveragePooling2D(8)(keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)))
    features = keras.layers.Dense(6, activation="relu", name="features")(x)
    run = tmp_path / "run"
    run.mkdir()
    keras.Model(inputs, keras.layers.Dense(2, name="logits")(features)).save(run / "model.keras")
    write_labels(run, ("Smiling", "Male"))
    out = tmp_path / "files"
    assert export.main(str(run), str(faces), out=str(out), outputs="embedding", kinds=("float32",)) == 0
    assert {path.name for path in out.iterdir()} == {"embedding-float32.tflite", "tflite-embedding.json"}
    images = pixels(faces, [file for file, _, _ in labelled(faces)][:5], crop=None)
    cut = keras.Model(inputs, features)
    cut.set_weights(keras.models.load_model(run / "model.keras").get_weights()[:2])
    found = tfslim.litert.predict(out / "embedding-float32.tflite", images)
    np.testing.assert_allclose(found, cut.predict(images, verbose=0), atol=1e-4)


def test_split_is_that_of_the_training_unless_another_is_asked_for(run, faces, validation, capsys):
    official = sum(part == 1 and person in KNOWN for _, person, part in labelled(faces))
    trained = sum(person in KNOWN for _, person in validation)
    for split, count in (("auto", trained), ("official", official)):
        assert export.main(str(run), str(faces), split=split, dry_run=True) == 0
        assert f"compared on {count} of the validation part" in capsys.readouterr().out
    assert official != trained


def test_ranges_are_of_nobody_held_out_and_a_stopped_export_leaves_the_crop(run, faces, tmp_path, monkeypatch):
    def stopped(network, path, quantization, representative, **options):
        train = labelled(faces)[: 84 * 7 // 10]
        np.testing.assert_array_equal(representative, pixels(faces, [file for file, who, _ in train if who in KNOWN]))
        raise KeyboardInterrupt

    monkeypatch.setattr(tfslim.litert, "convert", stopped)
    with pytest.raises(KeyboardInterrupt):
        export.main(str(run), str(faces), out=str(tmp_path / "files"), kinds=("int8",))
    assert read_people(tmp_path / "files") == WHOM


def refused(run, faces, message, **options):
    before = sorted(run.iterdir())
    with pytest.raises(ValueError, match=message):
        export.main(str(run), str(faces), **options)
    assert sorted(run.iterdir()) == before


def test_other_peoples_folders_models_and_data_are_refused(run, faces, tmp_path):
    own = shutil.copytree(run, tmp_path / "own")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write_people(elsewhere, People(KNOWN, HELD_OUT, None))
    refused(own, faces, "elsewhere/people.json is of another model .* another folder as --out", out=str(elsewhere))
    attributes = tmp_path / "attributes"
    attributes.mkdir()
    write_labels(attributes, ("Smiling",))
    for outputs in ("answers", "embedding"):
        refused(own, faces, "labels.json is of attributes, unlike .*model.keras", out=str(attributes), outputs=outputs)
    write_people(own, People(tuple(range(100, 105))))
    refused(own, faces, "none of its 5 people is in the validation part; use the data it was trained on")
    write_people(own, People(KNOWN[:4]))
    refused(own, faces, "has 4 identities, but the model has 5 outputs")
    (own / "people.json").unlink()
    refused(own, faces, "labels.json does not exist and the model has 5 outputs")
    inputs = keras.Input((*SIZE, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(inputs)
    keras.Model(inputs, pooled, name="pooled").save(own / "model.keras")
    refused(own, faces, "model.keras: pooled: has no layer named 'embedding'", outputs="embedding")
    assert not list(own.glob("*.tflite")) and not list(elsewhere.glob("*.tflite"))


def test_max_drop_needs_labels(run, faces, tmp_path):
    data = shutil.copytree(faces, tmp_path / "faces")
    (data / "identity_CelebA.txt").unlink()
    refused(run, data, "--max_drop: .*faces has no labels to measure the accuracy by", max_drop=1.0, dry_run=True)
    assert export.main(str(run), str(data), dry_run=True) == 0
