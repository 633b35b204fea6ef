"""Figures of verification against hand-made score lists, exhaustive search and scikit-learn."""

import json
import time

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import det_curve, roc_auc_score

from tfslim.metrics.verification import auc, eer, error_curve, kfold_accuracy, tar_at_far, verification_table


def scored(genuine: list[float], impostor: list[float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(genuine + impostor), np.array([1] * len(genuine) + [0] * len(impostor))


@pytest.mark.parametrize(
    ("genuine", "impostor", "expected"),
    [
        ([0.8, 0.9], [0.1, 0.2, 0.3], 0),
        ([0.1, 0.2], [0.8, 0.9, 0.7], 1),
        ([0.5, 0.5], [0.5, 0.5, 0.5], 1 / 2),
        ([0.9, 0.6], [0.7, 0.1], 1 / 2),
        # Between thresholds 0.5 and 0.4 one of four impostors is accepted and one of four genuine pairs refused.
        ([0.9, 0.8, 0.7, 0.3], [0.4, 0.2, 0.1, 0.0], 1 / 4),
        # At 0.6: FAR 0, FRR 1/3. At 0.5: FAR 1/2, FRR 1/3. The upright line crosses FAR = FRR at 1/3.
        ([0.9, 0.6, 0.4], [0.5, 0.1], 1 / 3),
        # A tie of one genuine and one impostor at 0.5: from (0, 1/2) to (1/2, 0), crossed at 1/4.
        ([0.9, 0.5], [0.5, 0.1], 1 / 4),
        # A tie of two genuine and one impostor at 0.5: from (0, 2/3) to (1/4, 0); 2/3 - 2/3 s = 1/4 s at s = 8/11.
        ([0.9, 0.5, 0.5], [0.5, 0.1, 0.2, 0.3], 2 / 11),
        ([1.0], [0.0], 0),
        ([0.0], [0.0], 1 / 2),
    ],
)
def test_eer_of_hand_made_lists(genuine, impostor, expected):
    assert eer(error_curve(*scored(genuine, impostor))) == pytest.approx(expected, abs=1e-12)


LISTS = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=9)


def operating_points(genuine: list[float], impostor: list[float]) -> list[tuple[float, float, float]]:
    """(threshold, FAR, FRR) by counting, from refusing everything to accepting everything."""
    thresholds = [float("inf"), *sorted({*genuine, *impostor}, reverse=True)]
    return [
        (t, sum(s >= t for s in impostor) / len(impostor), sum(s < t for s in genuine) / len(genuine))
        for t in thresholds
    ]


@given(LISTS, LISTS)
@settings(max_examples=150, deadline=None)
def test_curve_eer_and_auc_by_brute_force(genuine, impostor):
    scores, kinds = scored(genuine, impostor)
    curve = error_curve(scores, kinds)
    points = operating_points(genuine, impostor)
    np.testing.assert_allclose(np.stack([curve.thresholds, curve.far, curve.frr], axis=1), points, atol=1e-12)
    assert (curve.genuine, curve.impostor) == (len(genuine), len(impostor))

    # The crossing, by walking along the joined points in small steps.
    found = eer(curve)
    steps = np.linspace(0, 1, 2001)
    walked = np.concatenate(
        [
            np.outer(1 - steps, before[1:]) + np.outer(steps, after[1:])
            for before, after in zip(points, points[1:], strict=False)
        ]
    )
    nearest = walked[np.argmin(np.abs(walked[:, 0] - walked[:, 1]))]
    np.testing.assert_allclose(nearest, found, atol=1e-3)
    # No threshold has both rates below it, and turning all scores round gives the rest to 1.
    assert all(max(far, frr) >= found - 1e-12 for _, far, frr in points)
    assert eer(error_curve(-scores, kinds)) == pytest.approx(1 - found)

    better = np.mean([(g > i) + (g == i) / 2 for g in genuine for i in impostor])
    assert auc(scores, kinds) == pytest.approx(better)


@given(LISTS, LISTS, st.sampled_from([0.0, 0.001, 0.1, 0.2, 0.25, 1 / 3, 0.29, 0.5, 1.0]))
@settings(max_examples=150, deadline=None)
def test_tar_at_far_by_brute_force(genuine, impostor, far):
    point = tar_at_far(error_curve(*scored(genuine, impostor)), far)
    allowed = [(1 - frr, found, t) for t, found, frr in operating_points(genuine, impostor) if found <= far + 1e-12]
    best = max(allowed)
    assert point.tar == pytest.approx(best[0])
    assert point.found_far <= far + 1e-12
    assert point.resolved == (far >= 1 / len(impostor) - 1e-12)
    if point.threshold is None:
        assert point.tar == 0 == point.found_far
    else:
        assert np.mean(np.array(genuine) >= point.threshold) == pytest.approx(point.tar)
        assert np.mean(np.array(impostor) >= point.threshold) == pytest.approx(point.found_far)


def test_tar_at_far_of_hand_made_lists():
    curve = error_curve(*scored([0.9, 0.8, 0.5, 0.2], [0.85, 0.5, 0.1, 0.0]))
    below = tar_at_far(curve, 0.1)
    assert (below.tar, below.threshold, below.found_far, below.resolved) == (0.25, 0.9, 0, False)
    quarter = tar_at_far(curve, 0.25)  # the tie at 0.5 would bring a second impostor
    assert (quarter.tar, quarter.threshold, quarter.found_far, quarter.resolved) == (0.5, 0.8, 0.25, True)
    half = tar_at_far(curve, 0.5)
    assert (half.tar, half.threshold, half.found_far) == (1, 0.2, 0.5)
    none = tar_at_far(error_curve(*scored([0.1], [0.9])), 0.5)
    assert (none.tar, none.threshold, none.found_far, none.resolved) == (0, None, 0, False)
    # 29 of 100 impostors, though 0.29 * 100 < 29 in floats.
    exact = tar_at_far(error_curve(*scored([0.5], [0.6] * 29 + [0.1] * 71)), 0.29)
    assert (exact.tar, exact.found_far) == (1, 0.29)
    with pytest.raises(ValueError, match=r"far is 1.5, expected a fraction in 0..1"):
        tar_at_far(curve, 1.5)


def sample(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(5)
    genuine = np.arange(count) % 4 == 0
    return np.round(random.normal(size=count) + 1.5 * genuine, 2), genuine


def test_agrees_with_scikit_learn():
    scores, genuine = sample()
    curve = error_curve(scores, genuine)
    far, frr, thresholds = det_curve(genuine, scores)
    rows = np.searchsorted(-curve.thresholds, -thresholds)
    np.testing.assert_allclose(curve.far[rows], far)
    np.testing.assert_allclose(curve.frr[rows], frr, atol=1e-12)
    assert auc(scores, genuine) == roc_auc_score(genuine, scores)


def test_fold_accuracy_worked_by_hand():
    # Each fold is told by the threshold of the other: halfway between 3/8 and 5/8, and between 3/8 and 7/8.
    kinds, folds = np.array([1, 0, 1, 0]), np.array([0, 0, 1, 1])
    found = kfold_accuracy(np.array([7, 3, 5, 3]) / 8, kinds, folds)
    assert found.thresholds == (4 / 8, 5 / 8)
    assert found.folds == (1, 1), "a score on the threshold is accepted"
    assert (found.mean, found.error) == (1, 0)
    # The third pair a little lower: half of fold 1 is wrong. The mean of 1 and 1/2, and half their distance.
    found = kfold_accuracy(np.array([7, 3, 4.5, 3]) / 8, kinds, folds)
    assert found.folds == (1, 0.5)
    assert (found.mean, found.error) == (0.75, pytest.approx(0.25))


def balanced(scores, genuine, threshold):
    return ((scores[genuine] >= threshold).mean() + (scores[~genuine] < threshold).mean()) / 2


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(2, 12))
@settings(max_examples=60, deadline=None)
def test_fold_thresholds_by_exhaustive_search(seed, count, values):
    random = np.random.default_rng(seed)
    folds = np.concatenate([np.arange(count), np.arange(count), random.integers(0, count, 15)])
    genuine = np.concatenate([np.ones(count), np.zeros(count), random.integers(0, 2, 15)]).astype(bool)
    scores = random.integers(0, values, len(folds)) / 8
    found = kfold_accuracy(scores, genuine, folds)
    for fold in range(count):
        others = folds != fold
        rest = np.unique(scores[others])
        candidates = [rest[0], *(rest[1:] + rest[:-1]) / 2, rest[-1] + 1]
        reached = [balanced(scores[others], genuine[others], candidate) for candidate in candidates]
        best = max(candidate for candidate, share in zip(candidates, reached) if share > max(reached) - 1e-9)  # noqa: B905
        assert found.thresholds[fold] == pytest.approx(best)
        own = folds == fold
        assert found.folds[fold] == pytest.approx(balanced(scores[own], genuine[own], found.thresholds[fold]))
    assert found.mean == pytest.approx(np.mean(found.folds))


def test_ten_folds_are_drawn_evenly_and_by_the_seed():
    scores, genuine = sample()
    found = kfold_accuracy(scores, genuine, seed=1)
    assert len(found.folds) == 10
    assert found == kfold_accuracy(scores, genuine, seed=1) != kfold_accuracy(scores, genuine, seed=2)
    best = max(balanced(scores, genuine, threshold) for threshold in scores)
    assert best - 0.05 < found.mean <= best + 1e-9
    # Guessing stays at one half, though three pairs of four are impostors.
    assert kfold_accuracy(np.zeros(400), genuine).mean == 0.5
    low = np.nextafter(1.0, 0)
    parted = kfold_accuracy(np.where(genuine, 1.0, low), genuine)
    assert parted.mean == 1, "neighbouring floats are parted"


@pytest.mark.parametrize(
    ("scores", "genuine", "message"),
    [
        ([0.1, 0.2], [1, 1], "2 genuine and 0 impostor pairs; verification metrics need at least one of each"),
        ([0.1, 0.2], [0, 0], "0 genuine and 2 impostor pairs"),
        ([], [], "0 genuine and 0 impostor pairs"),
        ([0.1, np.nan], [1, 0], "the score in row 1 is nan"),
        ([0.1, 0.2], [1, 2], "genuine holds 2, expected only 0 and 1"),
        ([0.1, 0.2], [1, 0, 0], r"scores \(2,\) and genuine \(3,\)"),
    ],
)
def test_what_cannot_be_judged_is_said(scores, genuine, message):
    for judge in (error_curve, auc, kfold_accuracy, verification_table):
        with pytest.raises(ValueError, match=message):
            judge(np.array(scores), np.array(genuine))


def test_folds_that_cannot_be_used_are_said():
    scores, genuine = scored([0.9, 0.8], [0.1, 0.2])
    with pytest.raises(ValueError, match="fold 0 has no impostor pair"):
        kfold_accuracy(scores, genuine, np.array([0, 0, 1, 1]))
    with pytest.raises(ValueError, match="folds holds one fold only"):
        kfold_accuracy(scores, genuine, np.zeros(4))
    for judge in (kfold_accuracy, verification_table):
        for count in (3, 5):
            with pytest.raises(ValueError, match=rf"folds has shape \({count},\), expected \(4,\)"):
                judge(scores, genuine, folds=np.arange(count) % 2)


def test_table_for_json_and_for_a_line():
    scores, genuine = sample()
    table = verification_table(scores, genuine, seed=3)
    assert (table.genuine, table.impostor) == (100, 300)
    assert table.eer == eer(error_curve(scores, genuine))
    assert table.accuracy == kfold_accuracy(scores, genuine, seed=3)
    loaded = json.loads(json.dumps(table.to_dict(), allow_nan=False))
    assert loaded["auc"] == table.auc
    assert [point["far"] for point in loaded["tar"]] == [0.1, 0.01, 0.001]
    assert [point["resolved"] for point in loaded["tar"]] == [True, True, False]
    assert loaded["accuracy"]["mean"] == table.accuracy.mean
    row = table.row()
    assert list(row) == [
        "genuine", "impostor", "eer", "tar_at_far_0.1", "tar_at_far_0.01", "tar_at_far_0.001", "auc", "accuracy",
        "accuracy_error",
    ]  # fmt: skip
    assert row["tar_at_far_0.1"] == table.tar[0].tar > 0.5
    assert row["tar_at_far_0.001"] is None
    json.dumps(verification_table(scores, genuine, fars=list(np.logspace(-3, -1, 3))).to_dict())
    few = verification_table(*scored([0.9, 0.8], [0.1, 0.2]))
    assert (few.accuracy, few.row()["accuracy"], few.eer) == (None, None, 0)
    folds = np.array([0, 1, 0, 1])
    assert verification_table(*scored([0.9, 0.8], [0.1, 0.2]), folds=folds).accuracy.mean == 1


def test_half_a_million_pairs_take_seconds():
    random = np.random.default_rng(0)
    genuine = random.random(500_000) < 0.1
    scores = random.normal(size=500_000) + genuine
    begun = time.process_time()
    table = verification_table(scores, genuine)
    assert time.process_time() - begun < 15  # two seconds on a quiet machine
    assert table.eer == pytest.approx(0.3085, abs=0.005)  # Phi(-1/2)
