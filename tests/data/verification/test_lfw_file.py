"""LFW's form of a list of pairs, there and back, and lists that are wrong."""

import numpy as np
import pytest

from tfslim.data.celeba.records import Records
from tfslim.data.verification.lfw_file import read_pairs, write_pairs
from tfslim.data.verification.pairs import Pairs, pairs
from tfslim.data.verification.people_folder import people_folder

TEN_FOLD = "2\t1\nAnn_Lee\t1\t4\nAnn_Lee\t2\tBo\t1\nBo\t1\t12\nBo\t3\tAnn_Lee\t10000\n"


def named(drawn: Pairs) -> list[tuple[str, str]]:
    """The names of the two images of each pair."""
    sides = zip(drawn.first, drawn.second, strict=True)
    return [(drawn.templates[first][0], drawn.templates[second][0]) for first, second in sides]


def test_lfws_form_with_folds(tmp_path):
    (tmp_path / "pairs.txt").write_text(TEN_FOLD)
    read = read_pairs(tmp_path / "pairs.txt")
    assert named(read) == [
        ("Ann_Lee/Ann_Lee_0001.jpg", "Ann_Lee/Ann_Lee_0004.jpg"),
        ("Ann_Lee/Ann_Lee_0002.jpg", "Bo/Bo_0001.jpg"),
        ("Bo/Bo_0001.jpg", "Bo/Bo_0012.jpg"),
        ("Bo/Bo_0003.jpg", "Ann_Lee/Ann_Lee_10000.jpg"),
    ]
    assert read.genuine.tolist() == [True, False, True, False]
    assert read.folds.tolist() == [0, 0, 1, 1]
    assert len(read.templates) == 7, "an image in two pairs is one template"
    write_pairs(tmp_path / "again.txt", read)
    assert (tmp_path / "again.txt").read_text() == TEN_FOLD


def test_lfws_form_of_one_number_and_blanks_for_tabs(tmp_path):
    text = "2\nAnn\t1\t2\nBo\t1\t2\nAnn\t1\tBo\t1\nAnn\t2\tBo\t2\n"
    (tmp_path / "tabs.txt").write_text(text.replace("\n", "\t\n"))
    (tmp_path / "dev.txt").write_text(text.replace("\t", "  ").replace("\n", "\r\n") + "\n\n")
    read = read_pairs(tmp_path / "dev.txt")
    assert named(read_pairs(tmp_path / "tabs.txt")) == named(read)
    assert read.folds is None
    assert read.genuine.tolist() == [True, True, False, False]
    write_pairs(tmp_path / "again.txt", read)
    assert (tmp_path / "again.txt").read_text() == text


def test_images_are_found_under_any_ending_that_is_read(tmp_path):
    (tmp_path / "pairs.txt").write_text("1\nAnn\t1\t2\nAnn\t3\tBo\t1\n")
    (tmp_path / "lfw/Ann").mkdir(parents=True)
    (tmp_path / "lfw/Bo").mkdir()
    for name in ("Ann/Ann_0001.png", "Ann/Ann_0001.jpg", "Ann/Ann_0002.webp", "Ann/Ann_0002.png", "Ann/Ann_0003.JPEG"):
        (tmp_path / "lfw" / name).touch()
    (tmp_path / "lfw/Bo/Bo_0011.png").touch()
    assert named(read_pairs(tmp_path / "pairs.txt", people_folder(tmp_path / "lfw").files)) == [
        ("Ann/Ann_0001.jpg", "Ann/Ann_0002.png"),
        ("Ann/Ann_0003.JPEG", "Bo/Bo_0001.jpg"),  # the last is missing, and called as LFW calls it
    ]


def test_drawn_pairs_go_there_and_back(tmp_path):
    files = [f"{name}/{name}_{number:04d}.jpg" for name in ("Ann", "Bo", "Cy D") for number in (1, 2, 3, 4)]
    records = Records(np.array(files), None, np.repeat([0, 1, 2], 4).astype(np.int32), np.zeros(12, np.uint8))
    drawn = pairs(records, genuine=8, impostor=8, seed=1)
    write_pairs(tmp_path / "mine.txt", drawn)
    assert named(read_pairs(tmp_path / "mine.txt")) == named(drawn)
    with pytest.raises(ValueError, match="as many genuine as impostor pairs in every fold.* found 8 genuine and 9"):
        write_pairs(tmp_path / "odd.txt", pairs(records, genuine=8, impostor=9))
    with pytest.raises(ValueError, match="found a template of 2"):
        write_pairs(tmp_path / "two.txt", pairs(records, genuine=3, impostor=3, template=2))
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["1.jpg", "2.jpg", "3.jpg"], "found [12].jpg; LFW names images Ann_Lee/Ann_Lee_0001.jpg"),
        (["A/A_00001.jpg", "A/A_0002.jpg", "B/B_0001.jpg"], "can't express 'A/A_00001.jpg' and 'A/A_0002.jpg'"),
        (["A/A_0000.jpg", "A/A_0002.jpg", "B/B_0001.jpg"], "'0' is not the number of an image"),
        (["A /A _0001.jpg", "A /A _0002.jpg", "B/B_0001.jpg"], "can't express 'A /A _0001.jpg'"),
        (["A\u2028/A\u2028_0001.jpg", "A\u2028/A\u2028_0002.jpg", "B/B_0001.jpg"], "can't express"),
        (["../.._0001.jpg", "../.._0002.jpg", "B/B_0001.jpg"], "'..' is not a plain name"),
    ],
)
def test_other_names_have_no_such_form(tmp_path, names, message):
    records = Records(np.array(names), None, np.array([0, 0, 1]), np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match=message):
        write_pairs(tmp_path / "mine.txt", pairs(records, genuine=1, impostor=1))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("ten folds of pairs\n", r"pairs.txt:1: found 'ten folds of pairs'; expected the number of folds"),
        ("0\n", r"pairs.txt:1: found '0'"),
        ("1 1\nAnn 1 2\n", r"pairs.txt:1: 1 x 1 pairs of each kind need 3 lines; found 2"),
        ("1\nAnn 1 2\nAnn 1 Bo 2\nBo 1 2\n", r"pairs.txt:1: 1 x 1 .* need 3 lines; found 4"),
        ("1\nAnn 1 Bo 2\nAnn 1 2\n", r"pairs.txt:2: found 'Ann 1 Bo 2'; expected a genuine pair"),
        ("1\nAnn 1 2\nBo 1 2\n", r"pairs.txt:3: found 'Bo 1 2'; expected an impostor pair"),
        ("1\nAnn 1 x\nAnn 1 Bo 2\n", r"pairs.txt:2: 'x' is not the number of an image"),
        ("1\nAnn 1 2\nAnn 0 Bo 2\n", r"pairs.txt:3: '0' is not the number of an image"),
        ("1\nAnn 1 01\nAnn 1 Bo 2\n", r"pairs.txt:2: image 1 of Ann is compared with itself"),
        ("1\nAnn 1 2\nAnn 1 Ann 2\n", r"pairs.txt:3: both images of an impostor pair are of Ann"),
        ("1\n../Ann 1 2\nAnn 1 Bo 2\n", r"pairs.txt:2: '../Ann' is not a plain name"),
    ],
)
def test_a_wrong_file_is_said_by_line(tmp_path, text, message):
    (tmp_path / "pairs.txt").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_pairs(tmp_path / "pairs.txt")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "pairs.txt").write_bytes(b"1\n\xff\xfe\x00")
    with pytest.raises(ValueError, match="not a text file in UTF-8"):
        read_pairs(tmp_path / "pairs.txt")
    with pytest.raises(FileNotFoundError, match="none.txt"):
        read_pairs(tmp_path / "none.txt")
