"""Attribute figures against scikit-learn, hand-worked values and an exhaustive search."""

import csv
import io
import json
import os
import warnings

import numpy as np
import pytest
import rich.console
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import accuracy_score, balanced_accuracy_score, f1_score

from tfslim.metrics.attributes import accuracy_thresholds, attribute_table, balanced_thresholds, print_table


def sample(images: int = 200, attributes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(3)
    labels = (random.random((images, attributes)) < np.linspace(0.1, 0.8, attributes)).astype(np.uint8)
    return labels, (labels - 0.6 + random.normal(size=labels.shape)).astype(np.float32)


NAMES = ["Bald", "Bangs", "Male", "Smiling", "Young"]


def test_hand_worked_table():
    # Smiling: 2 of 3 smiles found, 1 false alarm among 2. Bald: never called, once there.
    labels = np.array([[1, 1], [1, 0], [1, 0], [0, 0], [0, 0]])
    logits = np.array([[2, -1], [0.5, -1], [-1, -1], [3, -1], [-2, -1.0]])
    table = attribute_table(labels, logits, ["Smiling", "Bald"])
    np.testing.assert_allclose(table.accuracy, [3 / 5, 4 / 5])
    np.testing.assert_allclose(table.balanced_accuracy, [(2 / 3 + 1 / 2) / 2, 1 / 2])
    np.testing.assert_allclose(table.f1, [2 * 2 / (3 + 3), 0])
    np.testing.assert_allclose(table.positive_rate, [3 / 5, 1 / 5])
    np.testing.assert_allclose(table.majority, [3 / 5, 4 / 5])
    assert table.means()["accuracy"] == pytest.approx(0.7)
    assert table.images == 5


def test_agrees_with_scikit_learn():
    labels, logits = sample()
    thresholds = np.array([0.0, 0.3, -0.4, 1.0, 0.0])
    table = attribute_table(labels, logits, NAMES, thresholds)
    for index in range(len(NAMES)):
        truth, answers = labels[:, index], logits[:, index] > thresholds[index]
        assert table.accuracy[index] == pytest.approx(accuracy_score(truth, answers))
        assert table.balanced_accuracy[index] == pytest.approx(balanced_accuracy_score(truth, answers))
        assert table.f1[index] == pytest.approx(f1_score(truth, answers))


def test_a_logit_on_the_threshold_is_a_no():
    table = attribute_table(np.array([[0], [1]]), np.array([[0.5], [0.6]]), ["Young"], [0.5])
    assert table.accuracy[0] == 1


def test_one_class_alone_gives_its_recall_without_warnings():
    labels = np.array([[1, 0], [1, 0], [1, 0], [1, 0]])
    logits = np.array([[1, -1], [1, -1], [1, -1], [-1, 1.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = attribute_table(labels, logits, ["Young", "Bald"])
    np.testing.assert_allclose(table.balanced_accuracy, [0.75, 0.75])
    np.testing.assert_allclose(table.f1, [6 / 7, 0])
    np.testing.assert_allclose(table.majority, [1, 1])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float32])
def test_labels_of_any_dtype(dtype):
    labels, logits = sample()
    table = attribute_table(labels.astype(dtype), logits, NAMES)
    np.testing.assert_array_equal(table.accuracy, attribute_table(labels, logits, NAMES).accuracy)


def test_bad_input_is_named():
    labels, logits = sample(4)
    bad = logits.copy()
    bad[2, 3] = np.nan
    with pytest.raises(ValueError, match=r"Smiling: the logit in row 2 is nan, expected a finite number \(1 such"):
        attribute_table(labels, bad, NAMES)
    with pytest.raises(
        ValueError, match=r"Bald: the label in row 0 is -1, expected 0 or 1 \(convert CelebA's -1 to 0\)"
    ):
        attribute_table(np.full((4, 5), -1), logits, NAMES)
    with pytest.raises(ValueError, match=r"labels \(4, 4\) and logits \(4, 5\)"):
        attribute_table(labels[:, :4], logits, NAMES)
    with pytest.raises(ValueError, match="4 names for 5 attributes"):
        attribute_table(labels, logits, NAMES[:4])
    with pytest.raises(ValueError, match=r"thresholds has shape \(2,\), expected \(5,\)"):
        attribute_table(labels, logits, NAMES, [0, 0])
    with pytest.raises(ValueError, match="Bangs: the threshold in row 0 is inf"):
        attribute_table(labels, logits, NAMES, [0, np.inf, 0, 0, 0])
    with pytest.raises(ValueError, match="have no rows; expected at least one image"):
        attribute_table(labels[:0], logits[:0], NAMES)
    with pytest.raises(ValueError, match="attribute 3: the logit"):
        balanced_thresholds(labels, bad)


def balanced(labels, logits, thresholds):
    names = [str(index) for index in range(labels.shape[1])]
    return attribute_table(labels, logits, names, thresholds).balanced_accuracy


def accuracy(labels, logits, thresholds):
    names = [str(index) for index in range(labels.shape[1])]
    return attribute_table(labels, logits, names, thresholds).accuracy


def test_thresholds_worked_by_hand():
    labels = np.array([[0, 0, 1, 0], [0, 1, 1, 0], [1, 0, 1, 1], [1, 1, 1, 1]])
    logits = np.array([[-4, -1, 1, -1], [-3, 3, -2, -2], [-1, -3, 3, 2], [2, 4, 4, 3.0]])
    # 1: the gap -3..-1 parts them. 2: (-1, 3) parts well, and 0 lies in it. 3: one class. 4: 0 is perfect.
    np.testing.assert_array_equal(balanced_thresholds(labels, logits), [-2, 0, 0, 0])
    np.testing.assert_array_equal(accuracy_thresholds(labels, logits), [-2, 0, 0, 0])


def test_among_equally_good_thresholds_the_nearest_to_zero_wins_then_the_lower():
    # Balanced accuracy 3/4 both in the gap 1..2 and in the gap 3..4, and less at 0.
    labels, logits = np.array([[0], [1], [0], [1]]), np.array([[1], [2], [3], [4.0]])
    assert balanced_thresholds(labels, logits)[0] == 1.5
    assert balanced_thresholds(1 - labels, -logits)[0] == -1.5
    # Accuracy 3/4 in -4..-2 and in 2..4, 1/2 at 0: equally far from 0.
    labels, logits = np.array([[0], [1], [0], [1]]), np.array([[-4], [-2], [2], [4.0]])
    assert accuracy_thresholds(labels, logits)[0] == -3


logit_values = st.sampled_from([-2.0, -1.5, -1.0, 0.0, 0.25, 0.5, 1.0, 3.0])


@settings(deadline=None, max_examples=150)
@given(
    st.integers(2, 9).flatmap(
        lambda n: st.tuples(
            hnp.arrays(np.uint8, (n, 2), elements=st.integers(0, 1)), hnp.arrays(float, (n, 2), elements=logit_values)
        )
    )
)
def test_no_other_threshold_is_better(sample):
    labels, logits = sample
    every = np.unique(np.concatenate([logits.ravel() - 0.1, logits.ravel() + 0.1, [0.0]]))
    for choose, figure in ((balanced_thresholds, balanced), (accuracy_thresholds, accuracy)):
        chosen = choose(labels, logits)
        best = np.max([figure(labels, logits, np.full(2, threshold)) for threshold in every], axis=0)
        one_class = labels.min(axis=0) == labels.max(axis=0)
        got = figure(labels, logits, chosen)
        np.testing.assert_allclose(got[~one_class], best[~one_class])
        np.testing.assert_array_equal(chosen[one_class], 0)


def test_neighbouring_floats_are_parted():
    low = 1.0
    high = np.nextafter(low, 2)
    labels, logits = np.array([[0], [1]]), np.array([[low], [high]])
    assert balanced(labels, logits, balanced_thresholds(labels, logits))[0] == 1


def test_json_and_csv(tmp_path):
    labels, logits = sample()
    table = attribute_table(labels, logits, NAMES)
    loaded = json.loads(json.dumps(table.to_dict()))
    assert loaded["images"] == 200
    assert loaded["means"] == table.means()
    assert [row["attribute"] for row in loaded["attributes"]] == NAMES
    path = tmp_path / "attributes.csv"
    table.to_csv(path)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["attribute"] for row in rows] == [*NAMES, "mean"]
    assert float(rows[1]["f1"]) == table.f1[1]
    assert float(rows[-1]["balanced_accuracy"]) == table.means()["balanced_accuracy"]
    assert os.listdir(tmp_path) == ["attributes.csv"]


def test_printed_table():
    labels = np.array([[1, 0], [1, 1], [0, 0], [0, 0]])
    logits = np.array([[1, -1], [1, 1], [1, -1], [-1, -1.0]])
    console = rich.console.Console(file=io.StringIO(), width=100)
    print_table(attribute_table(labels, logits, ["Smiling", "Bald"], [0, 0.5]), "test part", console)
    lines = [line.split() for line in console.file.getvalue().splitlines()]
    assert ["Smiling", "75.00%", "75.00%", "80.00%", "50.00%", "50.00%", "+0.00"] in lines
    assert ["Bald", "100.00%", "100.00%", "100.00%", "25.00%", "75.00%", "+0.50"] in lines
    assert ["mean", "of", "2", "87.50%", "87.50%", "90.00%", "37.50%", "62.50%"] in lines
    assert ["4", "images"] in lines
