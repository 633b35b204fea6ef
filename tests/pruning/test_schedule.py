"""Shares of the target after each drop, by hand."""

import pytest

from tfslim.pruning.taylor_pruning import progress


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("constant", [0.25, 0.5, 0.75, 1]),
        ("polynomial", [1 - 27 / 64, 1 - 8 / 64, 1 - 1 / 64, 1]),
        ("one-shot", [1, 1, 1, 1]),
    ],
)
def test_shares(schedule, shares):
    assert [progress(schedule, done, 4) for done in (1, 2, 3, 4)] == pytest.approx(shares)


def test_what_there_is_not_is_refused():
    with pytest.raises(ValueError, match="schedule='linear'; expected 'constant'"):
        progress("linear", 1, 2)
    with pytest.raises(ValueError, match="drop 3 of 2"):
        progress("constant", 3, 2)
