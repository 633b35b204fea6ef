"""The DET and ROC pictures: what they hold, how large they are, and that they are written whole."""

import os

import numpy as np
import pytest
from PIL import Image

from tfslim.metrics.error_rates import error_curve
from tfslim.plots import verification
from tfslim.plots.charts import BAR, MARK, WORSE
from tfslim.plots.verification import det_plot, roc_plot


def normal_curve(distance: float, pairs: int = 4000, seed: int = 0):
    random = np.random.default_rng(seed)
    genuine = np.arange(pairs) % 2 == 0
    return error_curve(random.normal(size=pairs) + distance * genuine, genuine)


def places_of(color: str, path) -> np.ndarray:
    """(M, 2) places, from the left and from the top in 0..1, of the pixels that have just this colour."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    wanted = [int(color[index : index + 2], 16) for index in (1, 3, 5)]
    rows, columns = np.nonzero((pixels == wanted).all(axis=2))
    return np.stack([columns / pixels.shape[1], rows / pixels.shape[0]], axis=1)


@pytest.mark.parametrize("plot", [det_plot, roc_plot])
def test_each_system_has_its_colour_and_files_are_whole(plot, tmp_path):
    curves = {"good": normal_curve(3), "poor": normal_curve(1), "middling": normal_curve(2)}
    plot(curves, tmp_path / "three.png", title="held-out people")
    plot({"good": curves["good"]}, tmp_path / "one.png")
    for color in (BAR, WORSE, MARK):
        assert len(places_of(color, tmp_path / "three.png")) > 300
    assert len(places_of(BAR, tmp_path / "one.png")) > 300
    assert len(places_of(WORSE, tmp_path / "one.png")) == 0
    assert sorted(os.listdir(tmp_path)) == ["one.png", "three.png"]


def test_a_normal_system_is_a_straight_line_in_the_det_plot(tmp_path):
    # Rates of two normal distributions, counted without noise: many genuine scores at the normal's quantiles.
    from scipy.special import ndtri

    quantiles = ndtri((np.arange(20_000) + 0.5) / 20_000)
    genuine = np.repeat([True, False], 20_000)
    det_plot({"normal": error_curve(np.concatenate([quantiles + 2, quantiles]), genuine)}, tmp_path / "det.png")
    places = places_of(BAR, tmp_path / "det.png")
    places = places[(places[:, 0] < 0.55) & (places[:, 0] > 0.15)]  # without the legend
    slope, intercept = np.polyfit(*places.T, 1)
    assert slope == pytest.approx(1, abs=0.05), "down to the right, and the picture is square"
    assert np.abs(places[:, 1] - slope * places[:, 0] - intercept).max() < 0.015


def test_the_better_curve_lies_nearer_to_its_corner(tmp_path):
    curves = {"good": normal_curve(2.5), "poor": normal_curve(1)}
    det_plot(curves, tmp_path / "det.png")
    roc_plot(curves, tmp_path / "roc.png")
    good, poor = (np.median(places_of(color, tmp_path / "det.png"), axis=0) for color in (BAR, WORSE))
    assert good[0] < poor[0] and good[1] > poor[1], "left and below"
    good, poor = (np.median(places_of(color, tmp_path / "roc.png")[:, 1]) for color in (BAR, WORSE))
    assert good < poor, "above"


@pytest.mark.parametrize("plot", [det_plot, roc_plot])
@pytest.mark.parametrize(
    "scores",
    [[0.9, 0.1], [0.1, 0.9], [0.5, 0.5], [0.9, 0.8, 0.2, 0.1], [0.9, 0.2, 0.8, 0.1]],
    ids=["perfect", "reversed", "tied", "perfect-of-4", "mixed"],
)
def test_few_pairs_and_extremes_are_drawn(plot, scores, tmp_path):
    genuine = np.arange(len(scores)) < len(scores) / 2
    plot({"few": error_curve(np.array(scores), genuine)}, tmp_path / "few.png")
    with Image.open(tmp_path / "few.png") as picture:
        assert picture.width == picture.height > 600


def test_a_million_pairs_make_a_small_file_that_keeps_its_shape(tmp_path):
    curve = normal_curve(1.5, pairs=1_000_000)
    for plot in (det_plot, roc_plot):
        plot({"many": curve}, tmp_path / "many.svg")
        assert (tmp_path / "many.svg").stat().st_size < 300_000
    x = np.array([0, 0.2, 0.2, 0.2, 0.9, 0.9])
    y = np.array([0, 0.0, 1e-6, 0.7, 0.7, 1.0])
    kept = verification._thinned(x, y)
    assert kept.tolist() == [0, 1, 2, 3, 4, 5]
    flat = verification._thinned(np.linspace(0, 1e-5, 1000), np.zeros(1000))
    assert flat.tolist() == [0]
    assert verification._thinned(np.zeros(0), np.zeros(0)).tolist() == []


@pytest.mark.parametrize("plot", [det_plot, roc_plot])
def test_what_cannot_be_drawn_is_said_and_leaves_nothing(plot, tmp_path):
    with pytest.raises(ValueError, match="curves is empty"):
        plot({}, tmp_path / "none.png")
    with pytest.raises(ValueError, match="25 systems, but one plot can distinguish 24"):
        plot({str(number): normal_curve(1, 10) for number in range(25)}, tmp_path / "many.png")
    with pytest.raises(ValueError, match="nonsense"):
        plot({"a": normal_curve(1, 10)}, tmp_path / "a.nonsense")
    assert os.listdir(tmp_path) == []
