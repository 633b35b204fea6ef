"""Units united and frozen, against sets kept by hand."""

import numpy as np
from hypothesis import given, strategies as st

from tfslim.pruning.dependency.units import Units


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=20), st.sets(st.integers(0, 11), max_size=3)
)
def test_units_are_the_connected_sets(pairs, frozen):
    units = Units()
    numbers = units.new(12)
    sets = {number: {number} for number in range(12)}
    for step, (one, other) in enumerate(pairs):
        if step == len(pairs) // 2:  # some are frozen before they are united, and the others find out
            for number in frozen:
                units.freeze(numbers[[number]], f"said of {number}")
        units.unite(numbers[[one]], numbers[[other]])
        joined = sets[one] | sets[other]
        for member in joined:
            sets[member] = joined
    for number in frozen:
        units.freeze(numbers[[number]], f"said of {number}")
    roots = units.find(numbers)
    for one in range(12):
        assert {other for other in range(12) if roots[other] == roots[one]} == sets[one]
        assert (units.reason(one) is not None) == bool(sets[one] & frozen) == units.frozen()[one]
        if units.reason(one):
            assert int(units.reason(one).split()[-1]) in sets[one]


def test_the_first_reason_stays_unless_overridden():
    units = Units()
    numbers = units.new(2)
    units.freeze(numbers, "first")
    units.freeze(numbers, "second")
    assert units.reason(0) == "first"
    units.freeze(numbers[:1], "third", override=True)
    assert (units.reason(0), units.reason(1)) == ("third", "first")


def test_new_numbers_go_on():
    units = Units()
    np.testing.assert_array_equal(units.new(2), [0, 1])
    np.testing.assert_array_equal(units.new(3), [2, 3, 4])
    assert len(units) == 5
