"""Log min-max against the paper's own formulas, worked out with numpy, and against its bounds."""

import numpy as np
import pytest
from hypothesis import example, given, settings, strategies as st
from hypothesis.extra import numpy as hnp

from tfslim.quantization import LogMinMax

WEIGHTS = hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))


def authors_code(x: np.ndarray, bits: int) -> np.ndarray:
    """papers.md 3.4, "Code F1", in float64."""
    x = x.astype(np.float64)
    f = np.log(np.abs(x) + 1e-20)
    if f.max() == f.min():
        return x
    n = 2**bits - 1
    v = np.floor((f - f.min()) / (f.max() - f.min()) * n + 0.5) / n
    return np.sign(x) * np.exp(v * (f.max() - f.min()) + f.min())


def poster(x: np.ndarray, bits: int) -> np.ndarray:
    """papers.md 3.4, "Poster", with the index of the largest magnitude clamped."""
    x = x.astype(np.float64)
    f = np.log(np.abs(x))
    q = (f.max() - f.min()) / 2**bits
    index = np.minimum(np.floor((f - f.min()) / q + 1e-9), 2**bits - 1)
    return np.sign(x) * np.exp(index * q + f.min())


@pytest.mark.parametrize("bits", range(2, 13))
@pytest.mark.parametrize("dead", [[], [0.0] * 5, [1e-40, -1e-40, 1e-42], [0.0, -1e-42]], ids=str)
def test_nearest_is_the_authors_code(bits, dead):
    x = np.random.default_rng(bits).normal(size=500).astype(np.float32)
    x[: len(dead)] = dead
    codec = LogMinMax(bits, "nearest")
    assert codec.code_bits == bits + 1
    decoded = codec.decode(codec.encode(x))
    np.testing.assert_allclose(decoded, authors_code(x, bits), rtol=2e-5, atol=1e-19)


@pytest.mark.parametrize("bits", range(1, 13))
def test_floor_is_the_posters_rule(bits):
    x = np.random.default_rng(bits).normal(size=500).astype(np.float32)
    codec = LogMinMax(bits, "floor")
    np.testing.assert_allclose(codec.decode(codec.encode(x)), poster(x, bits), rtol=1e-5)


@settings(max_examples=80, deadline=None)
@given(WEIGHTS, st.integers(3, 16))
@example(np.float32([-999_675, -999_676]), 7)  # steps that float32 can't tell apart
@example(np.float32([-999_999, -1e6, 1e6, 0]), 12)
def test_the_error_is_at_most_half_a_step(values, bits):
    """In the logarithm, for all magnitudes that are at least the floor's share of the largest."""
    codec = LogMinMax(bits, floor=2.0**-20)
    encoded = codec.encode(values)
    decoded = codec.decode(encoded)
    low, high, sign = encoded.parameters["range"].astype(np.float64)
    counted = np.abs(values) >= max(high * 2.0**-20, np.finfo(np.float32).tiny)
    if not counted.any():
        assert not decoded.any()
        return
    levels = 2**bits - 1 if sign else 2 ** (bits - 1) - 1
    step = np.log(high / low) / (levels - 1)
    error = np.abs(
        np.log(np.abs(decoded[counted].astype(np.float64))) - np.log(np.abs(values[counted].astype(np.float64)))
    )
    assert error.max() <= step / 2 + 3e-6
    assert (np.sign(decoded[counted]) == np.sign(values[counted])).all()
    assert (decoded[values == 0] == 0).all()
    assert decoded.max() == pytest.approx(values.max()) or values.max() <= 0 or sign == 0


def test_levels_by_hand():
    # Four bits: one code for zero, seven levels a sign, from 1/64 to 1: each twice the one before.
    x = np.float32([1, -1 / 64, 0.24, -0.36, 0.005, 0.0])
    codec = LogMinMax(4, floor=1 / 64)
    encoded = codec.encode(x)
    np.testing.assert_allclose(codec.decode(encoded), [1, -1 / 64, 0.25, -0.5, 0, 0], rtol=1e-6)
    np.testing.assert_array_equal(encoded.codes, [7, 8, 5, 13, 0, 0])


def test_one_sign_takes_the_codes_of_the_other_as_well():
    x = np.geomspace(0.01, 1, 15).astype(np.float32)
    for values in (x, -x):
        codec = LogMinMax(4)
        np.testing.assert_allclose(codec.decode(codec.encode(values)), values, rtol=1e-5)


@pytest.mark.parametrize("rule", ["nearest", "floor"])
def test_dead_weights_become_the_least_that_the_authors_tell_from_zero(rule):
    decoded = LogMinMax(9, rule).decode(LogMinMax(9, rule).encode(np.float32([1, -0.01, 0.3, 1e-40, -1e-40])))
    np.testing.assert_allclose(decoded[3:], [1e-20, -1e-20], rtol=1e-6)
    np.testing.assert_allclose(decoded[:3], [1, -0.01, 0.3], rtol=0.1)  # 46 nats in 512 levels


def test_dead_weights_do_not_stretch_the_range():
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000).astype(np.float32)
    with_dead = np.concatenate([x, rng.normal(size=100).astype(np.float32) * 1e-38])
    theirs = LogMinMax(6, "nearest")
    ours = LogMinMax(6)

    def error(codec, values):
        return np.square(codec.decode(codec.encode(values)) - values).mean()

    assert error(theirs, with_dead) > 20 * error(theirs, x)
    assert error(ours, with_dead) == pytest.approx(error(ours, x) * 1000 / 1100, rel=0.05)


def test_the_chosen_floor_has_the_least_error_of_all():
    x = np.random.default_rng(1).normal(size=5000).astype(np.float32)
    for bits in (3, 4, 6, 10):
        codecs = [LogMinMax(bits), *(LogMinMax(bits, floor=2.0**-power) for power in range(1, 21))]
        errors = [np.square(each.decode(each.encode(x)) - x).sum() for each in codecs]
        assert errors[0] <= 1.02 * min(errors[1:])


def test_another_tensors_range_is_kept():
    codec = LogMinMax(5, floor=2.0**-6)
    encoded = codec.encode(np.float32([0.5, 1, 2]))
    other = codec.encode(np.float32([100, 0.75, -1, 1e-9]), parameters=encoded.parameters)
    decoded = codec.decode(other)
    assert decoded[0] == 2 and decoded[2] == 0 and decoded[3] == 0
    assert 0.7 < decoded[1] < 0.8
