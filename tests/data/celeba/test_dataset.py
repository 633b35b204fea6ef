"""CelebA from a folder: records, splits, restrictions, arrays."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from tfslim.data import CelebA, Records
from tfslim.data.celeba.attributes import ATTRIBUTES

PARTS = ("train", "validation", "test")


@pytest.mark.parametrize("form", ["txt", "csv"])
@pytest.mark.parametrize("images", ["folder", "nested", "zip"])
def test_every_layout_gives_the_same_records(celeba_folder, form, images):
    little = celeba_folder(10, form=form, images=images)
    celeba = CelebA(little.path)
    assert celeba.attribute_names == ATTRIBUTES
    assert celeba.identity_map is None and celeba.skipped == {}
    for code, name in enumerate(PARTS):
        part, rows = celeba.part(name), little.parts == code
        assert part.files.tolist() == np.array(little.files)[rows].tolist()
        assert (part.attributes == little.attributes[rows]).all()
        assert (part.identities == little.identities[rows]).all()
        assert (part.parts == code).all() and len(part) == rows.sum()
    assert celeba.read("000003.jpg") == little.jpeg(2)


def test_celebas_own_download_keeps_labels_in_anno_and_eval(celeba_folder):
    little = celeba_folder(10)
    for place, file in (("Anno", "list_attr_celeba"), ("Anno", "identity_CelebA"), ("Eval", "list_eval_partition")):
        (little.path / place).mkdir(exist_ok=True)
        (little.path / f"{file}.txt").rename(little.path / place / f"{file}.txt")
    assert len(CelebA(little.path).part("train")) == 6


def test_label_files_in_another_order_are_joined_by_name(celeba_folder):
    little = celeba_folder(10)
    for file in ("identity_CelebA.txt", "list_eval_partition.txt"):
        lines = (little.path / file).read_text().splitlines()
        (little.path / file).write_text("\n".join(lines[::-1]))
    part = CelebA(little.path).part("train")
    assert part.files.tolist() == little.files[:6]
    assert (part.identities == little.identities[:6]).all()


def test_windows_line_ends_and_byte_order_marks_change_nothing(celeba_folder):
    little = celeba_folder(10)
    expected = CelebA(little.path).part("train")
    for path in little.path.glob("*.txt"):
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    got = CelebA(little.path).part("train")
    assert got.files.tolist() == expected.files.tolist()
    assert (got.attributes == expected.attributes).all() and (got.identities == expected.identities).all()


@pytest.mark.parametrize("labels, attributes, identities", [("ip", False, True), ("ap", True, False)])
def test_attributes_or_identities_may_be_lacking(celeba_folder, labels, attributes, identities):
    celeba = CelebA(celeba_folder(10, labels=labels).path)
    part = celeba.part("test")
    assert (part.attributes is not None, part.identities is not None) == (attributes, identities)
    assert celeba.attribute_names == (ATTRIBUTES if attributes else ())
    images, got_attributes, got_identities = celeba.arrays("test", (8, 8))
    assert len(images) == 2
    assert (got_attributes is None, got_identities is None) == (not attributes, not identities)


def test_split_by_order_needs_no_partition_file(celeba_folder):
    little = celeba_folder(10, labels="ai")
    celeba = CelebA(little.path, split="7:2:1")
    assert [celeba.part(name).files.tolist() for name in PARTS] == [
        little.files[:7],
        little.files[7:9],
        little.files[9:],
    ]


def test_random_split_depends_on_the_seed_alone(celeba_folder):
    path = celeba_folder(40, labels="ai").path
    parts = [CelebA(path, split="random", seed=seed).part("train").files.tolist() for seed in (3, 3, 4)]
    assert parts[0] == parts[1] != parts[2]
    assert len(parts[0]) == 28 and parts[0] == sorted(parts[0])


def test_a_part_does_not_depend_on_the_restriction(celeba_folder):
    little = celeba_folder(40, labels="ai", people=9)  # four people have 5 images, five have 4
    free = CelebA(little.path, split="random", seed=1)
    restricted = CelebA(little.path, split="random", seed=1, min_images=5)
    for name in PARTS:
        assert set(restricted.part(name).files) <= set(free.part(name).files)


def test_min_images_keeps_and_renumbers(celeba_folder):
    little = celeba_folder(20, people=6)  # 100 and 101 have 4 images, the others 3
    celeba = CelebA(little.path, min_images=4)
    assert sum(len(celeba.part(name)) for name in PARTS) == 8
    assert celeba.identity_map == {100: 0, 101: 1}
    for name in PARTS:
        part = celeba.part(name)
        old = [little.identities[little.files.index(file)] for file in part.files]
        assert part.identities.tolist() == [celeba.identity_map[number] for number in old]
        assert part.identities.dtype == np.int32


def test_people_held_out_are_in_no_other_part(celeba_folder):
    little = celeba_folder(30, people=6)
    celeba = CelebA(little.path, hold_out=2, seed=3)
    parts = {part: celeba.part(part) for part in ("train", "validation", "test", "held out")}
    assert celeba.people == 4 and len(celeba.held_out) == 2
    assert set(parts["held out"].identities) == {4, 5}
    assert sum(map(len, parts.values())) == 30
    old = {file: identity for file, identity in zip(little.files, little.identities, strict=True)}
    for name, records in parts.items():
        for file, identity in zip(records.files, records.identities, strict=True):
            assert celeba.identity_map[old[file]] == identity
            assert (old[file] in celeba.held_out) == (name == "held out")
    again = CelebA(little.path, hold_out=2, seed=4)
    assert again.held_out != celeba.held_out or CelebA(little.path, hold_out=2, seed=5).held_out != celeba.held_out


def test_wrong_crops_and_numbers_held_out_are_refused(celeba_folder):
    little = celeba_folder(10, people=3)
    with pytest.raises(ValueError, match="crop must be"):
        CelebA(little.path, crop=(0, 5))
    with pytest.raises(ValueError, match="hold_out=2: there are 3 people"):
        CelebA(little.path, hold_out=2)


def test_chosen_attributes_come_in_the_order_asked(celeba_folder):
    little = celeba_folder(10)
    celeba = CelebA(little.path, attributes=["Young", "Bald"])
    assert celeba.attribute_names == ("Young", "Bald")
    columns = [ATTRIBUTES.index("Young"), ATTRIBUTES.index("Bald")]
    assert (celeba.part("train").attributes == little.attributes[:6][:, columns]).all()


@pytest.mark.parametrize("images", ["folder", "zip"])
def test_arrays_hold_the_pictures_in_order(celeba_folder, images):
    little = celeba_folder(10, images=images)
    pixels, attributes, identities = CelebA(little.path).arrays("train", size=(11, 9))
    assert pixels.shape == (6, 11, 9, 3) and pixels.dtype == np.uint8
    assert np.abs(pixels.mean(axis=(1, 2)) - little.pixels[:6]).max() < 3
    assert (attributes == little.attributes[:6]).all() and attributes.dtype == np.uint8
    assert (identities == little.identities[:6]).all()


def test_check_images_counts_and_sizes(celeba_folder, capsys):
    little = celeba_folder(10)
    check = CelebA(little.path).check_images()
    assert (check.count, check.bad, check.sizes) == (10, {}, {(22, 18): 10})
    assert "reading images" in capsys.readouterr().err
    assert CelebA(little.path).check_images("test", progress=False).count == 2


def test_records_are_taken_by_slice_rows_and_mask(celeba_folder):
    part = CelebA(celeba_folder(10).path).part("train")
    assert part[1:3].files.tolist() == part.files[[1, 2]].tolist()
    assert part[np.array([4, 0])].identities.tolist() == part.identities[[4, 0]].tolist()
    assert part[[4, 0]].files.tolist() == part.files[[4, 0]].tolist()
    assert len(part[part.attributes[:, 0] == 1]) == part.attributes[:, 0].sum()
    assert len(part[[]]) == 0
    assert len(Records(part.files, None, None, part.parts)[:2]) == 2
    with pytest.raises(TypeError, match=r"records\[i : i \+ 1\]"):
        part[0]


def test_reading_labels_and_arrays_needs_no_tensorflow(celeba_folder):
    program = (
        "import sys; sys.modules['tensorflow'] = None; sys.modules['keras'] = None\n"
        "from tfslim.data import CelebA\n"
        "print(CelebA(sys.argv[1]).arrays('train', (8, 8))[0].shape)"
    )
    root = pathlib.Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", program, str(celeba_folder(10).path)], cwd=root, capture_output=True, text=True
    )
    assert done.stdout.strip() == "(6, 8, 8, 3)", done.stderr
