"""Identities with at least n images, numbered anew."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tfslim.data.celeba.identities import hold_out, restrict


def test_a_worked_example():
    rows, numbers, renumbering = restrict(np.array([7, 5, 7, 9, 5], np.int32), 2)
    assert rows.tolist() == [0, 1, 2, 4]
    assert numbers.tolist() == [1, 0, 1, 0] and numbers.dtype == np.int32
    assert renumbering == {5: 0, 7: 1}


@settings(deadline=None)
@given(identities=st.lists(st.integers(1, 8), min_size=1, max_size=40), least=st.integers(1, 6))
def test_against_a_plain_count(identities, least):
    counts = collections.Counter(identities)
    kept = [row for row, identity in enumerate(identities) if counts[identity] >= least]
    if not kept:
        with pytest.raises(ValueError, match=f"no identity has {least} images or more; the maximum is"):
            restrict(np.array(identities), least)
        return
    rows, numbers, renumbering = restrict(np.array(identities), least)
    assert rows.tolist() == kept
    assert numbers.tolist() == [renumbering[identities[row]] for row in kept]
    assert sorted(renumbering.values()) == list(range(len(renumbering)))
    assert list(renumbering) == sorted(renumbering)


@given(people=st.integers(2, 30), seed=st.integers(0, 5), data=st.data())
def test_people_held_out_come_last_and_the_others_keep_their_order(people, seed, data):
    count = data.draw(st.integers(0, people - 2))
    identities = np.arange(people).repeat(2)
    numbers, held = hold_out(identities, count, seed)
    assert sorted(numbers.tolist()) == list(range(people))
    assert len(held) == count and (numbers[held] >= people - count).all()
    trained = np.delete(np.arange(people), held)
    assert (np.diff(numbers[trained]) > 0).all() and (np.diff(numbers[held]) > 0).all()
    np.testing.assert_array_equal(hold_out(identities, count, seed)[1], held)


def test_two_people_must_be_left():
    with pytest.raises(ValueError, match="hold_out=3: there are 4 people"):
        hold_out(np.arange(4), 3, seed=0)
