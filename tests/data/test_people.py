"""people.json beside a model: what is written is read, and damage is said."""

import pytest

from tfslim.data.people import People, read_people, write_people


@pytest.mark.parametrize("people", [People((5, 9)), People((5, 9, 11), (2, 3), (120, 100), "random", 4)])
def test_what_is_written_is_read(tmp_path, people):
    assert write_people(tmp_path / "model.keras", people) == tmp_path / "people.json"
    assert read_people(tmp_path) == people
    assert read_people(tmp_path / "model.tflite", outputs=len(people.identities)) == people


def test_no_file_is_no_people(tmp_path):
    assert read_people(tmp_path / "model.keras") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"identities": [1]}', '{"identities": ["a"], "held_out": [], "crop": null}']
)
def test_a_damaged_file_is_named(tmp_path, text):
    (tmp_path / "people.json").write_text(text)
    with pytest.raises(ValueError, match="people.json: damaged"):
        read_people(tmp_path)


def test_another_number_of_outputs_is_refused(tmp_path):
    write_people(tmp_path, People((1, 2)))
    with pytest.raises(ValueError, match="has 2 identities for a model of 3 outputs"):
        read_people(tmp_path, outputs=3)
