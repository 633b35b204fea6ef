"""The figures of `tfslim evaluate` for identity models against plain loops over the same faces."""

import csv
import itertools
import json
import shutil

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from tests.identity_faces import CROP, HELD_OUT, KNOWN, identity_model, labelled, pixels, unit_embeddings
from tfslim.cli import evaluate
from tfslim.data.celeba.people import People, write_people


def load(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("part", [0, 2])
def test_identity_figures_are_those_of_plain_loops(people_run, people_faces, part, capsys):
    name = {0: "train", 2: "test"}[part]
    evaluate.main([str(people_run)], str(people_faces), part=name, batch_size=5)
    every = [(file, person) for file, person, where in labelled(people_faces) if where == part]
    rows = [(file, person) for file, person in every if person in KNOWN]
    logits = identity_model().predict(pixels(people_faces, [file for file, _ in rows]), verbose=0)
    ranked = [[KNOWN[output] for output in np.argsort(-row)] for row in logits]
    right = [order[0] == person for order, (_, person) in zip(ranked, rows, strict=True)]
    each = {}
    for (_, person), found in zip(rows, right, strict=True):
        each.setdefault(person, []).append(found)

    folder = people_run / f"evaluation-{name}"
    assert sorted(file.name for file in folder.iterdir()) == ["tiny.csv", "tiny.json"]
    result = load(folder / "tiny.json")
    assert (result["images"], result["people"]) == (len(rows), len(each))
    assert result["unknown_images"] == len(every) - len(rows) > 0
    assert result["top_1"] == pytest.approx(np.mean(right))
    assert result["top_5"] == 1, "there are five outputs"
    assert result["balanced_accuracy"] == pytest.approx(np.mean([np.mean(found) for found in each.values()]))
    assert result["majority"] == max(map(len, each.values())) / len(rows)
    assert (result["part"], result["skipped"]) == (name, {})
    with open(folder / "tiny.csv", newline="") as file:
        lines = {int(line["person"]): line for line in csv.DictReader(file)}
    assert {person: int(line["images"]) for person, line in lines.items()} == {p: len(f) for p, f in each.items()}
    assert all(float(lines[person]["top_1"]) == pytest.approx(np.mean(found)) for person, found in each.items())
    shown = capsys.readouterr().out
    assert f"{100 * result['top_1']:.2f}" in shown and f"{100 * result['balanced_accuracy']:.2f}" in shown


def test_keras_and_tflite_classifiers_say_the_same(people_run, people_faces, tmp_path):
    files = [str(people_run / "model.keras"), str(people_run / "classifier.tflite")]
    evaluate.main(files, str(people_faces), part="train", out=str(tmp_path / "both"))
    first, second = load(tmp_path / "both" / "comparison.json")
    assert (first["model"], second["model"]) == ("model.keras", "classifier.tflite")
    assert {**first, "model": "", "file_bytes": 0} == {**second, "model": "", "file_bytes": 0}
    with open(tmp_path / "both" / "comparison.csv", newline="") as file:
        assert [float(row["top_1"]) for row in csv.DictReader(file)] == pytest.approx([first["top_1"]] * 2)


def test_a_face_that_cannot_be_decoded_stops_it_or_is_left_out(people_run, people_faces, tmp_path, capsys):
    faces = shutil.copytree(people_faces, tmp_path / "faces")
    held = [file for file, person, _ in labelled(faces) if person in HELD_OUT]
    known = [file for file, person, part in labelled(faces) if person in KNOWN and part == 0]
    for file in (held[2], known[0]):
        (faces / "img_align_celeba" / file).write_bytes(b"no image")
    with pytest.raises(ValueError, match=held[2]):
        evaluate.main([str(people_run)], str(faces), task="verification")
    evaluate.main([str(people_run)], str(faces), task="verification", on_error="skip")
    result = load(people_run / "verification-people-held-out-of-training" / "tiny.json")
    assert list(result["skipped"]) == [held[2]]
    assert result["pairs_left_out"] == len(held) - 1
    with pytest.raises(ValueError, match=known[0]):
        evaluate.main([str(people_run)], str(faces), part="train")
    evaluate.main([str(people_run)], str(faces), part="train", on_error="skip")
    result = load(people_run / "evaluation-train" / "tiny.json")
    assert (list(result["skipped"]), result["images"]) == ([known[0]], len(known) - 1)
    assert "1 skipped" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"thresholds": "zero"}, "--thresholds is for --task attributes; the task is identity"),
        ({"save_thresholds": True}, "--save_thresholds is for --task attributes"),
        ({"template": 5}, "--template is for --task verification; the task is identity"),
        ({"pairs": "pairs.txt"}, "--pairs is for --task verification"),
        ({"distance": "chi_squared"}, "--distance is for --task verification"),
        ({"part": "held out"}, "--part 'held out' is for --task verification"),
        ({"task": "verification", "thresholds": "zero"}, "the task is verification"),
        ({"task": "verification", "pairs": "pairs.txt", "template": 5}, "give no --template, --part"),
        ({"task": "verification", "pairs": "pairs.txt", "split": "random"}, "--against or --split"),
        ({"against": "test"}, "--against is for --task verification; the task is identity"),
        ({"fars": [0.1]}, "--fars is for --task verification"),
        ({"task": "verification", "against": "test"}, "--against test: give --part another part"),
        ({"task": "verification", "against": "test", "part": "test"}, "give --part another part"),
        ({"task": "verification", "fars": [2.0]}, "give one or more shares in 0..1"),
        ({"task": "verification", "pairs": "pairs.txt"}, "pairs.txt"),
        ({"task": "verification", "template": 0}, "template must be 1 or more, found 0"),
        ({"task": "verification", "template": 9}, "there are 0 genuine pairs of templates of 9 images, "),
        ({"task": "verification", "data": "nowhere"}, "nowhere is not a folder"),
        (
            {"models": ["classifier.tflite"], "task": "verification"},
            "so it is taken for a classifier: convert the model cut",
        ),
        ({"models": ["embedding.tflite"]}, r"its outputs have shape \(6\), but people.json names 5 people"),
        ({"batch_size": 0}, "--batch_size must be 1 or more, found 0"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    people_run, people_faces, monkeypatch, settings, message
):
    monkeypatch.chdir(people_run)
    before = sorted(people_run.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate.main(**{"models": ["model.keras"], "data": str(people_faces)} | settings)
    assert sorted(people_run.rglob("*")) == before


def test_models_and_data_that_do_not_belong_together_are_said(people_run, people_faces, lfw, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    identity_model().save(other / "model.keras")
    both, faces = [str(people_run), str(other)], str(people_faces)
    with pytest.raises(ValueError, match=r"tiny.model.keras has a people.json .* and .*other.model.keras has none"):
        evaluate.main(both, faces)
    with pytest.raises(FileNotFoundError, match="other.model.keras: there is no people.json beside it"):
        evaluate.main([str(other)], faces, task="identity")
    with pytest.raises(ValueError, match="no people.json beside a model tells of people held out"):
        evaluate.main([str(other)], faces, task="verification", part="held out")
    write_people(other, People(KNOWN, (3, 8), CROP))
    with pytest.raises(ValueError, match="the people held out of training are not the same for"):
        evaluate.main(both, faces, task="verification")
    write_people(other, People((101, 102, 103, 104, 105), (3, 999), CROP))
    with pytest.raises(ValueError, match="1 of 2 people held out of training are not in this data, such as 999"):
        evaluate.main([str(other)], faces, task="verification")
    with pytest.raises(ValueError, match="none of its 5 people is in the test part"):
        evaluate.main([str(other)], faces)
    with pytest.raises(ValueError, match="--part test: .*lfw is a folder of people without label files"):
        evaluate.main([str(other)], str(lfw), task="verification", part="test")
    with pytest.raises(ValueError, match="--split random: .*lfw is a folder of people without label files"):
        evaluate.main([str(other)], str(lfw), task="verification", split="random")
    (lfw / "Bo" / "Bo_0003.jpg").unlink()
    with pytest.raises(ValueError, match="1 images of .*pairs.txt are missing, such as Bo/Bo_0003.jpg"):
        evaluate.main([str(other)], str(lfw), task="verification", pairs=str(lfw.parent / "pairs.txt"))
    settings = {"pairs": str(lfw.parent / "pairs.txt"), "on_error": "skip"}
    evaluate.main([str(other)], str(lfw), task="verification", **settings)
    result = load(other / "verification-pairs" / "other.json")
    assert (list(result["skipped"]), result["pairs_left_out"]) == (["Bo/Bo_0003.jpg"], 1)
    without = shutil.copytree(people_faces, tmp_path / "attributes")
    (without / "identity_CelebA.txt").unlink()
    with pytest.raises(ValueError, match="has no identity_CelebA.txt"):
        evaluate.main([str(people_run)], str(without))
    for part in ("auto", "test"):
        with pytest.raises(ValueError, match="has no identity_CelebA.txt"):
            evaluate.main([str(people_run)], str(without), task="verification", part=part)


def test_the_splits_of_training_matter_only_where_a_part_is_asked_for(people_run, people_faces, tmp_path):
    other = shutil.copytree(people_run, tmp_path / "other")
    write_people(other, People(KNOWN, HELD_OUT, CROP, "random", 5))
    both, out = [str(people_run), str(other)], tmp_path / "out"
    evaluate.main(both, str(people_faces), task="verification", out=str(out))
    one, two = (load(out / f"{name}.json") for name in ("tiny", "other"))
    assert one["pairs"] == "people held out of training" and one["eer"] == two["eer"]
    with pytest.raises(ValueError, match="were trained on different splits: evaluate them apart"):
        evaluate.main(both, str(people_faces), task="verification", part="test")


def test_models_that_were_trained_without_people_json_see_whole_images(people_run, people_faces, capsys):
    (people_run / "people.json").unlink()
    with pytest.warns(UserWarning, match=r"model\.keras: no people\.json beside it .* whole photos are resized"):
        evaluate.main([str(people_run)], str(people_faces), task="verification")
    shown = " ".join(capsys.readouterr().out.split())
    assert (
        f"official split: no people.json or recipe.yaml tells of the training of {people_run / 'model.keras'}" in shown
    )
    assert "same person or not: test part (official split), single images" in shown
    rows = [(file, person) for file, person, part in labelled(people_faces) if part == 2]
    vectors = unit_embeddings(people_faces, [file for file, _ in rows], crop=None)
    compared = list(itertools.combinations(rows, 2))
    result = load(people_run / "verification-test-part" / "tiny.json")
    genuine = [one[1] == two[1] for one, two in compared]
    assert result["auc"] == pytest.approx(
        roc_auc_score(genuine, [vectors[one[0]] @ vectors[two[0]] for one, two in compared]), abs=1e-4
    )
    assert result["crop"] is None
