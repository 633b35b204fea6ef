"""Folders that hold a sub-folder of images for each person."""

import numpy as np
import pytest
from PIL import Image

from tfslim.data.images import ImageError, open_image
from tfslim.data.verification.pairs import pairs
from tfslim.data.verification.people_folder import PeopleFolder, people_folder


@pytest.fixture
def people(tmp_path):
    for name, value in (
        ("Bo/2.png", 20),
        ("Bo/10.jpg", 10),
        ("Ann/face.WEBP", 30),
        (".hidden/1.jpg", 1),
        ("loose.jpg", 2),
    ):
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (6, 4), (value, value, value)).save(path)
    (tmp_path / "people" / "Empty").mkdir()
    (tmp_path / "people" / "Bo" / "notes.txt").write_text("no image")
    return tmp_path / "people"


def test_a_folder_of_people(people):
    records = people_folder(people)
    assert records.files.tolist() == ["Ann/face.WEBP", "Bo/10.jpg", "Bo/2.png"]
    assert records.identities.tolist() == [0, 1, 1]
    assert records.identities.dtype == np.int32
    assert records.attributes is None and len(records.parts) == 3
    drawn = pairs(records)
    assert (len(drawn), int(drawn.genuine.sum())) == (3, 1)


def test_the_images_of_a_folder_of_people_are_read(people):
    source = PeopleFolder(people)
    assert source.names() == {"Ann/face.WEBP", "Bo/10.jpg", "Bo/2.png"}
    assert open_image(source, "Bo/2.png").getpixel((0, 0)) == (20, 20, 20)
    for name in (
        "../people/Bo/2.png",
        "Bo/../Bo/2.png",
        "loose.jpg",
        "/etc/passwd",
        "../loose.jpg",
        "Bo/",
        "./loose.jpg",
    ):
        with pytest.raises(ValueError, match="is not the name of an image"):
            source.read(name)
    with pytest.raises(ImageError, match="Bo/3.png: can't be read"):
        open_image(source, "Bo/3.png")


def test_a_folder_without_people_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        people_folder(tmp_path / "nowhere")
    (tmp_path / "Ann").mkdir()
    with pytest.raises(ValueError, match="no sub-folder holds an image"):
        people_folder(tmp_path)
