"""The figures of `tfslim evaluate` against plain loops, and its errors."""

import csv
import json
import shutil

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.tiny_model import NAMES, SIZE, reference_logits
from tfslim.cli import evaluate
from tfslim.data.celeba.attributes import read_labels, write_labels
from tfslim.data.celeba.dataset import CelebA

PARTS = {"train": 0, "validation": 1, "test": 2}


def labels_and_logits(faces, model, part, without=()):
    """A part's labels and logits, from the label files' text and Pillow alone."""
    partition = dict(line.split() for line in (faces / "list_eval_partition.txt").read_text().splitlines())
    _, names, *rows = (faces / "list_attr_celeba.txt").read_text().splitlines()
    columns = [1 + names.split().index(name) for name in NAMES]
    rows = [
        row.split() for row in rows if partition[row.split()[0]] == str(PARTS[part]) and row.split()[0] not in without
    ]
    labels = np.array([[int(row[column]) == 1 for column in columns] for row in rows])
    size = SIZE[::-1]
    images = [Image.open(faces / "img_align_celeba" / row[0]).resize(size, Image.Resampling.BILINEAR) for row in rows]
    return labels, reference_logits(model, np.stack([np.asarray(image) for image in images]))


def figures(labels, answers):
    """One attribute's figures, counted one image after another."""
    counts = {(label, answer): 0 for label in (False, True) for answer in (False, True)}
    for label, answer in zip(labels.tolist(), answers.tolist(), strict=True):
        counts[label, answer] += 1
    hits, misses, alarms, rejections = (counts[pair] for pair in ((1, 1), (1, 0), (0, 1), (0, 0)))
    recalls = [right / (right + wrong) for right, wrong in ((hits, misses), (rejections, alarms)) if right + wrong]
    return {
        "accuracy": (hits + rejections) / len(labels),
        "balanced_accuracy": sum(recalls) / len(recalls),
        "f1": 2 * hits / (2 * hits + misses + alarms) if hits + misses + alarms else 0.0,
        "positive_rate": (hits + misses) / len(labels),
        "majority": max(hits + misses, rejections + alarms) / len(labels),
    }


def assert_figures(result, labels, logits, thresholds):
    assert result["images"] == len(labels)
    assert [row["attribute"] for row in result["attributes"]] == list(NAMES)
    assert np.abs(logits - thresholds).min() > 1e-5, "too near to a threshold for float32 to decide alike"
    expected = [figures(labels[:, i], logits[:, i] > thresholds[i]) for i in range(len(NAMES))]
    for row, counted in zip(result["attributes"], expected, strict=True):
        assert {key: row[key] for key in counted} == pytest.approx(counted)
    for key, mean in result["means"].items():
        assert mean == pytest.approx(sum(counted[key] for counted in expected) / len(expected))


def load(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("part", ["test", "train"])
def test_figures_are_those_of_plain_loops_and_lie_beside_the_model(run_folder, faces, model, part, capsys):
    evaluate.main([str(run_folder)], str(faces), part=part, batch_size=5)
    labels, logits = labels_and_logits(faces, model, part)
    assert 0.2 < (logits > 0).mean() < 0.8, "answers that are all alike show nothing"
    folder = run_folder / f"evaluation-{part}"
    assert sorted(file.name for file in folder.iterdir()) == ["tiny.csv", "tiny.json", "tiny.png"]
    result = load(folder / "tiny.json")
    assert_figures(result, labels, logits, np.zeros(len(NAMES)))
    assert (result["part"], result["split"], result["skipped"]) == (part, "official", {})
    with open(folder / "tiny.csv", newline="") as file:
        *rows, mean = csv.DictReader(file)
    assert [float(row["f1"]) for row in rows] == pytest.approx([row["f1"] for row in result["attributes"]])
    assert mean["attribute"] == "mean"
    assert float(mean["accuracy"]) == pytest.approx(result["means"]["accuracy"])
    with Image.open(folder / "tiny.png") as chart:
        assert chart.width > 600
    shown = capsys.readouterr().out
    smiling = next(line for line in shown.splitlines() if "Smiling" in line)
    assert f"{100 * result['attributes'][0]['balanced_accuracy']:.2f}" in smiling
    assert f"{100 * result['means']['accuracy']:.2f}" in shown


def test_several_models_are_compared_and_keras_and_tflite_say_the_same(run_folder, faces, tmp_path, capsys):
    files = [str(run_folder / "model.keras"), str(run_folder / "tiny.tflite")]
    evaluate.main(files, str(faces), part="train", out=str(tmp_path / "out" / "both"))
    folder = tmp_path / "out" / "both"
    assert "means over the attributes" in capsys.readouterr().out
    first, second = load(folder / "comparison.json")
    assert (first["model"], second["model"]) == ("model.keras", "tiny.tflite")
    assert second["file_bytes"] == (run_folder / "tiny.tflite").stat().st_size
    assert {**first, "model": "", "file_bytes": 0} == {**second, "model": "", "file_bytes": 0}
    assert load(folder / "model.keras.json")["attributes"] == load(folder / "tiny.tflite.json")["attributes"]
    with open(folder / "comparison.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["f1"]) for row in rows] == pytest.approx([first["f1"]] * 2)


@pytest.mark.parametrize("rule", ["balanced", "accuracy"])
def test_thresholds_are_chosen_on_validation_alone_and_saved(run_folder, faces, model, rule, capsys):
    evaluate.main([str(run_folder)], str(faces), part="train", thresholds=rule, save_thresholds=True)
    labels, logits = labels_and_logits(faces, model, "validation")
    saved = read_labels(run_folder)
    assert saved.attributes == NAMES
    figure = {"balanced": "balanced_accuracy", "accuracy": "accuracy"}[rule]
    for index, threshold in enumerate(saved.thresholds):
        if labels[:, index].all() or not labels[:, index].any():
            assert threshold == 0, "one class alone says nothing of where to cut"
            continue
        column = np.sort(logits[:, index])
        candidates = [column[0] - 1, *(column[1:] + column[:-1]) / 2, column[-1] + 1]
        best = max(figures(labels[:, index], logits[:, index] > candidate)[figure] for candidate in candidates)
        assert figures(labels[:, index], logits[:, index] > threshold)[figure] == pytest.approx(best)

    result = load(run_folder / "evaluation-train" / "tiny.json")
    labels, logits = labels_and_logits(faces, model, "train")
    assert_figures(result, labels, logits, np.array(saved.thresholds))
    without, chosen = result["means_by_thresholds"]["threshold 0"], result["means_by_thresholds"][f"thresholds: {rule}"]
    assert chosen == result["means"] != without
    at_zero = [figures(labels[:, i], logits[:, i] > 0)["accuracy"] for i in range(len(NAMES))]
    assert without["accuracy"] == pytest.approx(np.mean(at_zero))
    shown = capsys.readouterr().out
    assert f"{100 * chosen['f1']:.2f}" in shown
    assert f"{100 * without['f1']:.2f}" in shown

    evaluate.main([str(run_folder)], str(faces), part="train")
    assert load(run_folder / "evaluation-train" / "tiny.json")["means"] == chosen
    evaluate.main([str(run_folder)], str(faces), part="train", thresholds="zero")
    assert load(run_folder / "evaluation-train" / "tiny.json")["means"] == without


def test_an_image_that_cannot_be_decoded_stops_it_or_is_left_out(run_folder, own_faces, faces, model, capsys):
    partition = (own_faces / "list_eval_partition.txt").read_text().splitlines()
    name = [line.split()[0] for line in partition if line.endswith(" 0")][3]
    file = own_faces / "img_align_celeba" / name
    file.write_bytes(file.read_bytes()[:600])
    with pytest.raises(ValueError, match=name):
        evaluate.main([str(run_folder)], str(own_faces), part="train")
    assert not list((run_folder / "evaluation-train").iterdir())
    evaluate.main([str(run_folder)], str(own_faces), part="train", on_error="skip", batch_size=7)
    result = load(run_folder / "evaluation-train" / "tiny.json")
    assert list(result["skipped"]) == [name]
    assert "1 skipped" in capsys.readouterr().out
    labels, logits = labels_and_logits(faces, model, "train", without={name})
    assert_figures(result, labels, logits, np.zeros(len(NAMES)))


def test_the_split_is_the_one_asked_for(run_folder, faces):
    evaluate.main([str(run_folder)], str(faces), split="7:2:1")
    result = load(run_folder / "evaluation-test" / "tiny.json")
    assert (result["images"], result["split"]) == (7, "7:2:1")


@pytest.mark.parametrize("beside", [{"split": "random", "split_seed": 5}, {"split": "official", "split_seed": 5}, {}])
def test_the_split_is_that_of_the_training(run_folder, faces, own_faces, model, beside):
    (run_folder / "recipe.yaml").write_text(yaml.safe_dump({"data": "faces", **beside}))
    evaluate.main([str(run_folder)], str(faces), part="train", seed=2)
    result = load(run_folder / "evaluation-train" / "tiny.json")
    trained_at_random = beside.get("split") == "random"
    assert (result["split"], result["split_seed"]) == (("random", 5) if trained_at_random else ("official", 0))
    if trained_at_random:  # the same split as an official one
        drawn = CelebA(faces, split="random", seed=5)
        lines = [f"{file} {number}\n" for part, number in PARTS.items() for file in drawn.part(part).files]
        (own_faces / "list_eval_partition.txt").write_text("".join(lines))
    assert_figures(result, *labels_and_logits(own_faces, model, "train"), np.zeros(len(NAMES)))


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("split: [", "recipe.yaml: damaged"),
        ("a recipe", "recipe.yaml: damaged"),
        ("split: half", "recipe.yaml: split 'half' and split_seed 0; expected one of official, 7:2:1, random"),
    ],
)
def test_a_recipe_that_cannot_tell_the_split_is_said(run_folder, faces, recipe, message):
    (run_folder / "recipe.yaml").write_text(recipe)
    with pytest.raises(ValueError, match=f"(?s){message}.*or give --split"):
        evaluate.main([str(run_folder)], str(faces))
    evaluate.main([str(run_folder)], str(faces), split="official")


def test_a_cut_was_trained_with_the_split_of_its_run(run_folder, faces, capsys):
    cut = shutil.copytree(run_folder, run_folder / "cut-01")
    evaluate.main([str(cut)], str(faces))
    untold = f"official split: no people.json or recipe.yaml tells of the training of {cut / 'model.keras'}"
    assert untold in capsys.readouterr().out
    (run_folder / "recipe.yaml").write_text(yaml.safe_dump({"split": "random", "split_seed": 5}))
    evaluate.main([str(cut)], str(faces))
    shown = " ".join(capsys.readouterr().out.split())
    assert f"random split of seed 5: as in the training of {cut / 'model.keras'}" in shown
    assert "images of the test part (random split of seed 5), %" in shown
    result = load(cut / "evaluation-test" / "cut-01.json")
    assert (result["split"], result["split_seed"]) == ("random", 5)
    other = shutil.copytree(run_folder / "cut-01", run_folder / "another")  # which is no part of the run
    evaluate.main([str(other)], str(faces))
    assert "official split: no people.json" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"thresholds": "balanced", "part": "validation"}, "chosen on the validation part"),
        ({"save_thresholds": True}, "needs --thresholds balanced or accuracy, found labels"),
        ({"batch_size": 0}, "batch_size must be 1 or more, found 0"),
        ({"models": ["model.keras", "model.keras"]}, "given twice"),
        ({"models": ["model.keras", "tiny.tflite"], "thresholds": "balanced", "save_thresholds": True}, "labels.json"),
        ({"models": ["none.keras"]}, "none.keras: no such file"),
        ({"models": ["labels.json"]}, r"labels.json: not a model by its name; expected .keras, .tflite, .tfslim"),
        ({"data": "nowhere"}, "nowhere is not a folder"),
        ({"out": "model.keras"}, "there is a file of this name"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(run_folder, faces, monkeypatch, settings, message):
    monkeypatch.chdir(run_folder)
    before = sorted(run_folder.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate.main(**{"models": ["model.keras"], "data": str(faces)} | settings)
    assert sorted(run_folder.rglob("*")) == before


def test_data_without_attributes_and_an_empty_part_are_said(run_folder, own_faces):
    partition = own_faces / "list_eval_partition.txt"
    partition.write_text(partition.read_text().replace(" 2\n", " 0\n"))
    with pytest.raises(ValueError, match="the test part of .* has no image"):
        evaluate.main([str(run_folder)], str(own_faces))
    (own_faces / "list_attr_celeba.txt").unlink()
    with pytest.raises(ValueError, match="there are no attributes in this data"):
        evaluate.main([str(run_folder)], str(own_faces), part="train")


def test_names_that_do_not_fit_the_outputs_or_the_data_are_said(run_folder, faces):
    write_labels(run_folder, NAMES[:4])
    with pytest.raises(ValueError, match="names 4 attributes, but the model has 5 outputs"):
        evaluate.main([str(run_folder)], str(faces))
    write_labels(run_folder, ["Smile", *NAMES[1:]])
    with pytest.raises(ValueError, match="model.keras: its outputs don't fit .*'Smile'; did you mean 'Smiling'"):
        evaluate.main([str(run_folder)], str(faces))


def test_models_of_one_name_keep_results_of_their_own(run_folder, faces, tmp_path):
    other = shutil.copytree(run_folder, tmp_path / "other")
    files = [str(folder / "model.keras") for folder in (run_folder, other)]
    evaluate.main(files, str(faces), out=str(tmp_path / "out"))
    names = {file.name for file in (tmp_path / "out").glob("*.json")}
    assert names == {"tiny-model.keras.json", "other-model.keras.json", "comparison.json"}
