"""Splits by order and at random."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tfslim.data.celeba.splits import at_random, by_order


def test_the_full_set_by_order_gives_the_papers_counts():
    parts = by_order(202_599)
    assert np.bincount(parts).tolist() == [141_819, 40_520, 20_260]
    assert (np.diff(parts.astype(int)) >= 0).all()


def test_the_full_set_at_random_gives_the_same_counts():
    assert np.bincount(at_random(202_599, 1)).tolist() == [141_819, 40_520, 20_260]


@settings(deadline=None)
@given(count=st.integers(0, 300), seed=st.integers(0, 2**32))
def test_random_parts_are_a_shuffle_of_the_ordered_ones_and_repeat(count, seed):
    parts = at_random(count, seed)
    assert sorted(parts.tolist()) == by_order(count).tolist()
    assert (parts == at_random(count, seed)).all()


def test_another_seed_gives_other_parts():
    assert (at_random(1000, 0) != at_random(1000, 1)).mean() > 0.2


def test_the_random_split_stays_what_it_was():
    # PCG64(5) draws the smallest seven of its ten numbers at the places with 0, the largest at the last.
    assert at_random(10, 5).tolist() == [1, 1, 0, 0, 0, 0, 0, 0, 0, 2]


@pytest.mark.parametrize("count, counts", [(10, [7, 2, 1]), (5, [3, 1, 1]), (1, [0, 0, 1])])
def test_small_sets(count, counts):
    assert np.bincount(by_order(count), minlength=3).tolist() == counts
