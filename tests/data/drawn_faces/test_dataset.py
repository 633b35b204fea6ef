"""The drawn faces: their layout, that they repeat, and that attributes and people can be seen in them."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pytest
from PIL import Image

from tfslim.data import CelebA
from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.drawn_faces.dataset import DRAWN_ATTRIBUTES, draw_faces, drawn_face
from tfslim.data.drawn_faces.painter import paint
from tfslim.data.drawn_faces.pen import Pose
from tfslim.data.drawn_faces.traits import Shot, draw_attributes, draw_person, settled

STILL = Shot(
    pose=Pose(),
    gaze=0.0,
    light=(1.0, 1.0, 1.0, 1.0),
    warmth=0.0,
    backdrop=((150, 170, 190), (180, 180, 170)),
    clothes=(52, 78, 120),
    accent=(150, 52, 56),
    variant=0,
)
PLAIN = frozenset({"Young", "No_Beard", "Brown_Hair"})

# Where an attribute may be seen: left, top, right, bottom in CelebA's frame of 178 x 218. The eyes are at (69, 111) and
# (109, 111), the mouth at (89, 152). What concerns all of the head or the picture has no box.
EYES, BROWS, MOUTH, JAW = (44, 96, 134, 128), (50, 84, 128, 106), (62, 132, 116, 172), (38, 100, 140, 190)
REGIONS = {
    "5_o_Clock_Shadow": JAW,
    "Arched_Eyebrows": BROWS,
    "Bags_Under_Eyes": (54, 114, 124, 130),
    "Bald": (30, 30, 148, 125),
    "Bangs": (45, 50, 133, 106),
    "Big_Lips": MOUTH,
    "Big_Nose": (68, 120, 110, 148),
    "Bushy_Eyebrows": BROWS,
    "Double_Chin": (55, 140, 123, 192),
    "Eyeglasses": (40, 94, 138, 130),
    "Goatee": JAW,
    "Heavy_Makeup": EYES,
    "High_Cheekbones": (45, 118, 133, 160),
    "Mouth_Slightly_Open": MOUTH,
    "Mustache": MOUTH,
    "Narrow_Eyes": EYES,
    "No_Beard": JAW,
    "Pointy_Nose": (72, 112, 106, 148),
    "Receding_Hairline": (44, 48, 134, 120),
    "Rosy_Cheeks": (46, 118, 132, 150),
    "Sideburns": (40, 98, 138, 148),
    "Smiling": MOUTH,
    "Wearing_Earrings": (34, 124, 144, 158),
    "Wearing_Hat": (10, 10, 168, 100),
    "Wearing_Lipstick": MOUTH,
    "Wearing_Necklace": (60, 176, 118, 218),
    "Wearing_Necktie": (0, 170, 178, 218),
    "Young": (44, 74, 134, 156),
}


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    return draw_faces(tmp_path_factory.mktemp("drawn") / "faces", count=160, identities=10, seed=3, size=(109, 89))


def lines(folder, name):
    return (folder / name).read_bytes().decode("ascii").split("\n")


def files_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_files_are_laid_out_as_in_celeba(faces):
    labels = lines(faces, "list_attr_celeba.txt")
    assert labels[0] == "160"
    assert labels[1] == " ".join(ATTRIBUTES) + " "
    assert labels[-1] == "" and len(labels) == 163
    for number, row in enumerate(labels[2:-1], 1):
        assert row[:10] == f"{number:06d}.jpg"
        assert [row[at : at + 3] in ("  1", " -1") for at in range(10, len(row), 3)] == [True] * 40
    for name in ("identity_CelebA.txt", "list_eval_partition.txt"):
        rows = [row.split(" ") for row in lines(faces, name)[:-1]]
        assert [row[0] for row in rows] == [f"{number:06d}.jpg" for number in range(1, 161)]
    with Image.open(faces / "img_align_celeba" / "000160.jpg") as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (89, 109))


def test_our_reader_takes_them_and_every_person_is_in_every_part(faces):
    celeba = CelebA(faces)
    parts = {part: celeba.part(part) for part in ("train", "validation", "test")}
    assert [len(records.files) for records in parts.values()] == [120, 20, 20]
    assert all(len(set(records.identities)) == 10 for records in parts.values())


def test_drawn_attributes_vary_and_the_others_are_constant(faces):
    rows = [row.split()[1:] for row in lines(faces, "list_attr_celeba.txt")[2:-1]]
    values = np.array(rows, int)
    varying = {name for name, column in zip(ATTRIBUTES, values.T, strict=True) if len(set(column)) == 2}
    assert len(varying) >= 30
    assert varying <= set(DRAWN_ATTRIBUTES) <= set(ATTRIBUTES)
    for name in set(ATTRIBUTES) - set(DRAWN_ATTRIBUTES):
        assert set(values[:, ATTRIBUTES.index(name)]) == {-1}


def test_every_drawn_attribute_is_shown_by_somebody_and_not_by_everybody():
    pictures = [draw_attributes(draw_person(0, n % 60), np.random.default_rng([0, n])) for n in range(600)]
    for name in DRAWN_ATTRIBUTES:
        assert 0.01 < np.mean([name in shown for shown in pictures]) < 0.9, name


def test_attributes_that_rule_each_other_out_are_not_shown_together():
    colours = {"Black_Hair", "Blond_Hair", "Brown_Hair", "Gray_Hair"}
    for number in range(600):
        shown = draw_attributes(draw_person(1, number % 60), np.random.default_rng([1, number]))
        assert len(shown & colours) <= 1
        assert not {"Straight_Hair", "Wavy_Hair"} <= shown
        if "Bald" in shown:
            assert not shown & (colours | {"Bangs", "Straight_Hair", "Wavy_Hair", "Wearing_Hat"})
        if "No_Beard" in shown:
            assert "Goatee" not in shown
        if "Male" not in shown:
            assert "No_Beard" in shown and "Mustache" not in shown
    assert settled(frozenset({"Bald", "Wearing_Hat", "Brown_Hair"})) == {"Wearing_Hat"}


def test_the_same_arguments_give_the_same_bytes_and_another_seed_other_ones(tmp_path):
    first = files_of(draw_faces(tmp_path / "a", 12, 3, seed=5, size=(64, 64)))
    assert files_of(draw_faces(tmp_path / "b", 12, 3, seed=5, size=(64, 64))) == first
    other = files_of(draw_faces(tmp_path / "c", 12, 3, seed=6, size=(64, 64)))
    assert not {first[name] for name in first if name.endswith(".jpg")} & set(other.values())


def test_a_larger_count_only_adds_pictures(tmp_path):
    few = files_of(draw_faces(tmp_path / "few", 7, 3, size=(64, 64)))
    many = files_of(draw_faces(tmp_path / "many", 12, 3, size=(64, 64)))
    assert all(many[name] == data for name, data in few.items() if name.endswith(".jpg"))
    assert many["identity_CelebA.txt"].startswith(few["identity_CelebA.txt"])
    assert many["list_eval_partition.txt"].startswith(few["list_eval_partition.txt"])


@pytest.mark.parametrize("name", DRAWN_ATTRIBUTES)
def test_an_attribute_is_seen_where_it_belongs_and_nowhere_else(name):
    person = dataclasses.replace(
        draw_person(0, 0), hair_length="short", moles=(), freckles=(), attributes=PLAIN, skin=(232, 186, 150)
    )
    base = PLAIN - {name}
    if name in ("Black_Hair", "Blond_Hair", "Gray_Hair"):
        base -= {"Brown_Hair"}
    without, with_it = (np.asarray(paint(person, shown, STILL)).astype(int) for shown in (base, base | {name}))
    changed = np.abs(with_it - without).max(axis=2) > 16
    left, top, right, bottom = REGIONS.get(name, (0, 0, 178, 218))
    inside = changed[top:bottom, left:right].sum()
    assert inside >= 100
    assert changed.sum() == inside


def test_pictures_of_one_person_are_more_alike_than_those_of_two(faces):
    images, _, people = CelebA(faces).arrays("train", (109, 89))
    # Skin and hair as a simple colour feature: the head only, since backdrop and clothes change with every picture.
    heads = images[:, 24:96, 22:67].reshape(len(images), 12, 6, 5, 9, 3).mean(axis=(2, 4)).reshape(len(images), -1)
    distance = np.linalg.norm(heads[:, None] - heads[None], axis=2)
    same = people[:, None] == people[None]
    apart = ~np.eye(len(images), dtype=bool)
    assert distance[same & apart].mean() < 0.75 * distance[~same].mean()
    np.fill_diagonal(distance, np.inf)
    nearest = people[distance.argmin(axis=1)]
    assert (nearest == people).mean() > 0.8  # by chance 0.1


@pytest.mark.parametrize("size", [(218, 178), (64, 64), (48, 120), (32, 32), (218, 179)])
def test_any_size_is_drawn(size):
    picture, shown = drawn_face(4, 1, size=size)
    assert picture.size == (size[1], size[0])
    assert np.asarray(picture).std() > 20
    assert shown <= set(DRAWN_ATTRIBUTES)


def test_a_complete_folder_is_left_as_it_is(tmp_path):
    folder = draw_faces(tmp_path / "faces", 4, 2, size=(32, 32))
    before = os.stat(folder / "img_align_celeba" / "000001.jpg").st_mtime_ns
    assert draw_faces(str(folder), 4, 2, size=(32, 32)) == folder
    assert os.stat(folder / "img_align_celeba" / "000001.jpg").st_mtime_ns == before
    with pytest.raises(FileExistsError, match="'count': 4.*'count': 5"):
        draw_faces(folder, 5, 2, size=(32, 32))
    os.remove(folder / "img_align_celeba" / "000002.jpg")
    os.remove(folder / "identity_CelebA.txt")
    with pytest.raises(FileExistsError, match="3 of 4 images, no identity_CelebA.txt"):
        draw_faces(folder, 4, 2, size=(32, 32))


def test_nothing_of_somebody_else_is_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "mine.jpg").write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="holds no drawn faces"):
        draw_faces(tmp_path / "photos", 4, 2)
    with pytest.raises(FileExistsError, match="is a file"):
        draw_faces(tmp_path / "photos" / "mine.jpg", 4, 2)
    assert files_of(tmp_path) == {os.path.join("photos", "mine.jpg"): b"mine"}
    with pytest.raises(FileNotFoundError, match="make it first"):
        draw_faces(tmp_path / "no" / "faces", 4, 2)


def test_a_run_that_breaks_leaves_nothing(tmp_path, monkeypatch):
    def break_off(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr("tfslim.data.drawn_faces.dataset.draw_attributes", break_off)
    with pytest.raises(KeyboardInterrupt):
        draw_faces(tmp_path / "faces", 4, 2)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled_and_its_stamp_says_with_what(tmp_path):
    (tmp_path / "faces").mkdir()
    folder = draw_faces(tmp_path / "faces", count=4, size=(32, 40))
    stamp = json.loads((folder / "drawn_faces.json").read_text())
    assert (stamp["count"], stamp["identities"], stamp["size"]) == (4, 2, [32, 40])
    shutil.rmtree(folder)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"count": 0}, "count is 0"),
        ({"count": 1_000_000}, "six digits"),
        ({"count": 3, "identities": 4}, r"identities is 4; expected 1 to count \(3\)"),
        ({"count": 3, "identities": 0}, "identities is 0"),
        ({"count": 3, "seed": -1}, "seed is -1"),
        ({"count": 3, "size": (218, 8)}, r"size is \(218, 8\)"),
    ],
)
def test_arguments_out_of_range_are_told(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        draw_faces(tmp_path / "faces", **arguments)
    assert list(tmp_path.iterdir()) == []


def test_every_file_is_on_the_disk_before_the_folder_gets_its_name(tmp_path, monkeypatch):
    flushed, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (flushed.append(os.fstat(handle).st_ino), sync(handle)))
    monkeypatch.setattr(os, "replace", lambda *paths: (flushed.append("renamed"), replace(*paths)))
    folder = draw_faces(tmp_path / "faces", count=3, identities=1, size=(32, 32))
    renamed = flushed.index("renamed")
    assert {path.stat().st_ino for path in [*folder.rglob("*"), folder]} == set(flushed[:renamed])
    assert flushed[renamed + 1 :] == [tmp_path.stat().st_ino]
