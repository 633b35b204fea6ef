"""The report that every step gives back."""

import json
import os

import keras
import numpy as np
import pytest

import tfslim
from tfslim.report import Report, chain_table


def dense_cost(units: int) -> tfslim.cost.Cost:
    x = keras.Input((10,))
    return tfslim.measure(keras.Model(x, keras.layers.Dense(units)(x), name="dense"))


def test_before_and_after_side_by_side():
    report = Report("prune_filters", before=dense_cost(200), after=dense_cost(100), done=["removed 100 filters"])
    report.skipped["softmax"] = "has no filters"
    report.figures["accuracy"] = 0.875
    lines = str(report).splitlines()
    assert lines[0] == "prune_filters"
    assert lines[1].split() == ["before", "after", "change"]
    assert lines[3].split() == ["parameters", "2,200", "1,100", "-50.0%"]
    assert lines[5].split() == ["MACs", "2,000", "1,000", "-50.0%"]
    assert lines[6].split() == ["weight", "bytes", "8,800", "4,400", "-50.0%"]
    assert lines[7:] == ["accuracy  0.875", "removed 100 filters", "skipped softmax: has no filters"]


def test_unchanged_and_one_sided_costs():
    same = str(Report("cluster", before=dense_cost(3), after=dense_cost(3)))
    assert [line.split()[-1] for line in same.splitlines()[3:]] == ["same"] * 4
    after = str(Report("train", after=dense_cost(3))).splitlines()
    assert after[1].split() == ["after"]
    assert after[3].split() == ["parameters", "33"]
    empty = keras.Model(x := keras.Input((10,)), keras.layers.ReLU()(x))
    assert "new" in str(Report("grow", before=tfslim.measure(empty), after=dense_cost(3)))


def test_a_bare_report_is_its_name():
    assert str(Report("verify")) == "verify"


def test_json_is_plain_and_whole(tmp_path):
    figures = {"accuracy": np.float32(0.5), "images": np.int64(3), "loss": float("nan"), "route": "int8"}
    report = Report("convert", before=dense_cost(2), skipped={"a": "why"}, figures=figures)
    path = tmp_path / "report.json"
    report.save(path)
    loaded = json.loads(path.read_text())
    assert loaded == report.to_dict()
    assert loaded["figures"] == {"accuracy": 0.5, "images": 3, "loss": "nan", "route": "int8"}
    assert loaded["before"]["params"] == 22
    assert loaded["after"] is None
    assert os.listdir(tmp_path) == ["report.json"]


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path):
    path = tmp_path / "report.json"
    Report("first").save(path)
    with pytest.raises(TypeError):
        Report("second", figures={"bad": object()}).save(path)
    assert json.loads(path.read_text())["step"] == "first"
    assert os.listdir(tmp_path) == ["report.json"]
    with pytest.raises(FileNotFoundError, match="make it first"):
        Report("third").save(tmp_path / "nowhere" / "report.json")


def test_steps_chain_into_one_table():
    steps = [Report("prune", dense_cost(200), dense_cost(100)), Report("verify"), Report("again", after=dense_cost(50))]
    lines = chain_table(steps).splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["start", "prune", "again"]
    assert lines[4].split()[1:3] == ["550", "25.0%"]
    assert chain_table([Report("verify")]) == "no step was measured"
