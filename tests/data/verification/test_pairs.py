"""Drawn pairs against lists made by plain loops."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from tfslim.data.celeba.records import Records
from tfslim.data.verification import pairs as verification_pairs
from tfslim.data.verification.pairs import Pairs, pairs


def records_of(identities, prefix="") -> Records:
    files = np.array([f"{prefix}{row:04d}.jpg" for row in range(len(identities))], dtype="U20")
    return Records(files, None, np.array(identities, np.int32), np.zeros(len(files), np.uint8))


def listed(drawn: Pairs) -> list[tuple[frozenset, bool]]:
    """The pairs as unordered pairs of templates (each a set of files), and whether they are genuine."""
    sets = [frozenset(template) for template in drawn.templates]
    rows = zip(drawn.first.tolist(), drawn.second.tolist(), drawn.genuine.tolist(), strict=True)
    return [(frozenset([sets[first], sets[second]]), genuine) for first, second, genuine in rows]


def person_of(*sets: Records) -> dict[str, int]:
    return {file: int(who) for one in sets for file, who in zip(one.files.tolist(), one.identities, strict=True)}


def check(drawn: Pairs, template: int, *sets: Records) -> None:
    """Check what holds for any pairs: disjoint templates of the right size and person, no pair twice."""
    people = person_of(*sets)
    for first, second, genuine in zip(drawn.first, drawn.second, drawn.genuine, strict=True):
        left, right = drawn.templates[first], drawn.templates[second]
        assert len(set(left)) == len(set(right)) == template
        assert not set(left) & set(right)
        assert len({people[file] for file in left}) == len({people[file] for file in right}) == 1
        assert (people[left[0]] == people[right[0]]) == genuine
    assert len(set(listed(drawn))) == len(drawn)


IDENTITIES = st.lists(st.integers(3, 7), min_size=2, max_size=14)


@given(IDENTITIES, st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_all_single_images_are_those_of_plain_loops(identities, seed):
    records = records_of(identities)
    names = records.files.tolist()
    every = {
        (frozenset([frozenset([names[i]]), frozenset([names[j]])]), identities[i] == identities[j])
        for i, j in itertools.combinations(range(len(names)), 2)
    }
    counts = [sum(genuine for _, genuine in every), sum(not genuine for _, genuine in every)]
    if 0 in counts:
        with pytest.raises(ValueError, match="there are 0 (genuine|impostor) pairs of images"):
            pairs(records, seed=seed)
        return
    drawn = pairs(records, seed=seed)
    assert set(listed(drawn)) == every and len(drawn) == len(every)
    assert drawn.existing == tuple(counts)
    assert drawn.impostor_only == sum(identities.count(person) == 1 for person in set(identities))
    assert drawn.genuine.tolist() == sorted(drawn.genuine.tolist(), reverse=True)
    assert (drawn.folds, drawn.too_few) == (None, 0)
    fewer = pairs(records, genuine=1, impostor=(counts[1] + 1) // 2, seed=seed)
    check(fewer, 1, records)
    assert fewer.genuine.tolist() == [True] + [False] * ((counts[1] + 1) // 2)
    assert set(listed(fewer)) <= every


@given(IDENTITIES, IDENTITIES, st.integers(1, 2))
@settings(max_examples=60, deadline=None)
def test_all_pairs_across_two_sets(left, right, template):
    one, two = records_of(left, "a"), records_of(right, "b")
    lefts = {person: left.count(person) // template for person in left}
    rights = {person: right.count(person) // template for person in right}
    genuine = sum(count * rights.get(person, 0) for person, count in lefts.items())
    impostor = sum(lefts.values()) * sum(rights.values()) - genuine
    drawn = pairs(one, two, genuine=None if genuine else 0, impostor=None if impostor else 0, template=template, seed=1)
    assert drawn.existing == (genuine, impostor)
    assert len(drawn) == genuine + impostor
    check(drawn, template, one, two)
    for first, second in zip(drawn.first, drawn.second, strict=True):
        assert drawn.templates[first][0].startswith("a")
        assert drawn.templates[second][0].startswith("b")
    people = person_of(one, two)
    assert drawn.too_few == len(set(people.values()) - {people[files[0]] for files in drawn.templates})


def test_people_across_two_sets_are_counted_once():
    """Of templates of two, 1 has one on both sides, 2 on the left, 3 on the right, and 4, who is in both sets, none."""
    drawn = pairs(records_of([1, 1, 2, 2, 3, 4], "a"), records_of([1, 1, 3, 3, 2, 4], "b"), template=2)
    assert (drawn.existing, drawn.too_few, drawn.impostor_only) == ((1, 3), 1, 2)


@given(IDENTITIES, st.integers(2, 4))
@settings(max_examples=60, deadline=None)
def test_templates_share_no_image_and_leave_out_who_has_too_few(identities, template):
    records = records_of(identities)
    counts = {person: identities.count(person) for person in identities}
    made = {person: count // template for person, count in counts.items()}
    genuine = sum(count * (count - 1) // 2 for count in made.values())
    drawn = pairs(records, genuine=None if genuine else 0, impostor=0, template=template)
    check(drawn, template, records)
    assert len(drawn) == genuine
    assert drawn.too_few == sum(count == 0 for count in made.values())
    assert drawn.impostor_only == sum(count == 1 for count in made.values())
    files = [file for one in drawn.templates for file in one]
    assert len(files) == len(set(files)) == template * sum(made.values())


def test_the_seed_alone_decides_and_one_kind_does_not_change_the_other():
    records = records_of(np.arange(60) % 6)
    drawn = pairs(records, genuine=20, impostor=30, template=2, seed=4)
    again = pairs(records, genuine=20, impostor=30, template=2, seed=4)
    assert listed(drawn) == listed(again)
    more = pairs(records, genuine=20, impostor=31, template=2, seed=4)
    assert listed(more)[:20] == listed(drawn)[:20]
    other = pairs(records, genuine=20, impostor=30, template=2, seed=5)
    assert set(listed(drawn)) != set(listed(other))
    assert set(drawn.templates) != set(other.templates)


def test_every_pair_is_as_likely_as_any_other():
    records = records_of([0, 0, 0, 1, 1, 2])
    counts: dict = {}
    for seed in range(600):
        for pair in listed(pairs(records, genuine=2, impostor=3, seed=seed)):
            counts[pair] = counts.get(pair, 0) + 1
    # 2 of 4 genuine and 3 of 11 impostors a time; the bounds are four standard deviations.
    for (_, genuine), count in counts.items():
        chance = 2 / 4 if genuine else 3 / 11
        assert abs(count - 600 * chance) < 4 * (600 * chance * (1 - chance)) ** 0.5
    assert len(counts) == 15


def test_all_of_celeba_is_drawn_from_without_listing_its_pairs():
    identities = np.random.default_rng(0).integers(0, 10_177, 202_599)
    records = records_of(identities.tolist())
    drawn = pairs(records, genuine=1000, impostor=50_000)
    counts = np.bincount(identities).astype(int)
    genuine = int((counts * (counts - 1) // 2).sum())
    assert drawn.existing == (genuine, 202_599 * 202_598 // 2 - genuine)
    people = person_of(records)
    who = np.array([people[template[0]] for template in drawn.templates])
    assert ((who[drawn.first] == who[drawn.second]) == drawn.genuine).all()
    assert len({(a, b) for a, b in zip(drawn.first.tolist(), drawn.second.tolist(), strict=True)}) == 51_000
    assert (drawn.first != drawn.second).all()


def test_where_no_number_is_given_the_draw_is_capped_and_says_so(monkeypatch, caplog):
    monkeypatch.setattr(verification_pairs, "MOST", 7)
    drawn = pairs(records_of([0, 0, 1, 1, 2, 2]))
    assert (int(drawn.genuine.sum()), len(drawn)) == (3, 10)
    assert drawn.existing == (3, 12)
    assert "drawing 7 of 12 impostor pairs" in caplog.text


def test_files_and_pairs_without_some():
    drawn = pairs(records_of([0, 0, 0, 1, 1]))
    assert drawn.files() == [f"{row:04d}.jpg" for row in range(5)]
    left = drawn.without(["0001.jpg", "elsewhere.jpg"])
    assert set(listed(left)) == {pair for pair in listed(drawn) if not any("0001.jpg" in side for side in pair[0])}
    assert left.files() == ["0000.jpg", "0002.jpg", "0003.jpg", "0004.jpg"]


@pytest.mark.parametrize(
    ("records", "settings", "message"),
    [
        (Records(np.array(["a.jpg"]), None, None, np.zeros(1, np.uint8)), {}, "have no identities"),
        (records_of([]), {}, "have no rows"),
        (records_of([5, 5, 5]), {}, "there are 0 impostor pairs of images, all were requested; two people"),
        (records_of([5, 6, 7]), {}, "there are 0 genuine pairs of images, all were requested; a person needs"),
        (records_of([5, 5, 6]), {"genuine": 2}, "there are 1 genuine pairs of images, 2 were requested"),
        (records_of([5, 5, 6]), {"template": 2}, "there are 0 genuine pairs of templates of 2 images"),
        (records_of([5, 5, 6]), {"template": 0}, "template must be 1 or more, found 0"),
        (records_of([5, 5, 6]), {"impostor": -1}, "impostor must be 0 or more, found -1"),
        (records_of([5, 5, 6]), {"other": records_of([5, 6])}, "2 images are in both sets, such as 0000.jpg"),
    ],
)
def test_what_cannot_be_drawn_is_said(records, settings, message):
    with pytest.raises(ValueError, match=message):
        pairs(records, **settings)


@pytest.mark.parametrize("template", [1, 2])
def test_an_image_listed_twice_is_named(template):
    records = records_of([0, 0, 0, 0, 1, 1, 1, 1])
    twice = Records(
        records.files[[0, 1, 2, 2, 4, 5, 6, 7]], None, records.identities, np.zeros(len(records.files), np.uint8)
    )
    with pytest.raises(ValueError, match="1 images are listed more than once, such as 0002.jpg"):
        pairs(twice, template=template)
    with pytest.raises(ValueError, match="such as 0002.jpg"):
        pairs(records_of([0, 0, 1, 1], prefix="other"), twice, template=template)
