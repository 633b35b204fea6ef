"""Bits by budget: the knapsack against brute force, and a model in which one layer matters more."""

import itertools
import re

import keras
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

import tfslim
from tfslim.quantization import allocate_bits, output_distance
from tfslim.quantization.bit_allocation import byte_size, knapsack


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 10**6), st.floats(0, 1), st.booleans())
def test_knapsack_is_as_good_as_brute_force(rows, columns, seed, share, like_codecs):
    rng = np.random.default_rng(seed)
    costs, sizes = rng.uniform(0, 1, (rows, columns)), rng.integers(1, 100, (rows, columns)).astype(float)
    if like_codecs:  # some tensors count millions of times as much as others
        sizes = rng.integers(10, 10**7, (rows, 1)) * np.arange(2.0, 2 + columns)
        costs = 10 ** rng.uniform(-8, 2, (rows, 1)) * 4.0 ** -np.arange(columns)
    least, most = sizes.min(axis=1).sum(), sizes.max(axis=1).sum()
    limit = least + share * (most - least)
    picked = knapsack(costs, sizes, limit)
    every = np.arange(rows)
    assert sizes[every, picked].sum() <= limit
    choices = [np.array(each) for each in itertools.product(range(columns), repeat=rows)]
    best = min(costs[every, each].sum() for each in choices if sizes[every, each].sum() <= limit)
    assert costs[every, picked].sum() == pytest.approx(best, rel=1e-5)


def test_knapsack_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="no choice fits 5"):
        knapsack(np.ones((2, 2)), np.full((2, 2), 3.0), 5)


def test_the_solver_prints_nothing(capfd):
    """HiGHS prints a line of its own when it repairs a solution, as for this problem."""
    rng = np.random.default_rng(11)
    costs = np.sort(10.0 ** rng.uniform(-9, 0, (30, 9)), axis=1)[:, ::-1]
    sizes = np.arange(2, 11) * rng.integers(10, 1_000_000, (30, 1)) * 1.0
    knapsack(costs, sizes, 0.5 * sizes.max(axis=1).sum())
    print("still here")
    assert capfd.readouterr() == ("still here\n", "")


def lopsided_model() -> keras.Model:
    """Two branches of equal size, of which the second hardly counts."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((12,))
    loud = keras.layers.Dense(6, name="loud")(inputs)
    quiet = keras.layers.Rescaling(1e-3)(keras.layers.Dense(6, name="quiet")(inputs))
    return keras.Model(inputs, keras.layers.Add()([loud, quiet]))


def test_bits_go_where_the_answers_need_them():
    model = lopsided_model()
    inputs = np.random.default_rng(0).normal(size=(64, 12)).astype(np.float32)
    calls = []
    equal, equal_report = tfslim.quantize_weights(model, "log_min_max", 5)
    budget = equal_report.figures["weight bytes"]
    plan, report = allocate_bits(model, budget, inputs, bits=range(2, 9), progress=lambda *at: calls.append(at))
    assert plan["loud/kernel"].bits == 8 and plan["quiet/kernel"].bits == 2
    assert calls == [(number, 14) for number in range(1, 15)]
    better, better_report = tfslim.quantize_weights(model, plan)
    assert better_report.figures["weight bytes"] == report.figures["weight bytes"] <= budget
    distance = output_distance(model, inputs)
    assert distance(better) < 0.05 * distance(equal)
    assert distance(model) == 0


def test_output_distance_by_hand():
    model = lopsided_model()
    inputs = np.random.default_rng(0).normal(size=(32, 12)).astype(np.float32)
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    other.get_layer("loud").bias.assign(np.full(6, 0.5))
    outputs = model.predict(inputs, verbose=0)
    assert output_distance(model, inputs)(other) == pytest.approx(0.25 / outputs.var(axis=0).mean(), rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"budget": "10 B"}, "10 bytes are too few for functional"),
        ({"budget": "many"}, "'many' is not a size; pass bytes, or a number with B, kB"),
        ({"budget": 0}, "0 is less than a byte"),
        ({"budget": 500, "bits": []}, "bits is empty; pass the numbers of bits"),
        ({"budget": 500, "distance": len}, "pass either images or distance"),
        ({"budget": 500, "codec": "unifrom"}, "did you mean 'uniform'"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        allocate_bits(lopsided_model(), images=np.zeros((2, 12), np.float32), **arguments)


def test_no_images_are_said_to_be_none():
    with pytest.raises(ValueError, match="images is empty; pass some"):
        allocate_bits(lopsided_model(), 500, np.zeros((0, 12), np.float32))


def test_too_small_a_budget_is_said_before_anything_is_measured():
    with pytest.raises(ValueError, match="are too few"):
        allocate_bits(lopsided_model(), "10 B", distance=lambda model: pytest.fail("it was measured"))


@pytest.mark.parametrize("distance", [np.nan, np.inf])
def test_a_distance_that_is_not_finite_is_named_at_once(distance):
    found = iter([1.0, distance])
    with pytest.raises(
        ValueError, match=f"loud/kernel: the distance at 2 bits is {distance}, expected a finite number; leave 2 out"
    ):
        allocate_bits(lopsided_model(), 500, distance=lambda trial: next(found))


@pytest.mark.parametrize("arguments", [{"scope": "convolutions"}, {"skip": ["loud", "quiet"]}])
def test_a_scope_without_tensors_is_said(arguments):
    with pytest.raises(ValueError, match="has no tensor to choose bits for: scope='"):
        allocate_bits(lopsided_model(), 500, distance=lambda trial: pytest.fail("it was measured"), **arguments)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1.13MB", 1_130_000), ("300 kB", 300_000), ("2 MiB", 2_097_152), (250, 250), ("17", 17), (".5 KiB", 512)],
)
def test_sizes(text, size):
    assert byte_size(text) == size
