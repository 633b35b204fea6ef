"""Identities with at least n images, numbered anew."""

import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfslim.data.identities import restrict


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
        with pytest.raises(ValueError, match=f"no identity has {least} images or more; the most one has is"):
            restrict(np.array(identities), least)
        return
    rows, numbers, renumbering = restrict(np.array(identities), least)
    assert rows.tolist() == kept
    assert numbers.tolist() == [renumbering[identities[row]] for row in kept]
    assert sorted(renumbering.values()) == list(range(len(renumbering)))
    assert list(renumbering) == sorted(renumbering)
