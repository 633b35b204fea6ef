"""Tensors of every codec and width, to bytes and back, bit for bit."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tests.quantization.packed_bytes import packed_bytes, packed_tensors
from tfslim.quantization.codecs.registry import codec_of
from tfslim.quantization.packed.leb128 import variable_integer
from tfslim.quantization.packed.reader import parse_packed
from tfslim.quantization.packed.tensor import KINDS, Entry, packed_as_it_is, packed_codes, unpacked
from tfslim.quantization.packed.tensor_table import read_list, write_list


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_tensor_of_any_codec_comes_back(kind, data):
    name, config = KINDS[kind]
    bits = {"bits": data.draw(st.integers(1, 16))} if name in ("log_min_max", "uniform", "kmeans") else {}
    codec = codec_of(name, {**config, **bits})
    shape = tuple(data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    axes = data.draw(st.sampled_from([(-1,), (-2,), (-2, -1)])) if len(shape) > 1 else (-1,)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    values = (rng.normal(size=shape) * (rng.random(shape) < 0.8)).astype("float32")
    encoded = codec.encode(values, axes)
    entropy_coding = data.draw(st.booleans()) and pytest.importorskip("constriction") is not None
    entry, stored = packed_codes("a/b", codec, encoded, axes, entropy_coding)
    listed = write_list([entry])
    assert read_list(listed, len(stored)) == [entry]
    found, codes, decoded = unpacked(entry, stored)
    assert found == codec
    assert (codes.code_bits, codes.shape) == (encoded.code_bits, encoded.shape)
    np.testing.assert_array_equal(codes.codes, encoded.codes)
    assert codes.codes.dtype == encoded.codes.dtype
    assert {key: (each.shape, each.tobytes()) for key, each in codes.parameters.items()} == {
        key: (each.shape, each.astype("float32").tobytes()) for key, each in encoded.parameters.items()
    }
    assert decoded.tobytes() == codec.decode(encoded).tobytes()
    if not entry.coded_bytes:
        assert len(stored) == -(-encoded.codes.size * encoded.code_bits // 8) + 4 * sum(
            each.size for each in encoded.parameters.values()
        )


def test_a_file_of_every_kind_comes_back():
    entries, _, values = packed_tensors()
    packed = parse_packed(packed_bytes(), "file")
    assert list(packed.tensors) == [entry.name for entry in entries] == list(values)
    for name, tensor in packed.tensors.items():
        assert tensor.values.dtype == values[name].dtype
        assert tensor.values.tobytes() == values[name].tobytes(), name
        assert tensor.values.shape == values[name].shape, name


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"kind": 99}, "kind 99 is unknown"),
        ({"code_bits": 17}, "bits=17; expected a whole number from 1 to 16"),
        ({"code_bits": 0}, "bits=0; expected a whole number from 1 to 16"),
        ({"kind": 1}, "codes of 5 bits; kind 1 has 16"),
        ({"kind": 35}, "codes of 5 bits; kind 35 has 32"),
        ({"shape": (1 << 30, 1 << 30)}, "too large"),
        ({"shape": (0, 1 << 41)}, "too large"),
        ({"name": "x\x1b[31m"}, "name is"),
        ({"kind": 9, "codebook": 33}, "33 entries in a codebook of 5 bits"),
        ({"kind": 9, "codebook": 0}, "0 entries"),
        ({"kind": 7, "filter_axes": (2,)}, "numbered by axes 100"),
        ({"kind": 7, "filter_axes": ()}, "numbered by axes 0"),
        ({"coded_bytes": 1, "shape": (65, 1)}, "65 values in 1 entropy-coded bytes"),
        ({"shape": (500, 600)}, "bytes more than the data has"),
        ({"shape": (1, 1)}, "bytes of data belong to no tensor"),
    ],
)
def test_entries_that_make_no_sense_are_refused(change, found):
    entry = dataclasses.replace(Entry("a", 2, 5, (4, 6)), **change)
    with pytest.raises(ValueError, match=found):
        read_list(_listed(entry), 12 + 15)


def _listed(entry):
    name = entry.name.encode()
    numbers = [len(entry.shape), *entry.shape]
    numbers += [sum(1 << axis for axis in entry.filter_axes)] if entry.kind in (7, 8, 11, 13) else []
    numbers += [entry.codebook] if entry.kind == 9 else []
    numbers += [entry.coded_bytes] if 1 < entry.kind < 32 else []
    head = b"\x01\x00" + variable_integer(len(name)) + name + bytes([entry.kind, entry.code_bits])
    return head + b"".join(map(variable_integer, numbers))


@pytest.mark.parametrize(
    ("listed", "found"),
    [
        (b"\xff\xff\x7f", "2097151 tensors; at most 16384"),
        (b"\x01\x05\x01a", "5 of them from the one before"),
        (b"\x01\x00\x00", "its name has 0 bytes"),
        (b"\x01\x00\x02\xff\xfe\x20\x08\x00", "codec can't decode"),
        (b"\x01\x00\x01a\x21\x08\x11" + b"\x01" * 17, "17 axes; at most 16"),
        (b"\x02\x00\x01a\x21\x08\x00\x01\x00\x21\x08\x00", "another tensor has this name"),
        (b"\x01\x00\x01a\x21\x08\x00\x00", "1 bytes are left after the last tensor"),
        (b"\x01\x00\x01a", "ends too early"),
    ],
)
def test_lists_that_make_no_sense_are_refused(listed, found):
    with pytest.raises(ValueError, match=found):
        read_list(listed, 1)


@pytest.mark.parametrize("values", [[1.0, np.inf, 0], [np.nan, 1, 0], [2, 1, 0], [0, 1, 0], [-1, 1, 0], [1, 2, 0.5]])
def test_parameters_that_make_no_sense_are_refused(values):
    entry = Entry("a", 2, 8, (3,))
    with pytest.raises(ValueError, match="log_min_max: (invalid range of|range holds NaN)"):
        unpacked(entry, np.array(values, "<f4").tobytes() + bytes(3))


def test_values_of_other_types_are_refused():
    with pytest.raises(ValueError, match="a: the format does not support complex64; expected bool"):
        packed_as_it_is("a", np.zeros(3, "complex64"))
    with pytest.raises(ValueError, match="neither 0 nor 1"):
        unpacked(Entry("a", 32, 8, (2,)), b"\x01\x02")
    with pytest.raises(ValueError, match="code 3 is beyond the 3 entries"):
        unpacked(Entry("a", 9, 2, (4,), codebook=3), bytes(12) + b"\xe4")
