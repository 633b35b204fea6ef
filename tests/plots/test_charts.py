"""The pictures: what they hold, and that they are written whole."""

import os

import numpy as np
import pytest
from PIL import Image

from tfslim.metrics.attributes import attribute_table
from tfslim.plots.charts import (
    BAR,
    FLOOR,
    MARK,
    WORSE,
    attribute_bars,
    bits_curve,
    prediction_card,
    pruning_curve,
    size_against_accuracy,
)


def share_of(color: str, path) -> float:
    """Share of the picture's pixels that have just this colour."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    wanted = [int(color[index : index + 2], 16) for index in (1, 3, 5)]
    return float((pixels == wanted).all(axis=2).mean())


def table_with(right: int):
    """Ten images, half of them positive, `right` answered rightly; and an attribute that is always there and found."""
    labels = np.array([[index % 2, 1] for index in range(10)])
    answers = labels.copy()
    answers[right:, 0] = 1 - answers[right:, 0]
    return attribute_table(labels, answers * 2.0 - 1, ["Wearing_Hat", "Young"])


def test_bars_show_what_the_model_adds(tmp_path):
    good, poor = tmp_path / "good.png", tmp_path / "poor.png"
    attribute_bars(table_with(right=10), good, title="test part")
    attribute_bars(table_with(right=2), poor)
    assert share_of(BAR, good) > 0.05
    assert share_of(WORSE, good) == 0
    assert share_of(WORSE, poor) > 0.03
    # What is left of the blue is its patch in the legend.
    assert share_of(BAR, poor) < 0.01
    for path in (good, poor):
        assert share_of(FLOOR, path) > 0.03
        assert share_of(MARK, path) > 0
    assert sorted(os.listdir(tmp_path)) == ["good.png", "poor.png"]


def test_bars_grow_with_the_attributes(tmp_path):
    labels = np.tile([[0], [1]], (1, 40))
    table = attribute_table(labels, labels - 0.5, [f"attribute_{index}" for index in range(40)])
    attribute_bars(table, tmp_path / "forty.png")
    with Image.open(tmp_path / "forty.png") as picture:
        width, height = picture.size
    assert height > width


def test_card_shows_photo_and_bars(tmp_path):
    image = np.zeros((109, 89, 3), np.uint8)
    image[:] = (200, 30, 90)
    none, all_there, cut = (tmp_path / name for name in ("none.png", "all.png", "cut.png"))
    names = ["Smiling", "Young", "Bald"]
    prediction_card(image, names, [0.4, 0.3, 0.2], none, title="photo.jpg")
    prediction_card(image, names, [0.9, 0.8, 0.7], all_there)
    prediction_card(image, names, [0.4, 0.3, 0.2], cut, cuts=[0.1, 0.5, 0.5])
    assert share_of(BAR, none) == 0
    assert 0 < share_of(BAR, cut) < share_of(BAR, all_there)
    assert all(share_of("#c81e5a", path) > 0.1 for path in (none, all_there, cut))
    assert len(os.listdir(tmp_path)) == 3


def test_names_are_drawn_as_they_are(tmp_path):
    image = np.zeros((109, 89, 3), np.uint8)
    for title in ("a$_$.jpg", "b$.jpg", os.fsdecode(b"\xff.jpg")):
        prediction_card(image, ["50$_^ $", "Young"], [0.4, 0.3], tmp_path / "card.png", title=title)
    size_against_accuracy([("$_$", 1e6, 50.0, True)], tmp_path / "sizes.png", title="$^$")
    assert sorted(os.listdir(tmp_path)) == ["card.png", "sizes.png"]


def test_card_refuses_what_does_not_fit(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    path = tmp_path / "card.png"
    with pytest.raises(ValueError, match="Young: the probability is 1.5"):
        prediction_card(image, ["Bald", "Young"], [0.5, 1.5], path)
    with pytest.raises(ValueError, match=r"2 names, but probabilities of shape \(3,\)"):
        prediction_card(image, ["Bald", "Young"], [0.5, 0.5, 0.5], path)
    with pytest.raises(ValueError, match=r"image is \(8, 8\) uint8, expected"):
        prediction_card(image[:, :, 0], ["Bald"], [0.5], path)
    with pytest.raises(ValueError, match="float32, expected"):
        prediction_card(image.astype("float32"), ["Bald"], [0.5], path)
    assert not path.exists()


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(ValueError, match="nonsense"):
        attribute_bars(table_with(right=5), tmp_path / "bars.nonsense")
    assert os.listdir(tmp_path) == []


def test_other_formats_by_suffix(tmp_path):
    attribute_bars(table_with(right=5), tmp_path / "bars.svg")
    assert (tmp_path / "bars.svg").read_text().startswith("<?xml")


def test_sizes_are_marked_where_asked(tmp_path):
    points = [("VGG11", 43e6, 77.3, False), ("Flame", 3.7e6, 76.4, True)]
    size_against_accuracy(points, tmp_path / "sizes.png", title="stage 1")
    size_against_accuracy([point[:3] + (False,) for point in points], tmp_path / "none.png")
    assert share_of(MARK, tmp_path / "sizes.png") > 0.0001 and share_of(MARK, tmp_path / "none.png") == 0
    with pytest.raises(ValueError, match="each of more than 0 bytes"):
        size_against_accuracy([("nothing", 0, 50.0, False)], tmp_path / "zero.png")


def test_each_pruning_curve_has_its_colour(tmp_path):
    removed = [0.0, 0.2, 0.4]
    pruning_curve(removed, {"accuracy": [0.9, 0.9, 0.8], "EER": [0.1, 0.1, 0.12]}, tmp_path / "two.png", "SqueezeNet")
    pruning_curve(removed, {"accuracy": [0.9, 0.9, 0.8]}, tmp_path / "one.png")
    assert share_of(BAR, tmp_path / "one.png") > 0.0005 and share_of(WORSE, tmp_path / "one.png") == 0
    assert share_of(WORSE, tmp_path / "two.png") > 0.0005
    with pytest.raises(ValueError, match=r"each needs 3 values.*found \{'EER': 1\}"):
        pruning_curve(removed, {"EER": [0.1]}, tmp_path / "short.png")


def test_a_spread_is_a_pale_band(tmp_path):
    pruning_curve([0.0, 0.4], {"EER": [0.1, 0.2]}, tmp_path / "bare.png")
    pruning_curve([0.0, 0.4], {"EER": [0.1, 0.2]}, tmp_path / "band.png", spreads={"EER": [0.02, 0.03]})
    assert share_of("#ffffff", tmp_path / "band.png") < share_of("#ffffff", tmp_path / "bare.png") - 0.02
    with pytest.raises(ValueError, match="each needs 2 values"):
        pruning_curve([0.0, 0.4], {"EER": [0.1, 0.2]}, tmp_path / "short.png", spreads={"EER": [0.02]})


def test_each_codec_has_its_colour_over_the_bits(tmp_path):
    bits_curve([2, 4, 8], {"log min-max": [0.1, 0.8, 0.9], "uniform": [0.1, 0.5, 0.9]}, tmp_path / "two.png", "Flame")
    assert share_of(BAR, tmp_path / "two.png") > 0.0005 and share_of(WORSE, tmp_path / "two.png") > 0.0005
    with pytest.raises(ValueError, match=r"each needs 2 values, one for each of bits; found \{'uniform': 1\}"):
        bits_curve([2, 4], {"uniform": [0.1]}, tmp_path / "short.png")
