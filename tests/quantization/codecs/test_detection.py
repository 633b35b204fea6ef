"""Recognition: the very same values, in no more bits than the codec that made them took."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as arrays

from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.detection import detect_codec
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform

BITS = range(1, 17)
SPECIAL = [0.0, -0.0, 1.0, -1.0, 1e-45, 1e38, float("nan"), float("inf")]
EVERY = [
    *(LogMinMax(bits) for bits in BITS),
    *(LogMinMax(bits, floor=1e-12) for bits in (3, 10)),
    *(LogMinMax(bits, "nearest") for bits in BITS),
    *(LogMinMax(bits, "floor") for bits in BITS),
    *(Uniform(*each) for each in itertools.product(BITS, (True, False), (True, False))),
    *(KMeans(bits) for bits in BITS),
    *(kind(per_filter) for kind in (Ternary, Binary) for per_filter in (True, False)),
    Float16(),
    Float32(),
]


def same(values, others):
    return values.shape == others.shape and values.dtype == others.dtype and values.tobytes() == others.tobytes()


def kernels(seed):
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.05, (3, 3, 8, 24)).astype("float32")
    kernel[rng.random(kernel.shape) < 0.01] *= 1e-9
    yield kernel
    yield np.where(rng.random(kernel.shape) < 0.3, 0, kernel).astype("float32")
    yield np.abs(kernel[0, 0])


def smallest(values, axes):
    """Every codec in turn, without any thought: what takes the fewest bits, the first of equals."""
    kept = []
    for codec in [Float32(), Float16(), *(KMeans(bits) for bits in BITS), *TENSOR_CODECS, *FILTER_CODECS]:
        try:
            encoded = codec.encode(values, axes)
        except ValueError:  # too large for float16, or not finite
            continue
        if same(codec.decode(encoded), values):
            kept.append((codec, encoded))
    return min(kept, key=lambda each: each[1].bits)


TENSOR_CODECS = [
    Ternary(False),
    Binary(False),
    *(Uniform(bits, symmetric) for symmetric in (True, False) for bits in BITS),
    *(LogMinMax(bits, floor=1e-30) for bits in BITS),
    *(LogMinMax(bits, "nearest") for bits in BITS),
]
FILTER_CODECS = [
    Ternary(),
    Binary(),
    *(Uniform(bits, symmetric, True) for symmetric in (True, False) for bits in BITS),
]


@pytest.mark.parametrize("codec", EVERY, ids=str)
def test_nothing_smaller_is_ruled_out(codec):
    rng = np.random.default_rng(6)
    for shape, axes in (((5, 3, 4, 6), (-1,)), ((4, 4, 3, 2), (-2, -1)), ((40, 3), (-2,)), ((90,), (-1,))):
        for scale in (1, 1e-30):
            values = (scale * rng.normal(0.1, 1, shape)).astype("float32")
            values = codec.decode(codec.encode(np.where(rng.random(shape) < 0.1, 0, values).astype("float32"), axes))
            reference, most = smallest(values, axes)
            for expected in (None, codec, LogMinMax(3), Uniform(12), Ternary()):
                found, encoded = detect_codec(values, axes, expected)
                assert same(found.decode(encoded), values)
                # The reference does not look for the range of the rule "floor", which the values don't hold.
                if not (isinstance(found, LogMinMax) and found.rule == "floor" and encoded.bits < most.bits):
                    assert encoded.bits == most.bits
                    stored = LogMinMax(reference.bits, reference.rule) if hasattr(reference, "rule") else reference
                    assert found.name == stored.name and found.code_bits == stored.code_bits


@pytest.mark.parametrize("codec", EVERY, ids=str)
def test_what_a_codec_made_takes_no_more_bits_again(codec):
    for values in kernels(0):
        made = codec.encode(values)
        decoded = codec.decode(made)
        found, encoded = detect_codec(decoded)
        assert same(found.decode(encoded), decoded)
        assert encoded.bits <= made.bits
        assert same(found.decode(found.encode(decoded, parameters=encoded.parameters or None)), decoded)


@pytest.mark.parametrize("codec", [Uniform(5, per_filter=True), Uniform(4, False, True), Ternary(), Binary()], ids=str)
def test_filters_on_other_axes(codec):
    values = np.random.default_rng(1).normal(size=(3, 3, 64, 2)).astype("float32")
    for axes in ((-2, -1), (-2,), (2, 3)):
        made = codec.encode(values, axes)
        found, encoded = detect_codec(codec.decode(made), axes)
        assert found == codec
        assert encoded.bits == made.bits
        assert same(found.decode(encoded), codec.decode(made))


@settings(max_examples=150, deadline=None)
@given(
    arrays.arrays(
        np.float32,
        arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
        elements=st.floats(width=32) | st.sampled_from(SPECIAL),
    )
)
def test_any_values_come_back(values):
    codec, encoded = detect_codec(values)
    assert same(codec.decode(encoded), values)
    assert encoded.bits <= 32 * values.size
    for expected in (LogMinMax(3), LogMinMax(8, "nearest"), Uniform(2, False, True), Binary(), KMeans(1), Float16()):
        found, again = detect_codec(values, expected=expected)
        assert same(found.decode(again), values)
        assert again.bits <= encoded.bits


@pytest.mark.parametrize("bits", [0x80000000, 0x7FC12345, 0xFFC00001, 0x7F800000])
def test_what_no_codec_keeps_stays_as_it_is(bits):
    values = np.full(100, bits, np.uint32).view(np.float32).reshape(10, 10)
    codec, encoded = detect_codec(values)
    assert codec == (Float16() if bits == 0x80000000 else Float32())
    assert same(codec.decode(encoded), values)


def test_few_values_become_a_palette():
    values = np.random.default_rng(2).choice(np.float32([0.1, 0.7, -3.3, 12.1, 5.0]), (40, 30))
    codec, encoded = detect_codec(values)
    assert codec == KMeans(3)
    assert encoded.bits == 1200 * 3 + 5 * 32
    assert same(codec.decode(encoded), values)


def test_floats_stay_floats():
    values = np.random.default_rng(3).normal(size=(7, 11)).astype("float32")
    assert detect_codec(values)[0] == Float32()
    assert detect_codec(values.astype("float16").astype("float32"))[0] == Float16()
    assert detect_codec(np.zeros((0, 3), "float32"))[1].bits == 0
    many = np.random.default_rng(4).normal(size=(300, 300)).astype("float32")
    assert detect_codec(many)[0] == Float32()


def test_a_tensor_too_large_to_be_looked_at_at_once():
    """A look at the first values rules no codec out wrongly, and the last value is not missed."""
    rng = np.random.default_rng(7)
    values = LogMinMax(4).decode(LogMinMax(4).encode(rng.normal(size=(600, 500)).astype("float32")))
    for expected in (None, LogMinMax(4), Uniform(4)):
        codec, encoded = detect_codec(values, expected=expected)
        assert codec == LogMinMax(4) and encoded.bits == 4 * values.size + 96
    values[-1, -1] = 0.123
    for expected in (None, LogMinMax(4), Uniform(4)):
        codec, encoded = detect_codec(values, expected=expected)
        assert codec == KMeans(4) and same(codec.decode(encoded), values)
    for last, bits in ((0, 1), (1e-45, 1), (-1e-45, 1), (0.5, 1), (1 + 2**-23, 1), (-0.0, 16), (np.nan, 32)):
        values = np.ones((600, 500), "float32")
        values[-1, -1] = last
        codec, encoded = detect_codec(values)
        assert encoded.code_bits == bits and same(codec.decode(encoded), values)
    snapped = LogMinMax(10).decode(LogMinMax(10).encode(rng.normal(size=(600, 500)).astype("float32")))
    for expected in (None, LogMinMax(10)):
        assert detect_codec(snapped, expected=expected)[0] == LogMinMax(10)
    values = rng.normal(size=(600, 500)).astype("float32")
    values[:100] = 0.5
    assert detect_codec(values)[0] == Float32()
    values = np.full((600, 500), 0.5, "float32")
    values[-1, -1] = 0.1
    assert detect_codec(values)[0] in (KMeans(1), Uniform(1, False)) and detect_codec(values)[1].bits == 300_064


@pytest.mark.parametrize("value", [0, 1, 0.1, -3, 1e6, -1e-40, 3e38])
@pytest.mark.parametrize("shape", [(2,), (3,), (64,), (3, 3, 2, 4), (5000,)], ids=str)
def test_a_constant_tensor(value, shape):
    values = np.full(shape, value, "float32")
    codec, encoded = detect_codec(values)
    assert same(codec.decode(encoded), values)
    halves = value in (0, 1, -3)
    assert encoded.bits == min((16 if halves else 32) * values.size, values.size + 32)


def test_the_order_in_memory_does_not_matter():
    values = LogMinMax(6).decode(LogMinMax(6).encode(np.random.default_rng(5).normal(size=(20, 30)).astype("float32")))
    codec, encoded = detect_codec(np.asfortranarray(values))
    assert codec == LogMinMax(6)
    assert same(codec.decode(encoded), values)


def test_sixteen_bits_and_a_sign_are_found_though_they_are_more_than_a_palette_holds():
    rng = np.random.default_rng(0)
    values = np.exp(rng.uniform(-8, 0, 400_000)) * rng.choice([-1, 1], 400_000)
    codec = LogMinMax(16, "nearest")
    snapped = codec.decode(codec.encode(values.astype(np.float32)))
    assert len(np.unique(snapped)) > 1 << 16
    found, encoded = detect_codec(snapped)
    assert found == codec
    np.testing.assert_array_equal(found.decode(encoded), snapped)
