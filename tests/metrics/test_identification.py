"""Figures of identification against hand-worked values and scikit-learn."""

import csv
import json

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, top_k_accuracy_score

from tfslim.metrics.identification import identity_table


def test_hand_worked_table():
    # Person 0: one of two right. Person 3: right. Person 1 has no image, and person 2 is never right.
    labels = np.array([0, 0, 2, 3])
    logits = np.array([[2, 1, 0, 0.0], [0, 1, 2, 3], [1, 2, 0, 3], [0, 0, 0, 1]])
    table = identity_table(labels, logits)
    assert (table.images, table.top_1, table.top_5) == (4, 2 / 4, 1)
    assert table.balanced_accuracy == pytest.approx((1 / 2 + 0 + 1) / 3)
    assert table.majority == 2 / 4
    assert table.people.tolist() == [0, 2, 3]
    assert table.images_each.tolist() == [2, 1, 1]
    assert table.top_1_each.tolist() == [0.5, 0, 1]
    assert table.top_5_each.tolist() == [1, 1, 1]


def test_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    labels = np.concatenate([np.arange(12), random.integers(0, 12, 200)])
    logits = random.normal(size=(212, 12)) + 1.5 * np.eye(12)[labels]
    table = identity_table(labels, logits)
    assert table.top_1 == pytest.approx(top_k_accuracy_score(labels, logits, k=1))
    assert table.top_5 == pytest.approx(top_k_accuracy_score(labels, logits, k=5))
    assert table.balanced_accuracy == pytest.approx(balanced_accuracy_score(labels, logits.argmax(axis=1)))
    assert np.average(table.top_5_each, weights=table.images_each) == pytest.approx(table.top_5)


def test_equal_logits_go_to_the_first_output_as_for_argmax():
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 7, 300), random.integers(0, 3, (300, 7)).astype(float)
    assert identity_table(labels, logits).top_1 == pytest.approx((logits.argmax(axis=1) == labels).mean())
    assert identity_table(np.arange(7), np.zeros((7, 7))).top_5 == pytest.approx(5 / 7)


def test_json_and_csv(tmp_path):
    table = identity_table(np.array([0, 2, 2]), np.eye(3)[[0, 2, 1]])
    loaded = json.loads(json.dumps(table.to_dict()))
    assert loaded == {
        "images": 3, "people": 2, "top_1": 2 / 3, "top_5": 1, "balanced_accuracy": 0.75, "majority": 2 / 3,
    }  # fmt: skip
    table.to_csv(tmp_path / "people.csv", names=(2880, 2937, 8692))
    with open(tmp_path / "people.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["person"] for row in rows] == ["2880", "8692"]
    assert (rows[1]["images"], float(rows[1]["top_1"]), float(rows[1]["top_5"])) == ("2", 0.5, 1)
    table.to_csv(tmp_path / "people.csv")
    assert (tmp_path / "people.csv").read_text().splitlines()[1].startswith("0,1,")


@pytest.mark.parametrize(
    ("labels", "logits", "message"),
    [
        ([], np.zeros((0, 3)), "labels and logits have no rows"),
        ([0, 3], np.zeros((2, 3)), "labels are 0 to 3, expected output indices 0 to 2"),
        ([-1, 0], np.zeros((2, 3)), "labels are -1 to 0"),
        ([0], np.zeros((2, 3)), r"labels \(1,\) and logits \(2, 3\)"),
        ([0, 1], np.array([[0, 1], [np.nan, 0]]), "the logits of row 1 hold NaN"),
    ],
)
def test_what_does_not_fit_is_said(labels, logits, message):
    with pytest.raises(ValueError, match=message):
        identity_table(np.array(labels, int), logits)
