"""The verification figures of `tfslim evaluate` against plain loops over the same faces."""

import csv
import itertools
import json

import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import roc_auc_score

from tests.identity_faces import CROP, HELD_OUT, KNOWN, identity_model, labelled, unit_embeddings
from tfslim.cli import evaluate
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.celeba.people import People, write_people


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


def test_people_held_out_are_verified_by_all_their_pairs(people_run, people_faces, capsys):
    evaluate.main([str(people_run)], str(people_faces), task="verification", batch_size=7)
    rows = [(file, person) for file, person, _ in labelled(people_faces) if person in HELD_OUT]
    vectors = unit_embeddings(people_faces, [file for file, _ in rows])
    compared = list(itertools.combinations(rows, 2))
    scores = [vectors[one[0]] @ vectors[two[0]] for one, two in compared]
    folder = people_run / "verification-people-held-out-of-training"
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
    assert "too few impostor pairs to measure" in shown


def test_several_models_and_templates_from_a_part(people_run, people_faces, tmp_path):
    files = [str(people_run / "model.keras"), str(people_run / "embedding.tflite")]
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


def test_a_part_to_verify_on_is_that_of_the_training_whatever_the_pairs_seed(people_run, people_faces):
    write_people(people_run, People(KNOWN, (), CROP, "random", 5))
    evaluate.main([str(people_run)], str(people_faces), task="verification", part="train", seed=2)
    files = CelebA(people_faces, split="random", seed=5).part("train").files.tolist()
    person = {file: who for file, who, _ in labelled(people_faces)}
    vectors = unit_embeddings(people_faces, files)
    compared = list(itertools.combinations(files, 2))
    genuine = [person[one] == person[two] for one, two in compared]
    result = load(people_run / "verification-train-part" / "tiny.json")
    assert (result["genuine"], result["impostor"]) == (sum(genuine), len(compared) - sum(genuine))
    scores = [vectors[one] @ vectors[two] for one, two in compared]
    assert result["auc"] == pytest.approx(roc_auc_score(genuine, scores), abs=1e-4)


def test_a_part_is_verified_against_another_at_the_rates_asked_for(people_run, people_faces):
    asked = {"task": "verification", "part": "test", "against": "validation", "fars": [0.3, 0.1]}
    evaluate.main([str(people_run)], str(people_faces), **asked)
    rows = labelled(people_faces)
    sides = [[(file, person) for file, person, part in rows if part == code] for code in (2, 1)]
    vectors = unit_embeddings(people_faces, [file for file, *_ in rows])
    compared = list(itertools.product(*sides))
    scores = [vectors[one[0]] @ vectors[two[0]] for one, two in compared]
    result = load(people_run / "verification-test-part-against-validation-part" / "tiny.json")
    assert_rates(result, scores, [one[1] == two[1] for one, two in compared])
    assert [point["far"] for point in result["tar"]] == asked["fars"]


def test_pairs_of_lfws_form_keep_their_folds(people_run, people_faces, lfw):
    evaluate.main([str(people_run)], str(lfw), task="verification", pairs=str(lfw.parent / "pairs.txt"))
    result = load(people_run / "verification-pairs" / "tiny.json")
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


def test_a_folder_of_people_needs_no_labels(people_run, lfw):
    evaluate.main([str(people_run / "embedding.tflite")], str(lfw), task="verification", template=2)
    result = load(people_run / "verification-lfw-templates-of-2" / "embedding.tflite.json")
    counts = [len(list((lfw / name).iterdir())) // 2 for name in ("Ann_Lee", "Bo")]
    assert result["impostor"] == counts[0] * counts[1]
    assert result["genuine"] == sum(count * (count - 1) // 2 for count in counts)


def test_chi_squared_takes_features_that_are_not_negative(people_run, people_faces):
    settings = {"task": "verification", "distance": "chi_squared"}
    with pytest.raises(ValueError, match="chi-squared needs features of 0 or more, found -.*; use the cosine"):
        evaluate.main([str(people_run)], str(people_faces), **settings)
    identity_model(activation="relu").save(people_run / "model.keras")
    evaluate.main([str(people_run)], str(people_faces), **settings)
    result = load(people_run / "verification-people-held-out-of-training-chi-squared" / "tiny.json")
    assert result["distance"] == "chi_squared"
    assert 0 <= result["eer"] <= 1
