"""Genuine and impostor pairs of images or templates."""

import dataclasses
import logging
from collections.abc import Collection

import numpy as np

from tfslim.data.celeba.records import Records

__all__ = ["Pairs", "pairs"]

log = logging.getLogger(__name__)

MOST = 1_000_000  # pairs of one kind if no number is given


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Genuine (one person) and impostor (two people) pairs.

    ``len(pairs)`` is their number. Each side of a pair is a template: one or more images of one person that count as
    one.

    Attributes:
        templates: T templates, each a tuple of file names.
        first: (P,) int32, index into `templates` of one side of each pair.
        second: (P,) int32, index of the other side.
        genuine: (P,) bool.
        folds: (P,) int32, fold of each pair, from 0; None without folds.
        existing: numbers of genuine and impostor pairs that were drawn from; None if the pairs were not drawn.
        too_few: number of people with fewer images (in either set) than a template needs; they are in no pair.
        impostor_only: number of people with a single template, who are in impostor pairs only.
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
        """Return the names of all images in a pair, sorted."""
        used = np.unique(np.concatenate([self.first, self.second]))
        return sorted({file for place in used.tolist() for file in self.templates[place]})

    def without(self, files: Collection[str]) -> "Pairs":
        """Drop all pairs that contain one of these images."""
        excluded = set(files)
        usable = np.array([excluded.isdisjoint(template) for template in self.templates], bool)
        kept = usable[self.first] & usable[self.second]
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
    """Draw genuine and impostor pairs from one or two sets.

    Each person's images are distributed in an order drawn from the seed over templates that share no image (7 images
    make three templates of 2), so an image is never compared with itself. All existing pairs are equally likely, and
    none is drawn twice; people with more images are thus in more pairs. The number of pairs of one kind does not affect
    the draw of the other kind.

    Args:
        records: images with identities, such as a part of `CelebA` or `people_folder(path)`.
        other: images to compare those of `records` with, with the same naming and numbering, such as another part or a
            selection of rows under another condition. The two sets must have no image in common. None compares
            `records` with itself.
        genuine: number of pairs of one person; None for all, or for 1,000,000 drawn from them if there are more
            (`Pairs.existing` has their number, and a warning is logged).
        impostor: number of pairs of two people; None as for `genuine`.
        template: images per template; 1 compares single images.
        seed: seed of the templates and the draw, 0 or more.

    Returns:
        Genuine pairs, then impostor pairs, each in the order of people and templates.

    Raises:
        ValueError: if the records have no identities or no rows, a set lists an image twice or shares one with the
            other set, an argument is out of range, or there are fewer pairs than requested.

    Example:
        >>> celeba = tfslim.data.CelebA(tfslim.data.draw_faces("drawn", count=100), hold_out=2)
        >>> drawn = pairs(celeba.part("held out"), impostor=10, template=5)
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
            raise ValueError(f"{len(shared)} images are in both sets, such as {shared[0]}; use disjoint sets")
    counts = (_genuine_within if other is None else _genuine_across)(left, right)
    genuine_first, genuine_second, genuine_exist = _draw(counts, genuine, "genuine", template, [seed, 1])
    counts = (_impostor_within if other is None else _impostor_across)(left, right)
    impostor_first, impostor_second, impostor_exist = _draw(counts, impostor, "impostor", template, [seed, 2])
    if other is None:
        templates, offset = left.templates, 0
        impostor_only = int((np.unique(left.people, return_counts=True)[1] == 1).sum())
    else:
        templates, offset = left.templates + right.templates, len(left.templates)
        impostor_only = len(np.setxor1d(left.people, right.people))
    first = np.concatenate([genuine_first, impostor_first])
    second = np.concatenate([genuine_second, impostor_second]) + offset
    return Pairs(
        templates=templates,
        first=first.astype(np.int32),
        second=second.astype(np.int32),
        genuine=np.arange(len(first)) < len(genuine_first),
        existing=(genuine_exist, impostor_exist),
        too_few=len(np.setdiff1d([*left.everyone, *right.everyone], [*left.people, *right.people])),
        impostor_only=impostor_only,
    )


@dataclasses.dataclass(frozen=True)
class _Side:
    """Templates ordered by person, and all people of a set."""

    templates: tuple[tuple[str, ...], ...]
    people: np.ndarray
    everyone: np.ndarray

    @classmethod
    def of(cls, records: Records, size: int, seed: int) -> "_Side":
        if records.identities is None:
            raise ValueError("the records have no identities, which genuine pairs need; use data with identities")
        if not len(records):
            raise ValueError("the records have no rows; expected at least two images")
        listed, times = np.unique(records.files, return_counts=True)
        if (times > 1).any():
            raise ValueError(
                f"{int((times > 1).sum())} images are listed more than once, such as {listed[times > 1][0]}, and would "
                "be compared with themselves; list each image once"
            )
        order = np.arange(len(records))
        if size > 1:
            order = np.random.default_rng([seed, 0]).permutation(order)
        order = order[np.argsort(records.identities[order], kind="stable")]
        people, starts, counts = np.unique(records.identities[order], return_index=True, return_counts=True)
        kept = counts // size
        # Row indices of each person's images, without those that don't fill a template.
        rows = np.concatenate(
            [order[start : start + size * number] for start, number in zip(starts, kept, strict=True)]
        ).reshape(-1, size)
        names = tuple(map(tuple, records.files[rows].tolist()))
        return cls(names, np.repeat(people, kept), people)


# The existing pairs are never listed in memory, only numbered: for each template on the left, the number of its
# partners, the index of the first one on the right, and the start and width of a gap to skip.


@dataclasses.dataclass(frozen=True)
class _Partners:
    count: np.ndarray
    start: np.ndarray
    gap: np.ndarray
    width: np.ndarray


def _span(left: _Side, right: _Side) -> tuple[np.ndarray, np.ndarray]:
    """Return the right-side range of each left template's person."""
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
    """Draw pairs; return left and right templates, and the total."""
    ends = np.cumsum(partners.count)
    existing = int(ends[-1]) if len(ends) else 0
    if (wanted is None and existing == 0) or (wanted or 0) > existing:
        images = "images" if template == 1 else f"templates of {template} images"
        requested = "all" if wanted is None else f"{wanted:,}"
        need = "a person needs two" if kind == "genuine" else "two people are needed"
        raise ValueError(f"there are {existing:,} {kind} pairs of {images}, {requested} were requested; {need}")
    if wanted is None and existing > MOST:
        log.warning("drawing %s of %s %s pairs", f"{MOST:,}", f"{existing:,}", kind)
        wanted = MOST
    numbers = np.arange(existing) if wanted in (None, existing) else _different(existing, wanted, seed)
    first = np.searchsorted(ends, numbers, side="right")
    second = partners.start[first] + numbers - (ends[first] - partners.count[first])
    second += np.where(second >= partners.gap[first], partners.width[first], 0)
    return first, second, existing


def _different(existing: int, wanted: int, seed: list[int]) -> np.ndarray:
    """Draw distinct sorted numbers below `existing`, in O(wanted) memory."""
    random = np.random.default_rng(seed)
    if existing <= 4 * wanted:
        return np.sort(random.permutation(existing)[:wanted])
    drawn = np.unique(random.integers(existing, size=wanted + wanted // 2 + 8))
    while len(drawn) < wanted:
        drawn = np.union1d(drawn, random.integers(existing, size=wanted))
    return np.sort(random.permutation(drawn)[:wanted])
