"""people.json beside a model: what is written is read, and damage is said."""

import json

import pytest

from tfslim.data.celeba.people import People, read_people, write_people


@pytest.mark.parametrize("people", [People((5, 9)), People((5, 9, 11), (2, 3), (120, 100), "random", 4)])
def test_what_is_written_is_read(tmp_path, people):
    assert write_people(tmp_path / "model.keras", people) == tmp_path / "people.json"
    assert read_people(tmp_path) == people
    assert read_people(tmp_path / "model.tflite", outputs=len(people.identities)) == people


def test_no_file_is_no_people(tmp_path):
    assert read_people(tmp_path / "model.keras") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"identities": [1]}'])
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(ValueError, match="people.json: damaged"):
        read_people(tmp_path)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"identities": "123"}, "identities must be whole numbers, found '123'"),
        ({"identities": ["1", "2"]}, "identities must be whole numbers"),
        ({"held_out": [1.5]}, "held_out must be whole numbers"),
        ({"identities": [4, 5, 4]}, "duplicate person 4"),
        ({"held_out": [9, 2]}, "duplicate person 2 in identities and held_out"),
        ({"crop": [120, -1]}, "crop must be a height and a width"),
        ({"crop": [120]}, "crop must be a height and a width"),
        ({"crop": 120}, "crop must be whole numbers, found 120"),
        ({"split": "x"}, "split must be official, 7:2:1, random, found 'x'"),
        ({"split_seed": "a"}, "invalid literal"),
    ],
)
def test_values_that_people_cannot_have_are_said(tmp_path, wrong, message):
    write_people(tmp_path, People((1, 2)))
    path = tmp_path / "people.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | wrong))
    with pytest.raises(ValueError, match=f"people.json: damaged: .*{message}"):
        read_people(tmp_path)


def test_another_number_of_outputs_is_refused(tmp_path):
    write_people(tmp_path, People((1, 2)))
    with pytest.raises(ValueError, match="has 2 identities, but the model has 3 outputs"):
        read_people(tmp_path, outputs=3)
