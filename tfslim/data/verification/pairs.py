"""Which images to compare with which, to see whether a model can tell if two show the same person."""

import dataclasses
import logging
from collections.abc import Collection

import numpy as np

from tfslim.data.celeba.records import Records

log = logging.getLogger(__name__)

MOST = 1_000_000  # pairs of a kind, where the number is left open


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Comparisons, genuine (the same person on both sides) and impostor (two people).

    ``len(pairs)`` counts them. A side is a template: some images of one person that are taken as one; a single image is
    a template of one.

    Attributes:
        templates: T templates, each a tuple of file names.
        first: (P,) int32, the template on one side of each pair, as its place in `templates`.
        second: (P,) int32, the template on the other side.
        genuine: (P,) bool.
        folds: (P,) int32, the fold of each pair, from 0; None where there are none.
        existing: how many genuine and how many impostor pairs there were to draw from; None where none were drawn.
        too_few: people with fewer images (in either set) than a template takes: they are in no pair.
        impostor_only: people with one template and none to compare it with: they are in impostor pairs alone.
    """

    templates: tuple[tuple[str, ...], ...]
    first: np.ndarray
    second: np.ndarray
    genuine: np.ndarray
    folds: np.ndarray | None = None
    existing: tuple[int, int] | None = None
    too_few: int = 0
    impostor_only: int = 0

    def __len__(self) -> int:
        return len(self.genuine)

    def files(self) -> list[str]:
        """The names of all images that are in a pair, each once, in order."""
        used = np.unique(np.concatenate([self.first, self.second]))
        return sorted({file for place in used.tolist() for file in self.templates[place]})

    def without(self, files: Collection[str]) -> "Pairs":
        """The pairs of which neither side holds one of these images, as when they can't be decoded."""
        left_out = set(files)
        sound = np.array([left_out.isdisjoint(template) for template in self.templates], bool)
        kept = sound[self.first] & sound[self.second]
        folds = None if self.folds is None else self.folds[kept]
        return dataclasses.replace(
            self, first=self.first[kept], second=self.second[kept], genuine=self.genuine[kept], folds=folds
        )


def pairs(
    records: Records,
    other: Records | None = None,
    genuine: int | None = None,
    impostor: int | None = None,
    template: int = 1,
    seed: int = 0,
) -> Pairs:
    """Draws pairs of images, or of templates of several images, within one set of people's images or across two.

    Each person's images are dealt in an order drawn from the seed into templates that share no image (7 images make
    three templates of 2), so an image is never compared with itself. Every pair that exists is as likely as any other
    to be drawn, and none is drawn twice; people with more images are thus in more pairs. The number of pairs of one
    kind does not change which are drawn of the other.

    Args:
        records: images with their identities, such as a part of `CelebA` or `people_folder(path)`.
        other: images to compare those of `records` with, named and numbered alike, such as another part or, by a
            selection of rows, another condition; the two must have no image in common. None compares `records` within.
        genuine: how many pairs of one person; None for all there are, or 1,000,000 drawn from them if there are more
            (`Pairs.existing` says how many there are, and a warning is logged).
        impostor: how many pairs of two people; None as for `genuine`.
        template: images in each template; 1 compares single images.
        seed: of the templates and the draw, from 0.

    Returns:
        Genuine pairs, then impostors, each in the order of people and templates.

    Raises:
        ValueError: the records have no identities or no rows, a set lists an image twice or shares one with the other,
            an argument is out of range, or there are not so many pairs.

    Example:
        >>> drawn = pairs(CelebA("celeba", hold_out=40).part("held out"), impostor=100_000, template=5)
        >>> len(drawn.templates[drawn.first[0]])
        5

    Source: templates of five images, VGGFace2-Pose: Cao and others, arXiv 1710.08092, section V.
    """
    for name, number, least in (("template", template, 1), ("genuine", genuine, 0), ("impostor", impostor, 0)):
        if number is not None and number < least:
            raise ValueError(f"{name} must be {least} or more, found {number}")
    left = _Side.of(records, template, seed)
    right = left if other is None else _Side.of(other, template, seed)
    if other is not None:
        shared = np.intersect1d(records.files, other.files)
        if len(shared):
            raise ValueError(f"{len(shared)} images are in both sets, such as {shared[0]}: give sets that share none")
    counts = (_genuine_within if other is None else _genuine_across)(left, right)
    genuine_first, genuine_second, genuine_exist = _draw(counts, genuine, "genuine", template, [seed, 1])
    counts = (_impostor_within if other is None else _impostor_across)(left, right)
    impostor_first, impostor_second, impostor_exist = _draw(counts, impostor, "impostor", template, [seed, 2])
    if other is None:
        templates, offset = left.templates, 0
        once = int((np.unique(left.people, return_counts=True)[1] == 1).sum())
    else:
        templates, offset = left.templates + right.templates, len(left.templates)
        once = len(np.setxor1d(left.people, right.people))
    first = np.concatenate([genuine_first, impostor_first])
    second = np.concatenate([genuine_second, impostor_second]) + offset
    return Pairs(
        templates=templates,
        first=first.astype(np.int32),
        second=second.astype(np.int32),
        genuine=np.arange(len(first)) < len(genuine_first),
        existing=(genuine_exist, impostor_exist),
        too_few=len(np.setdiff1d([*left.everyone, *right.everyone], [*left.people, *right.people])),
        impostor_only=once,
    )


@dataclasses.dataclass(frozen=True)
class _Side:
    """Templates and whose they are, person by person in the order of their numbers; and everyone there is."""

    templates: tuple[tuple[str, ...], ...]
    people: np.ndarray
    everyone: np.ndarray

    @classmethod
    def of(cls, records: Records, size: int, seed: int) -> "_Side":
        if records.identities is None:
            raise ValueError("the records have no identities, so nobody knows which pairs are genuine")
        if not len(records):
            raise ValueError("the records have no rows: there is nothing to pair")
        listed, times = np.unique(records.files, return_counts=True)
        if (times > 1).any():
            raise ValueError(
                f"{int((times > 1).sum())} images are listed more than once, such as {listed[times > 1][0]}: an image "
                "would be compared with itself"
            )
        order = np.arange(len(records))
        if size > 1:
            order = np.random.default_rng([seed, 0]).permutation(order)
        order = order[np.argsort(records.identities[order], kind="stable")]
        people, starts, counts = np.unique(records.identities[order], return_index=True, return_counts=True)
        kept = counts // size
        # Row numbers of each person's images, less those left over when they are dealt into templates.
        rows = np.concatenate(
            [order[start : start + size * number] for start, number in zip(starts, kept, strict=True)]
        ).reshape(-1, size)
        names = tuple(map(tuple, records.files[rows].tolist()))
        return cls(names, np.repeat(people, kept), people)


# Pairs are never listed to be drawn from. They are numbered by a few numbers for each template on the left: how many
# partners it has, where the first is in the order of the right side, and where a gap to be skipped lies, and how wide.


@dataclasses.dataclass(frozen=True)
class _Partners:
    count: np.ndarray
    start: np.ndarray
    gap: np.ndarray
    width: np.ndarray


def _span(left: _Side, right: _Side) -> tuple[np.ndarray, np.ndarray]:
    """Where the templates of each left template's person begin and end on the right."""
    return np.searchsorted(right.people, left.people, "left"), np.searchsorted(right.people, left.people, "right")


def _genuine_within(left: _Side, right: _Side) -> _Partners:
    after = np.arange(len(left.people)) + 1
    end = _span(left, right)[1]
    return _Partners(end - after, after, end, np.zeros_like(end))


def _impostor_within(left: _Side, right: _Side) -> _Partners:
    end = _span(left, right)[1]
    return _Partners(len(right.people) - end, end, end, np.zeros_like(end))


def _genuine_across(left: _Side, right: _Side) -> _Partners:
    start, end = _span(left, right)
    return _Partners(end - start, start, end, np.zeros_like(end))


def _impostor_across(left: _Side, right: _Side) -> _Partners:
    start, end = _span(left, right)
    return _Partners(len(right.people) - (end - start), np.zeros_like(start), start, end - start)


def _draw(
    partners: _Partners, wanted: int | None, kind: str, template: int, seed: list[int]
) -> tuple[np.ndarray, np.ndarray, int]:
    """Templates on the left and on the right of the pairs drawn, and how many pairs there are."""
    ends = np.cumsum(partners.count)
    existing = int(ends[-1]) if len(ends) else 0
    if (wanted is None and existing == 0) or (wanted or 0) > existing:
        images = "images" if template == 1 else f"templates of {template} images"
        asked = "all" if wanted is None else f"{wanted:,}"
        why = "a person needs two" if kind == "genuine" else "two people are needed"
        raise ValueError(f"there are {existing:,} {kind} pairs of {images} to draw, {asked} were asked for; {why}")
    if wanted is None and existing > MOST:
        log.warning("of %s %s pairs, %s are drawn", f"{existing:,}", kind, f"{MOST:,}")
        wanted = MOST
    numbers = np.arange(existing) if wanted in (None, existing) else _different(existing, wanted, seed)
    first = np.searchsorted(ends, numbers, side="right")
    second = partners.start[first] + numbers - (ends[first] - partners.count[first])
    second += np.where(second >= partners.gap[first], partners.width[first], 0)
    return first, second, existing


def _different(existing: int, wanted: int, seed: list[int]) -> np.ndarray:
    """So many different numbers below `existing`, in order; memory goes with `wanted` alone."""
    random = np.random.default_rng(seed)
    if existing <= 4 * wanted:
        return np.sort(random.permutation(existing)[:wanted])
    drawn = np.unique(random.integers(existing, size=wanted + wanted // 2 + 8))
    while len(drawn) < wanted:
        drawn = np.union1d(drawn, random.integers(existing, size=wanted))
    return np.sort(random.permutation(drawn)[:wanted])
