"""Packing codes: against arithmetic with one long integer."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tfslim.quantization.packed.bit_packing import BLOCK, pack, packed_bytes, unpack

WIDTHS = [*range(1, 18), 23, 25, 26, 31, 32]


def long_integer(codes, code_bits):
    number = sum(int(code) << index * code_bits for index, code in enumerate(codes))
    return number.to_bytes(packed_bytes(len(codes), code_bits), "little")


@pytest.mark.parametrize("code_bits", WIDTHS)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_any_codes_come_back_and_lie_as_one_long_integer(code_bits, data):
    codes = np.array(data.draw(st.lists(st.integers(0, (1 << code_bits) - 1), max_size=70)), np.uint32)
    packed = pack(codes, code_bits)
    assert packed == long_integer(codes, code_bits)
    found = unpack(packed, code_bits, len(codes))
    assert found.dtype == (np.uint16 if code_bits <= 16 else np.uint32)
    np.testing.assert_array_equal(found, codes)


@pytest.mark.parametrize("code_bits", WIDTHS)
def test_blocks_join_without_gaps(code_bits):
    codes = np.random.default_rng(code_bits).integers(0, 1 << code_bits, BLOCK + 13, dtype=np.uint32)
    packed = pack(codes, code_bits)
    np.testing.assert_array_equal(unpack(packed, code_bits, codes.size), codes)
    # Eight codes are whole bytes, so what begins at a multiple of eight is packed like a beginning.
    for start in (0, BLOCK - 8, BLOCK):
        piece = codes[start : start + 8]
        assert packed[start * code_bits // 8 :][:code_bits] == long_integer(piece, code_bits)[:code_bits]


def test_codes_by_hand():
    assert pack(np.array([1, 2, 3]), 4).hex() == "2103"
    assert pack(np.array([1, 0, 1, 1, 0, 0, 0, 1, 1]), 1).hex() == "8d01"
    assert pack(np.array([0x3FF, 0, 0x155]), 10).hex() == "ff035015"
    assert pack(np.array([], np.uint16), 7) == b""


@pytest.mark.parametrize("codes", [[0, 16], [-1, 3]])
def test_codes_that_do_not_fit_are_refused(codes):
    with pytest.raises(ValueError, match="expected 0 to 15"):
        pack(np.array(codes), 4)


@pytest.mark.parametrize("code_bits", [0, 33, -4])
def test_widths_out_of_range_are_refused(code_bits):
    with pytest.raises(ValueError, match="expected 1 to 32"):
        pack(np.array([0]), code_bits)
    with pytest.raises(ValueError, match="expected 1 to 32"):
        unpack(b"\0", code_bits, 1)


def test_bytes_that_are_not_those_of_the_codes_are_refused():
    with pytest.raises(ValueError, match="3 codes of 4 bits take 2 bytes; found 3"):
        unpack(bytes(3), 4, 3)
    with pytest.raises(ValueError, match="found 1"):
        unpack(bytes(1), 4, 3)
    with pytest.raises(ValueError, match="bits are set after the last of 3 codes"):
        unpack(bytes.fromhex("2143"), 4, 3)
    with pytest.raises(ValueError, match="-1 codes"):
        unpack(b"", 4, -1)
