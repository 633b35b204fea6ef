"""Entropy coding: against a decoder written out here, and against the codes' empirical entropy."""

import bisect

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tfslim.quantization.packed.entropy_coding import FrequencyTable, decode_entropy, encode_entropy, smallest_table
from tfslim.quantization.packed.leb128 import Reader, variable_integer

pytest.importorskip("constriction")


def decoded_by_hand(data, count):
    """Follow the docstrings in plain Python."""
    reader = Reader(data)
    width, symbols, special = reader.integer(), reader.integer(), reader.integer()
    head = reader.take(1)[0]
    runs = reader.take(-(-symbols // width))
    stored = [head if code == special else runs[code // width] for code in range(symbols)]
    frequencies = [(8 + (q - 1) % 8) * 2 ** ((q - 1) // 8) if q else 0 for q in stored]
    scale = float(2**24 - symbols) / float(sum(frequencies))
    left = [int(float(sum(frequencies[:code])) * scale) + code for code in range(symbols)] + [2**24]
    stream = bytes(reader.take(reader.left)).rstrip(b"\0")
    stream += bytes(-len(stream) % 4)
    words = [int.from_bytes(stream[at : at + 4], "little") for at in range(0, len(stream), 4)]
    state, codes = 0, []
    while words and state < 2**32:
        state = state << 32 | words.pop()
    for _ in range(count):
        quantile = state % 2**24
        code = bisect.bisect_right(left, quantile) - 1
        state = (state >> 24) * (left[code + 1] - left[code]) + quantile - left[code]
        if words and state < 2**32:
            state = state << 32 | words.pop()
        codes.append(code)
    assert state == 0 and not words
    return codes


def entropy_bytes(codes):
    _, counts = np.unique(codes, return_counts=True)
    return -(counts * np.log2(counts / counts.sum())).sum() / 8


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 40) | st.sampled_from([0, 7, 1023, 70_000]), min_size=1, max_size=300))
def test_any_codes_come_back_and_as_the_layout_says(found):
    codes = np.array(found, np.uint32)
    bits = max(1, int(codes.max()).bit_length())
    data = encode_entropy(codes)
    back = decode_entropy(data, codes.size, bits)
    assert back.dtype == (np.uint16 if bits <= 16 else np.uint32)
    np.testing.assert_array_equal(back, codes)
    if codes.max() < 2000:
        assert decoded_by_hand(data, codes.size) == found


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("bell", lambda rng: np.rint(rng.normal(512, 60, 40_000)).clip(0, 1023)),
        ("log", lambda rng: np.floor(511 + 40 * np.log(np.abs(rng.normal(0, 1, 40_000)) + 1e-9)).clip(0, 1023)),
        ("four bits", lambda rng: np.rint(rng.normal(7, 2, 5_000)).clip(0, 15)),
        ("sparse", lambda rng: rng.integers(0, 16, 20_000) * (rng.random(20_000) < 0.1)),
        ("ternary", lambda rng: rng.choice(3, 3_000, p=[0.5, 0.3, 0.2])),
        ("flat", lambda rng: rng.integers(0, 256, 60_000)),
    ],
)
def test_codes_take_little_more_than_their_entropy(name, codes):
    found = codes(np.random.default_rng(0)).astype(np.uint16)
    data = encode_entropy(found)
    assert entropy_bytes(found) <= len(data) <= 1.03 * entropy_bytes(found), name
    np.testing.assert_array_equal(decode_entropy(data, found.size, 10), found)


def test_codes_of_one_kind_keep_a_byte_for_64():
    for code in (0, 5, 65_535):
        data = encode_entropy(np.full(6400, code, np.uint32))
        assert len(data) == 100
        assert (decode_entropy(data, 6400, 16) == code).all()


@given(st.integers(0, 2**62))
def test_variable_integers_come_back(number):
    data = variable_integer(number)
    assert len(data) == max(1, -(-number.bit_length() // 7))
    assert Reader(data).integer() == number


def test_variable_integers_have_one_form():
    assert variable_integer(300).hex() == "ac02"
    for data in (b"\x80\x00", b"\xff" * 9 + b"\x01", b""):
        with pytest.raises(ValueError, match="too long|ends too early"):
            Reader(data).integer()
    with pytest.raises(ValueError, match="below zero"):
        variable_integer(-1)


def test_a_table_says_frequencies_by_hand():
    table = FrequencyTable(2, 5, 1, 17, np.array([1, 0, 9], np.uint8))
    assert table.frequencies().tolist() == [8, 32, 0, 0, 16]
    assert FrequencyTable.read(Reader(table.to_bytes())).to_bytes() == table.to_bytes()
    found = smallest_table(np.array([0, 0, 0, 0, 2]))
    frequencies = found.frequencies()
    assert (found.symbols, found.special) == (3, 0)
    assert frequencies[0] > frequencies[2] > 0


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ((0, 5, 1, 17, [1, 0, 9]), "runs of 0"),
        ((2, 1, 0, 17, [1]), "for 1 codes"),
        ((2, 5, 5, 17, [1, 0, 9]), "code 5 apart"),
        ((2, 5, 1, 0, [0, 0, 0]), "no code occurs"),
        ((2, 5, 1, 17, [1, 0]), "ends too early"),
        ((2, 1 << 18, 1, 17, [1, 0]), "for 262144 codes"),
    ],
)
def test_bad_tables_are_refused(table, found):
    data = b"".join(map(variable_integer, table[:3])) + bytes([table[3], *table[4]])
    with pytest.raises(ValueError, match=found):
        decode_entropy(data, 10, 16)


def test_codes_that_are_not_what_the_tensor_says_are_refused():
    data = encode_entropy(np.arange(64, dtype=np.uint16))
    with pytest.raises(ValueError, match="64 codes; 5 bits have 32"):
        decode_entropy(data, 64, 5)
    with pytest.raises(ValueError, match="words are left"):
        decode_entropy(data, 63, 6)
    with pytest.raises(ValueError, match="too few for 1000000 codes"):
        decode_entropy(data, 1_000_000, 6)
