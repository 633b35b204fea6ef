"""`tfslim export` from a saved model and drawn faces to files, table and JSON."""

import json
import re
import runpy
import shutil
import sys
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

import tfslim.litert
from tests.export_checks import with_statistics
from tfslim.cli import evaluate, predict
from tfslim.data import CelebA
from tfslim.data.celeba.attributes import read_labels, write_labels
from tfslim.data.celeba.people import People, write_people

PROGRAM = Path(__file__).resolve().parents[2] / "export" / "tflite.py"
NAMES = ("Smiling", "Male", "Young")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """60 noisy images in CelebA's layout: 40 of the train part, 20 of the validation part."""
    folder = tmp_path_factory.mktemp("celeba")
    (folder / "img_align_celeba").mkdir()
    rng = np.random.default_rng(0)
    files = [f"{number:06d}.jpg" for number in range(1, 61)]
    for file in files:
        pixels = np.repeat(np.repeat(rng.integers(0, 256, (6, 5, 3), dtype="uint8"), 4, 0), 4, 1)
        Image.fromarray(pixels).save(folder / "img_align_celeba" / file, quality=95)
    rows = [f"{file} {' '.join(str(value) for value in rng.choice([-1, 1], 40))}\n" for file in files]
    names = " ".join(tfslim.data.ATTRIBUTES)
    (folder / "list_attr_celeba.txt").write_text(f"60\n{names}\n{''.join(rows)}")
    (folder / "list_eval_partition.txt").write_text("".join(f"{f} {int(n >= 40)}\n" for n, f in enumerate(files)))
    return folder


@pytest.fixture
def run_folder(tmp_path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12, 10, 3))
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu")(keras.layers.Rescaling(1 / 127.5, -1.0)(inputs))
    outputs = keras.layers.Dense(3, name="logits")(keras.layers.Flatten()(x))
    with_statistics(keras.Model(inputs, outputs, name="tiny")).save(folder / "model.keras")
    write_labels(folder, NAMES, [0.5, 0.0, -0.5])
    return folder


def run(monkeypatch, *arguments) -> int:
    monkeypatch.setattr(sys, "argv", ["tflite.py", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(PROGRAM), run_name="__main__")
    return caught.value.code


def test_files_labels_table_and_json(run_folder, data, tmp_path, monkeypatch, capsys):
    out = tmp_path / "files"
    arguments = (run_folder, "--data", data, "--out", out, "--representative", "30", "--kinds", "[float32, int8]")
    arguments += ("--licence", "Apache-2.0", "--training_data", "drawn faces")
    assert run(monkeypatch, *arguments, "--max_drop", "50") == 0
    assert {path.name for path in out.iterdir()} == {
        "labels.json",
        "model-float32.tflite",
        "model-int8.tflite",
        "tflite.json",
    }
    assert read_labels(out / "model-int8.tflite", outputs=3) == read_labels(run_folder / "model.keras", outputs=3)
    result = json.loads((out / "tflite.json").read_text())
    images, attributes, _ = CelebA(data, attributes=NAMES).arrays("validation", (12, 10))
    logits = keras.models.load_model(run_folder / "model.keras").predict(images, verbose=0)
    correct = ((logits > [0.5, 0.0, -0.5]) == attributes).mean()
    for kind in ("float32", "int8"):
        row = result["files"][kind]
        assert row["bytes"] == (out / f"model-{kind}.tflite").stat().st_size
        assert (row["images"], row["answers"]) == (20, 60)
        assert row["accuracy_keras"] == pytest.approx(correct)
        found = tfslim.litert.predict(out / f"model-{kind}.tflite", images)
        assert row["max_abs_logit_error"] == pytest.approx(np.abs(found - logits).max(), abs=1e-5)
        assert list(row["per_attribute"]) == list(NAMES)
        with zipfile.ZipFile(out / f"model-{kind}.tflite") as files:
            assert files.read("labels.txt").decode().splitlines() == list(NAMES)
        content = (out / f"model-{kind}.tflite").read_bytes()
        assert b"Apache-2.0" in content and b"Trained on: drawn faces" in content
    assert result["files"]["float32"]["flips"] == 0
    assert result["files"]["int8"]["representative_images"] == 30
    assert "int8" in capsys.readouterr().out


def test_a_lone_file_is_evaluated_and_predicts_by_its_metadata(run_folder, data, tmp_path, monkeypatch):
    out, lone = tmp_path / "files", tmp_path / "lone" / "model-float32.tflite"
    assert run(monkeypatch, run_folder, "--data", data, "--out", out, "--kinds", "[float32]") == 0
    lone.parent.mkdir()
    shutil.copy(out / lone.name, lone)
    results = []
    for file in (out / lone.name, lone):
        evaluate.main([str(file)], str(data), part="validation", out=str(file.parent / "results"))
        results.append(json.loads((file.parent / "results" / f"{lone.name}.json").read_text()))
    found = {row["attribute"]: row["threshold"] for row in results[1]["attributes"]}
    assert results[0] == results[1] and found == dict(zip(NAMES, [0.5, 0.0, -0.5], strict=True))
    photo = data / "img_align_celeba" / "000001.jpg"
    predict.main(str(lone), [str(photo)], out=str(tmp_path / "cards"))
    (answer,) = json.loads((tmp_path / "cards" / "predictions.json").read_text())["photos"]
    cuts = {row["attribute"]: row["cut"] for row in answer["attributes"]}
    assert cuts == pytest.approx({"Smiling": 1 / (1 + np.exp(-0.5)), "Male": 0.5, "Young": 1 / (1 + np.exp(0.5))})


def test_dry_run_writes_nothing(run_folder, data, tmp_path, monkeypatch, capsys):
    assert run(monkeypatch, run_folder, "--data", data, "--out", tmp_path / "files", "--dry_run") == 0
    assert "40 representative images, compared on 20 of the validation part" in capsys.readouterr().out
    assert not (tmp_path / "files").exists()


def test_split_is_that_of_the_runs_recipe(run_folder, data, monkeypatch, capsys):
    (run_folder / "recipe.yaml").write_text("split: '7:2:1'\n")
    assert run(monkeypatch, run_folder, "--data", data, "--dry_run") == 0
    assert "42 representative images, compared on 12 of the validation part" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("names", "thresholds", "code"),
    [
        (NAMES, [0.5, 0.0, -0.5], 0),
        (NAMES, [0.5, 0.0, 0.0], 2),
        (NAMES[::-1], [0.5, 0.0, -0.5], 2),
        (NAMES[:2], None, 2),
    ],
)
def test_folder_with_labels_takes_files_of_the_same_labels_alone(
    run_folder, data, tmp_path, monkeypatch, capsys, names, thresholds, code
):
    out = tmp_path / "files"
    out.mkdir()
    write_labels(out, names, thresholds)
    assert run(monkeypatch, run_folder, "--data", data, "--out", out, "--dry_run") == code
    assert ("files/labels.json has other names or thresholds than" in capsys.readouterr().err) == (code == 2)


def test_folder_of_a_model_of_people_takes_no_attributes(run_folder, data, tmp_path, monkeypatch, capsys):
    write_people(tmp_path, People((1, 2, 3)))
    assert run(monkeypatch, run_folder, "--data", data, "--out", tmp_path, "--dry_run") == 2
    assert "people.json is of another model than" in capsys.readouterr().err


def test_file_that_could_not_be_made_is_told_at_the_end(run_folder, data, monkeypatch, capsys):
    def refuse(*_, **__):
        raise tfslim.litert.ConversionError("crashed with SIGSEGV on model 'tiny'")

    monkeypatch.setattr(tfslim.litert, "convert", refuse)
    assert run(monkeypatch, run_folder, "--data", data, "--kinds", "[dynamic]") == 1
    shown = capsys.readouterr()
    assert "not made" in shown.out and "error: crashed with SIGSEGV on model 'tiny'" in shown.err
    assert "SIGSEGV" in json.loads((run_folder / "tflite.json").read_text())["files"]["dynamic"]["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--representative", "5"], "--representative must be 20 to 500 images, found 5"),
        (["--target", "edgetpu"], "--target edgetpu runs int8 only"),
        (["--kinds", "[int8, int8]"], "name each kind of file once"),
        (["--part", "test"], "the test part of .* has no image"),
        (["--kinds", "[float16]", "--io", "uint8"], "--io is of the int8 file, --kinds are float16: add int8"),
        (["--kinds", "[dynamic]", "--representative", "30"], "--representative is for integer files"),
        (["--limit", "0"], "--limit must be 1 or more"),
        (["--outputs", "embedding", "--max_drop", "1"], "--max_drop is of accuracy, which an embedding does not have"),
        (["--data", "nowhere"], "nowhere is not a folder"),
    ],
)
def test_mistakes_end_with_two_and_one_line(run_folder, data, monkeypatch, capsys, arguments, message):
    given = [] if "--data" in arguments else ["--data", data]
    before = sorted(path.name for path in run_folder.iterdir())
    assert run(monkeypatch, run_folder, *given, *arguments) == 2
    shown = capsys.readouterr().err
    assert re.search(f"^error: .*{message}", shown) and shown.count("\n") == 1
    assert sorted(path.name for path in run_folder.iterdir()) == before


def test_damaged_and_missing_models_are_named(run_folder, data, monkeypatch, capsys):
    model = run_folder / "model.keras"
    model.write_bytes(model.read_bytes()[:2000])
    assert run(monkeypatch, model, "--data", data) == 2
    assert "model.keras: not a .keras file, or one cut short (2000 bytes)" in capsys.readouterr().err
    assert run(monkeypatch, run_folder / "gone.keras", "--data", data) == 2
    assert "gone.keras: no such file" in capsys.readouterr().err
