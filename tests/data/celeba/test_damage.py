"""Faults of a data set are reported with file and line, or skipped, counted and listed."""

import io
import logging
import re

import numpy as np
import pytest
from PIL import Image

from tfslim.data import CelebA, ImageError, LabelError
from tfslim.data.celeba.attributes import ATTRIBUTES

ATTRIBUTE_FILE, IDENTITY_FILE, PARTITION_FILE = "list_attr_celeba.txt", "identity_CelebA.txt", "list_eval_partition.txt"
PLUS = " ".join(["1"] * 40)


def damage(little, what):
    """Does one kind of damage; gives the file and line to be told, and the key to be skipped (a name: that image)."""
    match what:
        case "39 values":
            little.change_line(ATTRIBUTE_FILE, 5, f"000003.jpg {' '.join(['1'] * 39)}")
            return ATTRIBUTE_FILE, 5, "000003.jpg"
        case "values of 0":
            little.change_line(ATTRIBUTE_FILE, 5, f"000003.jpg {' '.join(['0'] * 40)}")
            return ATTRIBUTE_FILE, 5, "000003.jpg"
        case "count":
            little.change_line(ATTRIBUTE_FILE, 1, "11")
            return ATTRIBUTE_FILE, 1, f"{ATTRIBUTE_FILE}:1"
        case "missing image":
            (little.image_folder / "000003.jpg").unlink()
            return ATTRIBUTE_FILE, 5, "000003.jpg"
        case "repeated row":
            little.change_line(ATTRIBUTE_FILE, 1, "11")
            with open(little.path / ATTRIBUTE_FILE, "a") as file:
                file.write(f"000003.jpg {PLUS}\n")
            return ATTRIBUTE_FILE, 13, f"{ATTRIBUTE_FILE}:13"
        case "no part":
            text = (little.path / PARTITION_FILE).read_text()
            (little.path / PARTITION_FILE).write_text(text.replace("000003.jpg 0\n", ""))
            return ATTRIBUTE_FILE, 5, "000003.jpg"
        case "part without attributes":
            with open(little.path / PARTITION_FILE, "a") as file:
                file.write("000011.jpg 2\n")
            return PARTITION_FILE, 11, "000011.jpg"
        case "wrong part":
            little.change_line(PARTITION_FILE, 3, "000003.jpg 7")
            return PARTITION_FILE, 3, "000003.jpg"
        case "wrong identity":
            little.change_line(IDENTITY_FILE, 3, "000003.jpg nobody")
            return IDENTITY_FILE, 3, "000003.jpg"
        case "not UTF-8":
            path = little.path / IDENTITY_FILE
            path.write_bytes(path.read_bytes() + "é.jpg 7\n".encode("latin-1"))
            return IDENTITY_FILE, 11, "\ufffd.jpg"


DAMAGE = [
    "39 values",
    "values of 0",
    "count",
    "missing image",
    "repeated row",
    "no part",
    "part without attributes",
    "wrong part",
    "wrong identity",
    "not UTF-8",
]


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_stops_with_file_and_line(celeba_folder, what):
    little = celeba_folder(10)
    file, line, _ = damage(little, what)
    with pytest.raises(LabelError, match=re.escape(f"{little.path / file}:{line}: ")):
        CelebA(little.path)


@pytest.mark.parametrize("what", DAMAGE)
def test_damage_is_skipped_counted_and_listed(celeba_folder, what, caplog):
    little = celeba_folder(10)
    file, line, key = damage(little, what)
    with caplog.at_level(logging.WARNING):
        celeba = CelebA(little.path, on_error="skip")
    assert list(celeba.skipped) == [key]
    assert celeba.skipped[key].startswith(f"{little.path / file}:{line}: ")
    left = [name for name in little.files if name != key]
    got = [celeba.part(name) for name in ("train", "validation", "test")]
    assert [file for part in got for file in part.files.tolist()] == left
    rows = [little.files.index(name) for name in left]
    assert (np.concatenate([part.attributes for part in got]) == little.attributes[rows]).all()
    assert (np.concatenate([part.identities for part in got]) == little.identities[rows]).all()
    assert "1 rows or images skipped" in caplog.text


def test_how_many_images_are_missing_is_told(celeba_folder):
    little = celeba_folder(10)
    for file in little.files[3:6]:
        (little.image_folder / file).unlink()
    with pytest.raises(LabelError, match=r":6: 000004\.jpg is listed but is not in .*3 of 10 listed images"):
        CelebA(little.path)


def test_an_image_missing_in_the_zip_is_told(celeba_folder):
    little = celeba_folder(10, images="zip")
    little.change_line(IDENTITY_FILE, 3, "000099.jpg 7")
    little.change_line(PARTITION_FILE, 3, "000099.jpg 0")
    little.change_line(ATTRIBUTE_FILE, 5, f"000099.jpg {PLUS}")
    with pytest.raises(LabelError, match=r":5: 000099\.jpg is listed but is not in .*img_align_celeba\.zip"):
        CelebA(little.path)


def test_a_name_that_leads_out_of_the_folder_is_missing(celeba_folder):
    little = celeba_folder(10, labels="ip")
    (little.path / "secret.jpg").write_bytes(b"")
    little.change_line(IDENTITY_FILE, 3, "../secret.jpg 7")
    little.change_line(PARTITION_FILE, 3, "../secret.jpg 0")
    with pytest.raises(LabelError, match=r":3: \.\./secret\.jpg is listed but is not in"):
        CelebA(little.path)


def test_when_all_images_are_missing_skipping_stops_too(celeba_folder):
    little = celeba_folder(10)
    for file in little.files:
        (little.image_folder / file).unlink()
    with pytest.raises(LabelError, match="10 of 10 listed images are missing.*; check that images and label") as caught:
        CelebA(little.path, on_error="skip")
    assert "on_error" not in str(caught.value)  # advice that is already taken


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_another_data_sets_label_file_stops_at_once(celeba_folder, on_error):
    little = celeba_folder(10)
    (little.path / ATTRIBUTE_FILE).write_text("2\nAsian White\n000001.jpg 1 1\n000002.jpg 1 1\n")
    with pytest.raises(LabelError, match=f"{ATTRIBUTE_FILE}:2: .*another data set"):
        CelebA(little.path, on_error=on_error)


def test_label_files_with_nothing_in_common_stop_at_once(celeba_folder):
    little = celeba_folder(10)
    (little.path / PARTITION_FILE).write_text("a.jpg 0\nb.jpg 1\n")
    with pytest.raises(LabelError, match="no image in common"):
        CelebA(little.path, on_error="skip")


def test_an_empty_part_is_told_with_the_counts(celeba_folder):
    little = celeba_folder(10)
    (little.path / PARTITION_FILE).write_text("".join(f"{file} 0\n" for file in little.files))
    celeba = CelebA(little.path)
    assert len(celeba.part("train")) == 10
    with pytest.raises(ValueError, match=r"validation part .* has no image .*train 10, validation 0, test 0"):
        celeba.part("validation")


WRONG_ARGUMENTS = {
    "split": ({"split": "6:3:1"}, "split must be one of 'official', '7:2:1', 'random'"),
    "on_error": ({"on_error": "ignore"}, "on_error must be 'raise' or 'skip'"),
    "min_images": ({"min_images": 0}, "min_images must be 1 or more"),
    "too many images": ({"min_images": 9}, "no identity has 9 images or more; the maximum is 3"),
    "unknown attribute": ({"attributes": ["Smilling"]}, "unknown attribute 'Smilling'; did you mean 'Smiling'"),
    "unlike any": ({"attributes": ["xyzzy"]}, "the names are: 5_o_Clock_Shadow, "),
    "other spelling": ({"attributes": ["wearing hat"]}, "did you mean 'Wearing_Hat'"),
    "attribute twice": ({"attributes": ["Male", "Male"]}, "duplicate attribute 'Male'"),
    "no attribute": ({"attributes": []}, "empty list"),
    "one string": ({"attributes": "Male"}, r"use \['Male'\]"),
}


@pytest.mark.parametrize("arguments, told", WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_wrong_arguments_are_told(celeba_folder, arguments, told):
    with pytest.raises(ValueError, match=told):
        CelebA(celeba_folder(10).path, **arguments)


LACKING = {
    "no labels": ("p", {}, "no list_attr_celeba.txt .* and no identity_CelebA.txt"),
    "no partition": ("ai", {}, "no list_eval_partition.txt .* use split='7:2:1' or 'random'"),
    "attributes asked for": ("ip", {"attributes": ["Male"]}, "no list_attr_celeba.txt or .csv, which attributes needs"),
    "identities asked for": ("ap", {"min_images": 2}, "no identity_CelebA.txt, which min_images and hold_out need"),
}


@pytest.mark.parametrize("labels, arguments, told", LACKING.values(), ids=LACKING)
def test_lacking_files_are_told(celeba_folder, labels, arguments, told):
    with pytest.raises(FileNotFoundError, match=told):
        CelebA(celeba_folder(10, labels=labels).path, **arguments)


def test_no_folder_and_no_part_of_that_name(celeba_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        CelebA(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="part must be one of 'train', 'validation', 'test', 'held out', found 'val'"):
        CelebA(celeba_folder(10).path).part("val")


def truncate(little, file):
    path = little.image_folder / file
    path.write_bytes(path.read_bytes()[:200])


def test_a_truncated_image_stops_with_its_name_when_read(celeba_folder):
    little = celeba_folder(10)
    truncate(little, "000008.jpg")
    celeba = CelebA(little.path)
    assert len(celeba.arrays("train", (8, 8))[0]) == 6
    with pytest.raises(ImageError, match=r"^000008\.jpg \(in .*img_align_celeba\): can't be decoded"):
        celeba.arrays("validation", (8, 8))


def test_a_truncated_image_is_skipped_counted_and_listed(celeba_folder, caplog):
    little = celeba_folder(10)
    truncate(little, "000002.jpg")
    (little.image_folder / "000004.jpg").write_bytes(b"")
    celeba = CelebA(little.path, on_error="skip")
    with caplog.at_level(logging.WARNING):
        images, attributes, identities = celeba.arrays("train", (8, 8))
    left = [0, 2, 4, 5]
    assert np.abs(images.mean(axis=(1, 2)) - little.pixels[left]).max() < 3
    assert (attributes == little.attributes[left]).all() and (identities == little.identities[left]).all()
    assert set(celeba.skipped) == {"000002.jpg", "000004.jpg"}
    assert "0 bytes" in celeba.skipped["000004.jpg"]
    assert "2 undecodable images skipped" in caplog.text
    assert celeba.part("train").files.tolist() == [little.files[row] for row in left]


def test_a_part_without_one_good_image_stops_even_when_skipping(celeba_folder):
    little = celeba_folder(10)
    for file in little.files[8:]:
        truncate(little, file)
    with pytest.raises(ImageError, match="no image of the test part"):
        CelebA(little.path, on_error="skip").arrays("test", (8, 8))


def test_check_images_tells_of_all_bad_ones_at_once(celeba_folder):
    little = celeba_folder(10)
    truncate(little, "000002.jpg")
    truncate(little, "000010.jpg")
    with pytest.raises(ImageError, match=r"(?s)2 of 10 images .*000002\.jpg.*000010\.jpg"):
        CelebA(little.path).check_images(progress=False)
    celeba = CelebA(little.path, on_error="skip")
    assert set(celeba.check_images(progress=False).bad) == {"000002.jpg", "000010.jpg"} == set(celeba.skipped)
    assert len(celeba.part("train")) == 5 and len(celeba.part("test")) == 1


def test_an_image_of_another_size_is_resized_and_told(celeba_folder, caplog):
    little = celeba_folder(10)
    Image.new("RGB", (50, 40), (9, 9, 9)).save(little.image_folder / "000002.jpg")
    with caplog.at_level(logging.WARNING):
        images = CelebA(little.path).arrays("train", (22, 18))[0]
    assert images.shape == (6, 22, 18, 3) and images[1].max() < 15
    assert re.search(r"1 images differ from the most common height x width 22x18; .*: 000002\.jpg 40x50", caplog.text)


KINDS = {
    "grey jpeg": ("L", 90, "JPEG", (90, 90, 90)),
    "cmyk jpeg": ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
    "png with alpha": ("RGBA", (1, 2, 3, 255), "PNG", (1, 2, 3)),
}


@pytest.mark.parametrize("mode, colour, form, expected", KINDS.values(), ids=KINDS)
def test_other_kinds_under_a_jpegs_name_are_decoded(celeba_folder, mode, colour, form, expected):
    little = celeba_folder(10)
    buffer = io.BytesIO()
    Image.new(mode, (18, 22), colour).save(buffer, form)
    (little.image_folder / "000002.jpg").write_bytes(buffer.getvalue())
    images = CelebA(little.path).arrays("train", (22, 18))[0]
    assert np.abs(images[1].astype(int) - expected).max() <= 3


def test_damaged_bytes_in_a_zip_are_named(celeba_folder):
    little = celeba_folder(10, images="zip")
    path = little.path / "img_align_celeba.zip"
    packed = bytearray(path.read_bytes())
    at = packed.find(b"000009.jpg") + 100
    packed[at : at + 30] = b"\xff" * 30
    path.write_bytes(packed)
    with pytest.raises(ImageError, match=r"^000009\.jpg: can't be read: .*damaged"):
        CelebA(little.path).arrays("test", (8, 8))


def test_the_names_of_attributes_are_forty():
    assert len(ATTRIBUTES) == len(set(ATTRIBUTES)) == 40
