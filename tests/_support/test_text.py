"""Counts, times and progress lines as text."""

import pytest

from tfslim._support.text import ProgressLines, clock, pluralize


@pytest.mark.parametrize(("count", "said"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (1200, "1,200 epochs")])
def test_nouns_follow_their_number(count, said):
    assert pluralize(count, "epoch") == said


def test_a_plural_of_its_own():
    assert [pluralize(count, "person", "people") for count in (1, 2)] == ["1 person", "2 people"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0:00"), (40.4, "0:40"), (59.6, "1:00"), (3599, "59:59"), (3725, "1:02:05")]
)
def test_times(seconds, said):
    assert clock(seconds) == said


def test_progress_is_a_line_from_time_to_time():
    written, times = [], iter([0.0, 20.0, 40.0, 60.0, 71.0, 105.0])
    lines = ProgressLines("photos", 30, written.append, lambda: next(times))
    for done, total in ((160, 1000), (320, 1000), (480, 1000), (700, None), (1000, 1000)):
        lines.move(done, total)
    assert written == ["photos 320/1000, 1:25 left", "photos 700", "photos 1000/1000, 0:00 left"]
