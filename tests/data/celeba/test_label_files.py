"""The label parsers: both forms, round trips, and what each kind of damage is called."""

import re
import string

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tfslim.data.celeba.attributes import ATTRIBUTES
from tfslim.data.celeba.label_files import LabelError, read_attributes, read_identities, read_partition

HEADER = " ".join(ATTRIBUTES)
NAMES = st.text(string.ascii_letters + string.digits + "_-é", min_size=1, max_size=9).map(lambda stem: stem + ".jpg")


@st.composite
def rendered(draw, value):
    """Rows of (name, value), with a line end and a byte order mark that people's editors leave."""
    files = draw(st.lists(NAMES, min_size=1, max_size=6, unique=True))
    values = [draw(value) for _ in files]
    return (
        files,
        values,
        draw(st.sampled_from(["\n", "\r\n"])),
        draw(st.sampled_from(["", "\ufeff"])),
        draw(st.booleans()),
    )


def write(path, lines, end, mark):
    path.write_bytes((mark + end.join(lines) + end).encode())
    return path


@settings(deadline=None, max_examples=60)
@given(case=rendered(st.lists(st.sampled_from([0, 1]), min_size=40, max_size=40)), order=st.permutations(range(40)))
def test_attributes_round_trip(tmp_path_factory, case, order):
    files, values, end, mark, csv = case
    comma = "," if csv else " "
    rows = [
        comma.join([file, *("1" if row[k] else "-1" for k in order)]) for file, row in zip(files, values, strict=True)
    ]
    head = [comma.join(ATTRIBUTES[k] for k in order)]
    head = ["image_id," + head[0]] if csv else [str(len(rows)), head[0]]
    table = read_attributes(write(tmp_path_factory.mktemp("labels") / "list_attr_celeba.txt", head + rows, end, mark))
    assert table.files.tolist() == files
    assert table.values.tolist() == values
    assert table.values.dtype == np.uint8
    assert table.lines.tolist() == [len(head) + 1 + row for row in range(len(files))]
    assert table.problems == ()


@settings(deadline=None, max_examples=60)
@given(case=rendered(st.integers(0, 2**31 - 1)))
def test_identities_round_trip(tmp_path_factory, case):
    files, values, end, mark, csv = case
    rows = [f"{file}{',' if csv else ' '}{value}" for file, value in zip(files, values, strict=True)]
    head = ["image_id,identity"] if csv else []
    table = read_identities(write(tmp_path_factory.mktemp("labels") / "identity_CelebA.txt", head + rows, end, mark))
    assert (table.files.tolist(), table.values.tolist(), table.problems) == (files, values, ())
    assert table.values.dtype == np.int32


@settings(deadline=None, max_examples=60)
@given(case=rendered(st.integers(0, 2)))
def test_partition_round_trip(tmp_path_factory, case):
    files, values, end, mark, csv = case
    rows = [f"{file}{',' if csv else ' '}{value}" for file, value in zip(files, values, strict=True)]
    head = ["image_id,partition"] if csv else []
    table = read_partition(write(tmp_path_factory.mktemp("labels") / "list_eval_partition.csv", head + rows, end, mark))
    assert (table.files.tolist(), table.values.tolist(), table.problems) == (files, values, ())


@settings(deadline=None, max_examples=100)
@given(data=st.binary(max_size=200), headed=st.booleans())
def test_any_bytes_give_a_table_or_a_label_error(tmp_path_factory, data, headed):
    path = tmp_path_factory.mktemp("labels") / "file.txt"
    path.write_bytes((f"1\n{HEADER}\n".encode() if headed else b"") + data)
    for read in (read_attributes, read_identities, read_partition):
        try:
            table = read(path)
        except LabelError as error:
            assert str(error).startswith(str(path))
        else:
            assert len(table.files) == len(table.values) == len(table.lines) > 0


def test_a_worked_example_of_the_original_form(tmp_path):
    path = tmp_path / "list_attr_celeba.txt"
    row = " ".join("-1" if name != "Smiling" else " 1" for name in ATTRIBUTES)
    path.write_text(f"1\n{HEADER} \n000001.jpg {row}\n")
    table = read_attributes(path)
    assert table.values[0].sum() == 1 and table.values[0, ATTRIBUTES.index("Smiling")] == 1


def test_a_quoted_csv_is_read(tmp_path):
    path = tmp_path / "list_eval_partition.csv"
    path.write_text('"image_id","partition"\n"000001.jpg", 2\n')
    table = read_partition(path)
    assert (table.files.tolist(), table.values.tolist()) == (["000001.jpg"], [2])


PLUS = " ".join(["1"] * 40)
WRONG_ROWS = {
    "39 values": (f"000002.jpg {' '.join(['1'] * 39)}", "40 values, found 39 values"),
    "41 values": (f"000002.jpg {' '.join(['1'] * 41)}", "40 values, found 41 values"),
    "a zero": (f"000002.jpg {' '.join(['1'] * 39)} 0", "expected values of -1 or 1, found '0'"),
    "a word": (f"000002.jpg {' '.join(['1'] * 39)} yes", "found 'yes'"),
    "split sign": (f"000002.jpg {' '.join(['1'] * 38)} - 1", "found '-'"),
    "twice": (f"000001.jpg {PLUS}", "000001.jpg is listed a second time, first on line 3"),
    "no image": (f"someone {PLUS}", "expected an image's file name"),
}


@pytest.mark.parametrize("row, told", WRONG_ROWS.values(), ids=WRONG_ROWS)
def test_a_wrong_attribute_row_is_told_with_its_line(tmp_path, row, told):
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(f"3\n{HEADER}\n000001.jpg {PLUS}\n{row}\n000003.jpg {PLUS}\n")
    table = read_attributes(path)
    assert table.files.tolist() == ["000001.jpg", "000003.jpg"]
    assert table.lines.tolist() == [3, 5]
    with pytest.raises(LabelError, match=re.escape(told)) as caught:
        table.stop_at_problems()
    assert str(caught.value).startswith(f"{path}:4: ")


def test_an_empty_csv_field_is_a_wrong_value_and_not_a_short_row(tmp_path):
    path = tmp_path / "list_attr_celeba.csv"
    path.write_text(f"image_id,{','.join(ATTRIBUTES)}\na.jpg,{','.join(['1'] * 40)}\nb.jpg,,{','.join(['1'] * 39)}\n")
    with pytest.raises(LabelError, match=r":3: expected values of -1 or 1, found ''"):
        read_attributes(path).stop_at_problems()


@pytest.mark.parametrize("count", [1, 3, 202599])
def test_a_wrong_count_line_is_told(tmp_path, count):
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(f"{count}\n{HEADER}\n000001.jpg {PLUS}\n000002.jpg {PLUS}\n")
    table = read_attributes(path)
    assert len(table.files) == 2
    with pytest.raises(LabelError, match=rf":1: the first line promises {count} rows, found 2"):
        table.stop_at_problems()


def test_how_many_more_problems_there_are_is_told(tmp_path):
    path = tmp_path / "list_attr_celeba.txt"
    path.write_text(f"3\n{HEADER}\n000001.jpg {PLUS}\n000002.jpg 1\n000003.jpg 1\n")
    with pytest.raises(LabelError, match=r":4: .*\(1 more"):
        read_attributes(path).stop_at_problems()


WRONG_FILES = {
    "empty": (b"", "is empty"),
    "partition in place of attributes": (b"000001.jpg 0\n000002.jpg 1\n", "found '000001.jpg 0'"),
    "LFWA": (b"2\nAsian White Black Baby\n000001.jpg 1 1 1 1\n", "without 5_o_Clock_Shadow, .* with Asian, White"),
    "39 names": (f"1\n{' '.join(ATTRIBUTES[:-1])}\n".encode(), "found 39 names, without Young"),
    "a name twice": (f"1\n{HEADER} Young\n".encode(), "found 41 names"),
    "UTF-16": (f"1\n{HEADER}\n".encode("utf-16"), "UTF-16 or binary"),
    "no rows": (f"0\n{HEADER}\n".encode(), "no rows"),
    "all rows 0 or 1": (
        f"1\n{HEADER}\n000001.jpg {' '.join(['0'] * 40)}\n".encode(),
        "this file has no valid row",
    ),
}


@pytest.mark.parametrize("content, told", WRONG_FILES.values(), ids=WRONG_FILES)
def test_another_data_sets_file_stops_at_once(tmp_path, content, told):
    path = tmp_path / "list_attr_celeba.txt"
    path.write_bytes(content)
    with pytest.raises(LabelError, match=told) as caught:
        read_attributes(path)
    assert str(caught.value).startswith(str(path))


def test_a_name_in_latin_1_is_told_with_its_line(tmp_path):
    path = tmp_path / "identity_CelebA.txt"
    path.write_bytes("000001.jpg 1\nJosé.jpg 2\n".encode("latin-1"))
    table = read_identities(path)
    assert table.files.tolist() == ["000001.jpg"]
    with pytest.raises(LabelError, match=r":2: .*Jos�\.jpg.* is not UTF-8"):
        table.stop_at_problems()


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "+5", "1_0", "2147483648", "1 2", ""])
def test_a_wrong_identity_is_told_with_its_line(tmp_path, value):
    path = tmp_path / "identity_CelebA.txt"
    path.write_text(f"000001.jpg 7\n000002.jpg {value}\n")
    with pytest.raises(LabelError, match=r":2: expected .*the number of a person"):
        read_identities(path).stop_at_problems()


@pytest.mark.parametrize("value", ["3", "-1", "train", ""])
def test_a_wrong_part_is_told_with_its_line(tmp_path, value):
    path = tmp_path / "list_eval_partition.txt"
    path.write_text(f"000001.jpg 0\n000002.jpg {value}\n")
    with pytest.raises(LabelError, match=r":2: expected .*0 \(train\), 1 \(validation\) or 2 \(test\)"):
        read_partition(path).stop_at_problems()


def test_another_sets_partition_stops_at_once(tmp_path):
    path = tmp_path / "list_eval_partition.txt"
    path.write_text("Aaron_Eckhart\t1\nAaron_Guiel\t1\n")
    with pytest.raises(LabelError, match=r":1: expected an image's file name .*this file has no valid row"):
        read_partition(path)
