"""What training/evaluate.py says of identity models, against plain loops over the same faces."""

import csv
import itertools
import json
import shutil

import evaluate
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.metrics import roc_auc_score

from tests.identity_faces import CROP, HELD_OUT, KNOWN, PEOPLE, identity_model, labelled, pixels, unit_embeddings
from tfslim.data.celeba import CelebA
from tfslim.data.drawn_faces import draw_faces
from tfslim.data.people import People, write_people
from tfslim.identity import embedding_model


@pytest.fixture(scope="module")
def people_faces(tmp_path_factory):
    """84 drawn faces of 48x40 pixels, of seven people."""
    return draw_faces(tmp_path_factory.mktemp("data") / "faces", count=84, identities=PEOPLE, size=(48, 40))


@pytest.fixture(scope="module")
def identity_run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    folder.mkdir()
    model = identity_model()
    model.save(folder / "model.keras")
    for name, converted in (("classifier.tflite", model), ("embedding.tflite", embedding_model(model))):
        (folder / name).write_bytes(tf.lite.TFLiteConverter.from_keras_model(converted).convert())
    write_people(folder, People(KNOWN, HELD_OUT, CROP))
    return folder


@pytest.fixture
def run(identity_run, tmp_path):
    """A copy of the run folder, to be written to."""
    return shutil.copytree(identity_run, tmp_path / "runs" / "tiny")


def assert_rates(result, scores, genuine):
    """The figures by counting at every score."""
    scores, genuine = np.array(scores), np.array(genuine)
    assert (result["genuine"], result["impostor"]) == (genuine.sum(), (~genuine).sum())
    assert result["auc"] == pytest.approx(roc_auc_score(genuine, scores), abs=1e-4)
    rates = [((scores[~genuine] >= t).mean(), (scores[genuine] < t).mean()) for t in np.sort(scores)]
    low, high = max(min(pair) for pair in rates), min(max(pair) for pair in rates)
    assert low - 1e-6 <= result["eer"] <= high + 1e-6
    assert high - low < 0.05
    for point in result["tar"]:
        best = max([1 - frr for far, frr in rates if far <= point["far"]], default=0)
        assert point["tar"] == pytest.approx(best, abs=1e-6)
        assert point["resolved"] == (point["far"] * (~genuine).sum() >= 1)


def load(path):
    return json.loads(path.read_text())


@pytest.mark.parametrize("part", [0, 2])
def test_identity_figures_are_those_of_plain_loops(run, people_faces, part, capsys):
    name = {0: "train", 2: "test"}[part]
    evaluate.main([str(run)], str(people_faces), part=name, batch_size=5)
    every = [(file, person) for file, person, where in labelled(people_faces) if where == part]
    rows = [(file, person) for file, person in every if person in KNOWN]
    logits = identity_model().predict(pixels(people_faces, [file for file, _ in rows]), verbose=0)
    ranked = [[KNOWN[output] for output in np.argsort(-row)] for row in logits]
    right = [order[0] == person for order, (_, person) in zip(ranked, rows, strict=True)]
    each = {}
    for (_, person), found in zip(rows, right, strict=True):
        each.setdefault(person, []).append(found)

    folder = run / f"evaluation-{name}"
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


def test_keras_and_tflite_classifiers_say_the_same(run, people_faces, tmp_path):
    files = [str(run / "model.keras"), str(run / "classifier.tflite")]
    evaluate.main(files, str(people_faces), part="train", out=str(tmp_path / "both"))
    first, second = load(tmp_path / "both" / "comparison.json")
    assert (first["model"], second["model"]) == ("model.keras", "classifier.tflite")
    assert {**first, "model": "", "file_bytes": 0} == {**second, "model": "", "file_bytes": 0}
    with open(tmp_path / "both" / "comparison.csv", newline="") as file:
        assert [float(row["top_1"]) for row in csv.DictReader(file)] == pytest.approx([first["top_1"]] * 2)


def test_people_held_out_are_verified_by_all_their_pairs(run, people_faces, capsys):
    evaluate.main([str(run)], str(people_faces), task="verification", batch_size=7)
    rows = [(file, person) for file, person, _ in labelled(people_faces) if person in HELD_OUT]
    vectors = unit_embeddings(people_faces, [file for file, _ in rows])
    compared = list(itertools.combinations(rows, 2))
    scores = [vectors[one[0]] @ vectors[two[0]] for one, two in compared]
    folder = run / "verification-people-held-out-of-training"
    assert sorted(file.name for file in folder.iterdir()) == ["det.png", "roc.png", "tiny.json", "verification.csv"]
    result = load(folder / "tiny.json")
    assert_rates(result, scores, [one[1] == two[1] for one, two in compared])
    assert len(result["accuracy"]["folds"]) == 10
    assert 0.4 < result["accuracy"]["mean"] <= 1
    assert (result["crop"], result["template"], result["distance"]) == (list(CROP), 1, "cosine")
    assert (result["pairs_left_out"], result["people_with_too_few_images"]) == (0, 0)
    with open(folder / "verification.csv", newline="") as file:
        (row,) = csv.DictReader(file)
    assert float(row["eer"]) == result["eer"]
    assert row["tar_at_far_0.001"] == "", "too few impostors to measure it"
    for name in ("det.png", "roc.png"):
        with Image.open(folder / name) as picture:
            assert picture.width > 600
    shown = capsys.readouterr().out
    assert f"{100 * result['eer']:.2f}" in shown
    assert f"{result['genuine']} genuine and {result['impostor']} impostor pairs of {len(rows)} images" in shown
    assert "fewer impostor pairs than it takes" in shown


def test_several_models_and_templates_from_a_part(run, people_faces, tmp_path):
    files = [str(run / "model.keras"), str(run / "embedding.tflite")]
    settings = {"task": "verification", "part": "train", "template": 3, "out": str(tmp_path / "both"), "seed": 2}
    evaluate.main(files, str(people_faces), **settings)
    counts = np.bincount([person for _, person, part in labelled(people_faces) if part == 0]) // 3
    genuine = int((counts * (counts - 1) // 2).sum())
    impostor = int(counts.sum() * (counts.sum() - 1) // 2) - genuine
    first, second = load(tmp_path / "both" / "model.keras.json"), load(tmp_path / "both" / "embedding.tflite.json")
    assert (first["genuine"], first["impostor"]) == (second["genuine"], second["impostor"]) == (genuine, impostor)
    assert first["eer"] == pytest.approx(second["eer"], abs=1e-3)
    assert first["existing_pairs"] == [genuine, impostor]
    with open(tmp_path / "both" / "verification.csv", newline="") as file:
        assert [row["model"] for row in csv.DictReader(file)] == ["model.keras", "embedding.tflite"]
    evaluate.main(files[:1], str(people_faces), **settings | {"out": str(tmp_path / "again")})
    assert load(tmp_path / "again" / "model.keras.json")["eer"] == first["eer"]


def test_a_part_to_verify_on_is_that_of_the_training_whatever_the_pairs_seed(run, people_faces):
    write_people(run, People(KNOWN, (), CROP, "random", 5))
    evaluate.main([str(run)], str(people_faces), task="verification", part="train", seed=2)
    files = CelebA(people_faces, split="random", seed=5).part("train").files.tolist()
    person = {file: who for file, who, _ in labelled(people_faces)}
    vectors = unit_embeddings(people_faces, files)
    compared = list(itertools.combinations(files, 2))
    genuine = [person[one] == person[two] for one, two in compared]
    result = load(run / "verification-train-part" / "tiny.json")
    assert (result["genuine"], result["impostor"]) == (sum(genuine), len(compared) - sum(genuine))
    scores = [vectors[one] @ vectors[two] for one, two in compared]
    assert result["auc"] == pytest.approx(roc_auc_score(genuine, scores), abs=1e-4)


def test_a_part_is_verified_against_another_at_the_rates_asked_for(run, people_faces):
    asked = {"task": "verification", "part": "test", "against": "validation", "fars": [0.3, 0.1]}
    evaluate.main([str(run)], str(people_faces), **asked)
    rows = labelled(people_faces)
    sides = [[(file, person) for file, person, part in rows if part == code] for code in (2, 1)]
    vectors = unit_embeddings(people_faces, [file for file, *_ in rows])
    compared = list(itertools.product(*sides))
    scores = [vectors[one[0]] @ vectors[two[0]] for one, two in compared]
    result = load(run / "verification-test-part-against-validation-part" / "tiny.json")
    assert_rates(result, scores, [one[1] == two[1] for one, two in compared])
    assert [point["far"] for point in result["tar"]] == asked["fars"]


@pytest.fixture
def lfw(people_faces, tmp_path):
    """The faces of two people as LFW lays them out, and a list of pairs of two folds."""
    for person, name in ((1, "Ann_Lee"), (2, "Bo")):
        (tmp_path / "lfw" / name).mkdir(parents=True)
        files = [file for file, who, _ in labelled(people_faces) if who == person]
        for number, file in enumerate(files, start=1):
            shutil.copy(people_faces / "img_align_celeba" / file, tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg")
    (tmp_path / "pairs.txt").write_text(
        "2\t2\nAnn_Lee\t1\t2\nBo\t1\t2\nAnn_Lee\t3\tBo\t3\nBo\t4\tAnn_Lee\t4\n"
        "Ann_Lee\t5\t6\nBo\t5\t6\nAnn_Lee\t7\tBo\t7\nBo\t1\tAnn_Lee\t1\n"
    )
    return tmp_path / "lfw"


def test_pairs_of_lfws_form_keep_their_folds(run, people_faces, lfw):
    evaluate.main([str(run)], str(lfw), task="verification", pairs=str(lfw.parent / "pairs.txt"))
    result = load(run / "verification-pairs" / "tiny.json")
    files = {
        name: [file for file, who, _ in labelled(people_faces) if who == person]
        for person, name in ((1, "Ann_Lee"), (2, "Bo"))
    }
    vectors = unit_embeddings(people_faces, files["Ann_Lee"] + files["Bo"])
    scores, genuine = [], []
    for line in (lfw.parent / "pairs.txt").read_text().splitlines()[1:]:
        words = line.split()
        name, number, other, other_number = words if len(words) == 4 else (words[0], words[1], words[0], words[2])
        scores.append(vectors[files[name][int(number) - 1]] @ vectors[files[other][int(other_number) - 1]])
        genuine.append(len(words) == 3)
    assert result["auc"] == pytest.approx(roc_auc_score(genuine, scores))
    assert len(result["accuracy"]["folds"]) == 2
    assert (result["genuine"], result["impostor"], result["existing_pairs"]) == (4, 4, None)


def test_a_folder_of_people_needs_no_labels(run, lfw):
    evaluate.main([str(run / "embedding.tflite")], str(lfw), task="verification", template=2)
    result = load(run / "verification-lfw-templates-of-2" / "embedding.tflite.json")
    counts = [len(list((lfw / name).iterdir())) // 2 for name in ("Ann_Lee", "Bo")]
    assert result["impostor"] == counts[0] * counts[1]
    assert result["genuine"] == sum(count * (count - 1) // 2 for count in counts)


def test_chi_squared_takes_features_that_are_not_negative(run, people_faces):
    settings = {"task": "verification", "distance": "chi_squared"}
    with pytest.raises(ValueError, match="chi-squared takes features that are 0 or more, found -.*: use the cosine"):
        evaluate.main([str(run)], str(people_faces), **settings)
    identity_model(activation="relu").save(run / "model.keras")
    evaluate.main([str(run)], str(people_faces), **settings)
    result = load(run / "verification-people-held-out-of-training-chi-squared" / "tiny.json")
    assert result["distance"] == "chi_squared"
    assert 0 <= result["eer"] <= 1


def test_a_face_that_cannot_be_decoded_stops_it_or_is_left_out(run, people_faces, tmp_path, capsys):
    faces = shutil.copytree(people_faces, tmp_path / "faces")
    held = [file for file, person, _ in labelled(faces) if person in HELD_OUT]
    known = [file for file, person, part in labelled(faces) if person in KNOWN and part == 0]
    for file in (held[2], known[0]):
        (faces / "img_align_celeba" / file).write_bytes(b"no image")
    with pytest.raises(ValueError, match=held[2]):
        evaluate.main([str(run)], str(faces), task="verification")
    evaluate.main([str(run)], str(faces), task="verification", on_error="skip")
    result = load(run / "verification-people-held-out-of-training" / "tiny.json")
    assert list(result["skipped"]) == [held[2]]
    assert result["pairs_left_out"] == len(held) - 1
    with pytest.raises(ValueError, match=known[0]):
        evaluate.main([str(run)], str(faces), part="train")
    evaluate.main([str(run)], str(faces), part="train", on_error="skip")
    result = load(run / "evaluation-train" / "tiny.json")
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
        ({"task": "verification", "template": 9}, "there are 0 genuine pairs of templates of 9 images to draw"),
        ({"task": "verification", "data": "nowhere"}, "nowhere is not a folder"),
        (
            {"models": ["classifier.tflite"], "task": "verification"},
            "so it is taken for a classifier: convert the model cut",
        ),
        ({"models": ["embedding.tflite"]}, r"gives outputs of shape \(6\), but people.json names 5 people"),
        ({"batch_size": 0}, "--batch_size must be 1 or more, found 0"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(run, people_faces, monkeypatch, settings, message):
    monkeypatch.chdir(run)
    before = sorted(run.rglob("*"))
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        evaluate.main(**{"models": ["model.keras"], "data": str(people_faces)} | settings)
    assert sorted(run.rglob("*")) == before


def test_models_and_data_that_do_not_belong_together_are_said(run, people_faces, lfw, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    identity_model().save(other / "model.keras")
    both, faces = [str(run), str(other)], str(people_faces)
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
    with pytest.raises(ValueError, match="1 images of .*pairs.txt are not there, such as Bo/Bo_0003.jpg"):
        evaluate.main([str(other)], str(lfw), task="verification", pairs=str(lfw.parent / "pairs.txt"))
    settings = {"pairs": str(lfw.parent / "pairs.txt"), "on_error": "skip"}
    evaluate.main([str(other)], str(lfw), task="verification", **settings)
    result = load(other / "verification-pairs" / "other.json")
    assert (list(result["skipped"]), result["pairs_left_out"]) == (["Bo/Bo_0003.jpg"], 1)
    without = shutil.copytree(people_faces, tmp_path / "attributes")
    (without / "identity_CelebA.txt").unlink()
    with pytest.raises(ValueError, match="there are no identities in this data"):
        evaluate.main([str(run)], str(without))
    for part in ("auto", "test"):
        with pytest.raises(ValueError, match="there are no identities in this data"):
            evaluate.main([str(run)], str(without), task="verification", part=part)


def test_the_splits_of_training_matter_only_where_a_part_is_asked_for(run, people_faces, tmp_path):
    other = shutil.copytree(run, tmp_path / "other")
    write_people(other, People(KNOWN, HELD_OUT, CROP, "random", 5))
    both, out = [str(run), str(other)], tmp_path / "out"
    evaluate.main(both, str(people_faces), task="verification", out=str(out))
    one, two = (load(out / f"{name}.json") for name in ("tiny", "other"))
    assert one["pairs"] == "people held out of training" and one["eer"] == two["eer"]
    with pytest.raises(ValueError, match="were trained on other splits: evaluate them apart"):
        evaluate.main(both, str(people_faces), task="verification", part="test")


def test_models_that_were_trained_without_people_json_see_whole_images(run, people_faces, capsys):
    (run / "people.json").unlink()
    evaluate.main([str(run)], str(people_faces), task="verification")
    shown = " ".join(capsys.readouterr().out.split())
    assert f"official split: no people.json or recipe.yaml tells of the training of {run / 'model.keras'}" in shown
    assert "same person or not: test part (official split), single images" in shown
    rows = [(file, person) for file, person, part in labelled(people_faces) if part == 2]
    vectors = unit_embeddings(people_faces, [file for file, _ in rows], crop=None)
    compared = list(itertools.combinations(rows, 2))
    result = load(run / "verification-test-part" / "tiny.json")
    genuine = [one[1] == two[1] for one, two in compared]
    assert result["auc"] == pytest.approx(
        roc_auc_score(genuine, [vectors[one[0]] @ vectors[two[0]] for one, two in compared]), abs=1e-4
    )
    assert result["crop"] is None
