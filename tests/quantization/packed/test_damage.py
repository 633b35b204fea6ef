"""Damaged and hostile files: one clear ValueError, little memory, little time, and never a result."""

import dataclasses
import json
import struct
import time
import tracemalloc
import zlib

import numpy as np
import pytest

from tests.quantization.packed_bytes import packed_bytes, packed_tensors, with_header
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.uniform import Uniform
from tfslim.quantization.packed.container import HEADER_BYTES, SECTIONS, join_sections, split_sections
from tfslim.quantization.packed.reader import PackedFile, parse_packed, read_packed
from tfslim.quantization.packed.tensor import Entry, packed_codes
from tfslim.quantization.packed.tensor_table import read_list, write_list

PARTS = "face.tfslim: (header|architecture|tensor list|tensor data): "


@pytest.fixture(scope="module")
def whole():
    return packed_bytes()


def check_refused(data):
    with pytest.raises(ValueError, match=PARTS) as caught:
        parse_packed(data, "face.tfslim")
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_byte_that_is_changed_is_seen(whole):
    rng = np.random.default_rng(0)
    for position in range(len(whole)):
        damaged = bytearray(whole)
        damaged[position] ^= int(rng.integers(1, 256))
        check_refused(bytes(damaged))


def test_every_cut_is_seen(whole):
    for length in range(len(whole)):
        check_refused(whole[:length])
    check_refused(whole + b"\0")
    check_refused(whole + whole)


def test_the_part_that_is_damaged_is_named(whole):
    start = HEADER_BYTES
    assert "header: not a .tfslim file; expected it to begin with b'\\x89tfslim\\n', found b'PK" in check_refused(
        b"PK\x03\x04" + bytes(100)
    )
    assert "header: damaged" in check_refused(whole[:20] + b"\x77" + whole[21:])
    for name, stored in zip(SECTIONS, struct.unpack("<9I", whole[12:48])[::3], strict=True):
        damaged = bytearray(whole)
        damaged[start + stored // 2] ^= 1
        assert check_refused(bytes(damaged)) == f"face.tfslim: {name}: damaged; its checksum does not fit"
        start += stored
    expected = f"the file has {len(whole) - 1:,} bytes, expected {len(whole):,}; it is cut short"
    assert expected in check_refused(whole[:-1])
    assert "followed by other data" in check_refused(whole + b"more")


def test_another_version_is_said(whole):
    message = check_refused(with_header(whole, 8, b"\x02\x00"))
    assert message.endswith("schema version 2; this tfslim reads version 1; install a newer tfslim")
    assert "bytes 10 and 11 hold 7" in check_refused(with_header(whole, 10, b"\x07\x00"))


def test_absurd_lengths_cost_nothing(whole, tmp_path):
    for position in (12, 16, 24, 28, 36, 40):
        data = with_header(whole, position, b"\xff\xff\xff\xff")
        (tmp_path / "face.tfslim").write_bytes(data)
        for read in (lambda data=data: check_refused(data), lambda: _refused_file(tmp_path / "face.tfslim")):
            assert _peak(read) < 1 << 20


def test_a_zip_bomb_costs_no_more_than_it_says(whole):
    parts = list(split_sections(whole).values())
    bomb = zlib.compress(bytes(1 << 29), 9)  # half a gigabyte in half a megabyte
    for index in (0, 1):
        for said in (10, 1 << 24, (1 << 24) + 1, 1 << 29):
            stored = [zlib.compress(part) for part in parts[:2]] + parts[2:]
            stored[index] = bomb
            data = whole[:HEADER_BYTES] + b"".join(stored)
            for which, section in enumerate(stored):
                opened = said if which == index else len(parts[which])
                data = with_header(data, 12 + 12 * which, struct.pack("<3I", len(section), opened, zlib.crc32(section)))
            assert _peak(lambda data=data: check_refused(data)) < 40 << 20
    with pytest.raises(ValueError, match="the architecture takes 16,777,217 bytes"):
        join_sections(bytes((1 << 24) + 1), b"", b"")


@pytest.mark.parametrize("value", [b"[],", b'{"a":[]},', b"1,", b'"a",'])
def test_an_architecture_of_millions_of_values_is_refused_before_it_is_parsed(value):
    text = b"[" + value * ((1 << 24) // len(value) - 10) + b"0]"
    stored = zlib.compress(text)
    whole = join_sections(b"{}", write_list([]), b"")
    parts = split_sections(whole)
    sections = [stored, zlib.compress(parts["tensor list"], 9), b""]
    data = whole[:HEADER_BYTES] + b"".join(sections)
    for which, (section, opened) in enumerate(zip(sections, (text, parts["tensor list"], b""), strict=True)):
        data = with_header(data, 12 + 12 * which, struct.pack("<3I", len(section), len(opened), zlib.crc32(section)))
    assert _peak(lambda: check_refused(data)) < 40 << 20
    assert "values; the format has room" in check_refused(data)
    with pytest.raises(ValueError, match="architecture: holds some"):
        join_sections(text, b"", b"")


def test_sections_with_something_after_their_end_are_refused(whole):
    parts = split_sections(whole)
    listed = zlib.compress(parts["tensor list"])
    for section in (listed + b"x", listed[:-1], listed + listed, b"", b"no zlib"):
        stored = [zlib.compress(parts["architecture"]), section, parts["tensor data"]]
        data = whole[:HEADER_BYTES] + b"".join(stored)
        for which, each in enumerate(stored):
            opened = len(list(parts.values())[which])
            data = with_header(data, 12 + 12 * which, struct.pack("<3I", len(each), opened, zlib.crc32(each)))
        assert "tensor list: " in check_refused(data)


@pytest.mark.parametrize(
    "text",
    [b"", b"{", b"[]", b"3", b"\xff", b"[" * 100_000, b'{"a": ' * 100_000, b"1" * 10_000],
    ids=["empty", "open", "list", "number", "no text", "deep lists", "deep dictionaries", "long number"],
)
def test_an_architecture_that_is_none_is_refused(text):
    assert "architecture: " in check_refused(join_sections(text, write_list([]), b""))


def test_a_file_of_nothing_but_tables_takes_time_in_proportion():
    entries, stored, _ = packed_tensors(False)
    kind = next(number for number, entry in enumerate(entries) if entry.code_bits == 17)
    started = time.perf_counter()
    parse_packed(join_sections(b"{}", write_list([entries[kind]]), stored[kind]), "face.tfslim")
    assert time.perf_counter() - started < 0.5


@pytest.mark.parametrize("codec", [LogMinMax(16, "nearest"), LogMinMax(16), Uniform(16), Uniform(16, False)], ids=str)
def test_thousands_of_tiny_tensors_cost_no_table_each(codec, monkeypatch):
    """Counted in values worked out, not in seconds."""
    worked_out, work_out = [], type(codec)._values
    monkeypatch.setattr(
        type(codec), "_values", lambda self, codes, *rest: worked_out.append(codes.size) or work_out(self, codes, *rest)
    )
    encoded = codec.encode(np.float32([0.5]))
    entry, data = packed_codes("0", codec, encoded, (-1,), False)
    entries = [dataclasses.replace(entry, name=str(number)) for number in range(4_000)]
    file = join_sections(b"{}", write_list(entries), 4_000 * data)
    worked_out.clear()
    found = parse_packed(file, "face.tfslim")
    assert sum(worked_out) == 4_000
    assert {float(each.values[0]) for each in found.tensors.values()} == {0.5}


def test_frequency_tables_are_bounded_by_the_data():
    """128 tables of 17 bits are allowed for nothing, and one more for every 2,048 bytes."""
    entry = Entry("0", 3, 17, (10,), coded_bytes=10)

    def read(count, more):
        entries = [dataclasses.replace(entry, name=str(number)) for number in range(count)]
        fill = Entry("fill", 0, 32, (more // 4,))
        return read_list(write_list([*entries, fill]), count * 22 + more)

    assert len(read(128, 0)) == 129
    assert len(read(140, 12 * 2048)) == 141
    for count in (140, 16_000):
        with pytest.raises(ValueError, match="more frequency tables, of 17 bits, than data for them"):
            read(count, 0)


@pytest.mark.parametrize("files", [2_000, pytest.param(25_000, marks=pytest.mark.slow)])
def test_sections_changed_by_somebody_who_sets_the_checksums_right(whole, files):
    """Reading such a file, which may hold another model, raises ValueError or returns whole tensors."""
    rng = np.random.default_rng(files)
    parts = list(split_sections(whole).values())
    read = 0
    for _ in range(files):
        changed = list(parts)
        which = int(rng.choice([1, 2], p=[0.7, 0.3]))
        changed[which] = _mutated(parts[which], rng)
        try:
            found = parse_packed(join_sections(*changed), "face.tfslim")
        except ValueError as error:
            assert str(error).startswith("face.tfslim: tensor ") and "\n" not in str(error)
            continue
        assert isinstance(found, PackedFile)
        for tensor in found.tensors.values():
            assert tensor.values.nbytes <= 256 * max(1, tensor.stored_bytes)
        read += 1
    assert 0 < read < files / 2


@pytest.mark.slow
def test_twenty_thousand_files_with_any_bytes_changed(whole):
    rng = np.random.default_rng(7)
    for _ in range(20_000):
        damaged = _mutated(whole, rng)
        if damaged != whole:
            check_refused(damaged)


def test_mutants_are_read_in_bounded_memory(whole):
    rng = np.random.default_rng(1)
    parts = list(split_sections(whole).values())
    changed = [join_sections(parts[0], _mutated(parts[1], rng), parts[2]) for _ in range(300)]

    def read():
        for data in changed:
            try:
                parse_packed(data, "face.tfslim")
            except ValueError:
                continue

    assert _peak(read) < 16 << 20


def test_a_missing_file_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.tfslim: no such file; pass the path of .* tfslim.save_packed"):
        read_packed(tmp_path / "none.tfslim")
    with pytest.raises(TypeError, match=r"expected the path of a \.tfslim file, got dict$"):
        read_packed({})
    (tmp_path / "empty.tfslim").write_bytes(b"")
    with pytest.raises(ValueError, match="empty.tfslim: header: not a .tfslim file"):
        read_packed(tmp_path / "empty.tfslim")
    (tmp_path / "some.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(ValueError, match="some.json: header: not a .tfslim file"):
        read_packed(tmp_path / "some.json")


def _mutated(data, rng):
    """The bytes with some changed, taken out, put in, or copied elsewhere."""
    damaged = bytearray(data)
    for _ in range(int(rng.integers(1, 4))):
        if not damaged:
            break
        start = int(rng.integers(len(damaged)))
        length = int(min(rng.geometric(0.3), len(damaged) - start))
        way = rng.integers(5)
        if way < 2:
            damaged[start] ^= 1 << int(rng.integers(8))
        elif way == 2:
            damaged[start : start + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
        elif way == 3:
            del damaged[start : start + length]
        else:
            other = int(rng.integers(len(damaged)))
            damaged[other:other] = damaged[start : start + length]
    return bytes(damaged)


def _refused_file(path):
    with pytest.raises(ValueError, match=PARTS):
        read_packed(path)


def _peak(run):
    tracemalloc.start()
    try:
        run()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
