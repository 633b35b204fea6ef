"""Every codec at every width: codes in range, exact bit counts, fixed points, refusals."""

import re

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from tfslim.quantization import Binary, Float16, Float32, KMeans, LogMinMax, Ternary, Uniform, codec_of

FLOATS = st.floats(width=32, allow_nan=False, allow_infinity=False)
TENSORS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5), elements=FLOATS)
SMALL = st.floats(-8, 8, width=32)
WEIGHTS = hnp.arrays(np.float32, hnp.array_shapes(min_dims=1, max_dims=4, max_side=6), elements=SMALL)
WIDE = [LogMinMax, lambda b: LogMinMax(b, floor=2.0**-8), lambda b: LogMinMax(b, "nearest"), Uniform, KMeans]
WIDE += [
    lambda b: Uniform(b, symmetric=False),
    lambda b: Uniform(b, per_filter=True),
    lambda b: Uniform(b, False, True),
]
NARROW = [Ternary(), Ternary(per_filter=False), Binary(), Binary(per_filter=False), Float32()]


def codecs(bits: int) -> list:
    return [make(bits) for make in WIDE] + [LogMinMax(bits, "floor")] + (NARROW if bits == 1 else [])


@settings(max_examples=30, deadline=None)
@given(TENSORS, st.integers(1, 16))
@example(np.zeros((2, 0, 3), np.float32), 4)
@example(np.zeros((3, 2), np.float32), 1)
@example(np.float32([1e-45, -1e-40, 0]), 5)
@example(np.float32([3.4e38, -3.4e38, 1e-38]), 3)
@example(np.float32([[-2.5] * 4] * 3), 2)
def test_codes_are_in_range_and_their_values_a_fixed_point(values, bits):
    for codec in codecs(bits):
        encoded = codec.encode(values)
        assert encoded.codes.shape == (values.size,)
        assert encoded.code_bits == codec.code_bits
        assert not values.size or int(encoded.codes.max()) < 1 << codec.code_bits
        assert encoded.bits == values.size * codec.code_bits + 32 * sum(p.size for p in encoded.parameters.values())
        decoded = codec.decode(encoded)
        assert decoded.shape == values.shape and decoded.dtype == np.float32 and np.isfinite(decoded).all()
        again = codec.encode(decoded, parameters=encoded.parameters)
        np.testing.assert_array_equal(codec.decode(again), decoded)
        if codec != LogMinMax(bits, "floor"):  # whose levels stop short of the largest, so that a new range is smaller
            np.testing.assert_array_equal(codec.decode(codec.encode(decoded)), decoded)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300])
def test_what_is_not_finite_is_refused_with_its_place(bad):
    values = np.array([0.5, 1.0, bad, 2.0])
    for codec in codecs(1)[:-1] + [Float16()]:
        with pytest.raises(ValueError, match="1 of 4 values are NaN or infinite, the first at index 2"):
            codec.encode(values)


@settings(max_examples=30, deadline=None)
@given(WEIGHTS, st.integers(1, 12))
def test_a_codebook_is_as_good_as_any_of_the_other_levels(values, bits):
    """Every value takes the nearest level of its tensor, save for log min-max, which is nearest in the logarithm."""
    for codec in (Uniform(bits), Uniform(bits, symmetric=False), KMeans(bits)):
        decoded = codec.decode(codec.encode(values))
        levels = np.unique(decoded)
        nearest = np.abs(values[..., None] - levels).min(axis=-1)
        np.testing.assert_allclose(np.abs(values - decoded), nearest, atol=2e-6)


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.float32, (3, 4, 5), elements=SMALL))
def test_a_scale_a_filter_is_what_each_filter_would_get_alone(values):
    for codec, alone in (
        (Uniform(4, per_filter=True), Uniform(4)),
        (Uniform(3, False, True), Uniform(3, False)),
        (Ternary(), Ternary(per_filter=False)),
        (Binary(), Binary(per_filter=False)),
    ):
        decoded = codec.decode(codec.encode(values))
        for number in range(5):
            one = values[..., number]
            np.testing.assert_array_equal(decoded[..., number], alone.decode(alone.encode(one)))
        depthwise = codec.decode(codec.encode(values, filter_axes=(-2, -1)))
        assert depthwise.shape == values.shape
        np.testing.assert_array_equal(depthwise[:, 1, 2], alone.decode(alone.encode(values[:, 1, 2])))


def test_by_hand():
    values = np.float32([1.0, -0.5, 0.25, 0.0, -0.1])
    for codec, wanted in (
        (Uniform(2), [1, -1, 0, 0, 0]),  # -0.5 is half way, and rint takes the even one of 0 and 2 from the left
        (Uniform(1, symmetric=False), [1, -0.5, 0.25 - 0.75, -0.5, -0.5]),
        (Ternary(per_filter=False), [0.75, -0.75, 0, 0, 0]),  # mean 0.37, threshold 0.259
        (Binary(per_filter=False), [0.37, -0.37, 0.37, 0.37, -0.37]),
    ):
        decoded = codec.decode(codec.encode(values))
        np.testing.assert_allclose(decoded, wanted, atol=1e-6, err_msg=str(codec))


def test_kmeans_entries_are_the_means_of_what_is_nearest():
    values = np.random.default_rng(0).normal(size=2000).astype(np.float32)
    codec = KMeans(3)
    encoded = codec.encode(values)
    codebook = encoded.parameters["codebook"]
    assert len(codebook) == 8
    np.testing.assert_array_equal(encoded.codes, np.abs(values[:, None] - codebook).argmin(axis=1))
    means = [values[encoded.codes == code].mean() for code in range(8)]
    np.testing.assert_allclose(codebook, means, atol=1e-5)


def test_floats_are_the_bits_of_the_values():
    values = np.float32([0.1, -2.5, 65504, 1e-8, -0.0])
    np.testing.assert_array_equal(Float16().decode(Float16().encode(values)), values.astype(np.float16))
    odd = np.float32([np.nan, np.inf, -0.0, 1e-45])
    assert Float32().decode(Float32().encode(odd)).tobytes() == odd.tobytes()
    with pytest.raises(ValueError, match="a value of 65520 is beyond float16's 65,504"):
        Float16().encode(np.float32([65520.0]))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LogMinMax(0), "bits=0; expected a whole number from 1 to 16"),
        (lambda: Uniform(17), "bits=17; expected a whole number from 1 to 16"),
        (lambda: KMeans(2.5), "bits=2.5; expected a whole number from 1 to 16"),
        (lambda: KMeans(True), "bits=True; expected a whole number from 1 to 16"),
        (lambda: LogMinMax(8, "round"), "rule='round'; expected 'exact_zero', 'nearest' or 'floor'"),
        (lambda: LogMinMax(8, floor=1.0), "floor=1.0; expected above 0 and below 1"),
        (lambda: LogMinMax(8, "nearest", floor=0.5), "floor=0.5; expected above 0 and below 1, and rule 'exact_zero'"),
        (lambda: codec_of("log_minmax"), "codec 'log_minmax' is unknown.*did you mean 'log_min_max'"),
        (lambda: codec_of("uniform"), "codec 'uniform' needs bits"),
        (lambda: codec_of("ternary", {"bits": 2}), "codec 'ternary' has no argument 'bits'; it has per_filter"),
    ],
)
def test_wrong_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message if ".*" in message else re.escape(message)):
        make()


@pytest.mark.parametrize(("bits", "start"), [(4, 0.15), (6, 0.05)])
def test_one_far_value_does_not_take_most_of_a_codebook(bits, start):
    values = np.append(np.random.default_rng(0).normal(0, 0.05, 60_000), 5).astype(np.float32)
    encoded = KMeans(bits).encode(values)
    error = np.sqrt(np.square(KMeans(bits).decode(encoded) - values).mean()) / 0.05
    assert error < start
    assert set(encoded.codes.tolist()) == set(range(len(encoded.parameters["codebook"]))), "each entry is in use"
