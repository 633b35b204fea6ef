"""labels.json beside a model."""

import json
import re

import pytest

from tfslim.data.celeba.attributes import ATTRIBUTES, Labels, attribute_columns, read_labels, write_labels


def test_labels_round_trip_beside_a_model_and_in_a_folder(tmp_path):
    written = write_labels(tmp_path / "model.keras", ["Smiling", "Male"], [0.5, -1])
    assert written == tmp_path / "labels.json"
    expected = Labels(("Smiling", "Male"), (0.5, -1.0))
    assert read_labels(tmp_path / "model.tflite", outputs=2) == expected == read_labels(tmp_path)
    assert json.loads(written.read_text()) == {"attributes": ["Smiling", "Male"], "thresholds": [0.5, -1.0]}
    assert [path.name for path in tmp_path.iterdir()] == ["labels.json"]


def test_thresholds_are_zero_unless_given(tmp_path):
    write_labels(tmp_path, ["Smiling", "Male"])
    assert read_labels(tmp_path).thresholds == (0.0, 0.0)
    (tmp_path / "labels.json").write_text('{"attributes": ["Bald"]}')
    assert read_labels(tmp_path) == Labels(("Bald",), (0.0,))


def test_forty_outputs_without_a_file_are_celebas(tmp_path):
    assert read_labels(tmp_path / "model.keras", outputs=40) == Labels(ATTRIBUTES, (0.0,) * 40)
    with pytest.raises(ValueError, match="model has 12 outputs, not CelebA's 40"):
        read_labels(tmp_path / "model.keras", outputs=12)


DAMAGED = {
    "no json": ("{", "is not JSON"),
    "a list": ("[]", 'expected {"attributes"'),
    "no names": ('{"attributes": []}', "must be a list of names"),
    "numbers": ('{"attributes": [1]}', "must be a list of names"),
    "twice": ('{"attributes": ["a", "a"]}', "duplicate attribute names"),
    "short": ('{"attributes": ["a", "b"], "thresholds": [0]}', "must be 2 finite numbers"),
    "nan": ('{"attributes": ["a"], "thresholds": [NaN]}', "must be 1 finite numbers"),
    "words": ('{"attributes": ["a"], "thresholds": ["0"]}', "must be 1 finite numbers"),
    "other count": ('{"attributes": ["a"]}', "names 1 attributes, but the model has 3 outputs"),
}


@pytest.mark.parametrize("text, told", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_told(tmp_path, text, told):
    (tmp_path / "labels.json").write_text(text)
    with pytest.raises(ValueError, match=re.escape(told)) as caught:
        read_labels(tmp_path / "model.keras", outputs=3)
    assert str(tmp_path / "labels.json") in str(caught.value)


def test_nothing_wrong_is_written(tmp_path):
    with pytest.raises(ValueError, match="must be 2 finite numbers"):
        write_labels(tmp_path, ["Smiling", "Male"], [0.0, float("inf")])
    assert list(tmp_path.iterdir()) == []


def test_columns_of_attributes():
    assert attribute_columns(["Smiling", "Male"]) == [31, 20]
    with pytest.raises(ValueError, match="did you mean 'Blond_Hair'"):
        attribute_columns(["Blonde_Hair"])
