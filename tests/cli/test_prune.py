"""Pruning end to end on a few drawn faces: cuts, a table, a killed run that goes on, a teacher, and clear mistakes."""

import json

import keras
import numpy as np
import pytest
import yaml

from tests.killing import kill_when_there_is
from tests.programs import check_mistake, program_command, run, run_here
from tfslim.data import draw_faces
from tfslim.workflows import pruning
from tfslim.workflows.pruning import plan_cuts

COMMON = {
    "task": "identity",
    "model": {"name": "SqueezeNet", "arguments": {"embedding": 32}},
    "stages": [{"epochs": 1, "size": [32, 32]}],
    "split": "random",
    "hold_out": 2,
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.9},
    "augmentation": {"flip": True},
}
PRUNING = {"pruning": {"ratio": 0.1, "step": 0.02, "cut": 0.05, "every": 3}}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prune")
    draw_faces(folder / "faces", count=90, identities=6, seed=0, size=(36, 32))
    (folder / "train.yaml").write_text(yaml.safe_dump(COMMON))
    (folder / "prune.yaml").write_text(yaml.safe_dump(COMMON | PRUNING))
    done = run_here(program_command(folder, "train.py", "train", "trained"))
    assert done.returncode == 0, done.stderr
    return folder


def command(setting, out, *more):
    return program_command(setting, "prune.py", "prune", out, "--trained", setting / "trained", *more)


def weights(file):
    return keras.models.load_model(file).get_weights()


@pytest.fixture(scope="module")
def whole(setting):
    done = run(command(setting, "whole"))
    assert done.returncode == 0, done.stderr
    return setting / "whole"


def test_each_cut_is_a_smaller_plain_model_and_the_table_has_them_all(setting, whole):
    rows = json.loads((whole / "pruning.json").read_text())
    assert [row["model"] for row in rows] == ["original", "cut-01", "cut-02", "fine-tuned"]
    filters = [row["filters"] for row in rows]
    assert filters[0] == 2976 and filters[1] == int(0.95 * 2976) and filters[2] == filters[3] == int(0.9 * 2976)
    assert rows[0]["parameters"] > rows[1]["parameters"] > rows[2]["parameters"] == rows[3]["parameters"]
    assert all(
        {"EER single images", "accuracy", "balanced accuracy", "majority", "file bytes"} <= set(row) for row in rows
    )
    assert (whole / "pruning.png").stat().st_size > 10_000
    assert len((whole / "pruning.csv").read_text().splitlines()) == 5
    assert sum(value.size for value in weights(whole / "cut-02" / "model.keras")) == rows[2]["parameters"]
    assert json.loads((whole / "report.json").read_text())["step"] == "prune"
    assert (whole / "cut-01" / "people.json").read_text() == (whole / "people.json").read_text()


def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one(setting, whole):
    killed = setting / "killed"
    kill_when_there_is(killed / "cut-01" / "state.npz", command(setting, "killed"))
    assert not (killed / "cut-01" / "cut.json").exists()  # between two drops, or before they were cut out
    check_mistake(command(setting, "killed"), "continue it with --resume")
    kill_when_there_is(killed / "cut-01" / "cut.json", command(setting, "killed", "--resume"))
    resumed = run(command(setting, "killed", "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    for name in ("cut-02/model.keras", "model.keras"):
        for value, other in zip(weights(whole / name), weights(setting / "killed" / name), strict=True):
            np.testing.assert_array_equal(value, other)
    assert (killed / "cut-01" / "history.csv").read_text().startswith("drop,seconds,")
    assert not (killed / "cut-01" / "state.npz").exists()


@pytest.mark.slow
def test_it_can_be_taught_meanwhile_keep_layers_and_count_macs(setting):
    more = ["--teacher", setting / "trained", "--distillation.features", "1"]
    more += ["--pruning", "{ratio: null, macs: 0.9, step: 0.05, cut: 0.05, every: 3, round_to: 4, keep: [conv1_conv]}"]
    done = run(command(setting, "taught", *more))
    assert done.returncode == 0, done.stderr
    before, *_, after = json.loads((setting / "taught" / "pruning.json").read_text())
    assert 0.85 * before["MACs"] <= after["MACs"] <= 0.9 * before["MACs"]
    for name in ("cut-01", "cut-02", "."):
        history = (setting / "taught" / name / "history.csv").read_text()
        assert "soft_targets" in history and "embedding_distance" in history
    smaller = keras.models.load_model(setting / "taught" / "model.keras")
    assert smaller.get_layer("conv1_conv").filters == 64


def test_a_dry_run_plans_and_writes_nothing(setting):
    done = run_here(command(setting, "dry", "--dry-run"))
    assert done.returncode == 0, done.stderr
    assert "to at most 2,678 filters in 5 drops, one every 3 steps, and 2 cuts; then 1 epoch, no teacher" in done.stdout
    assert not (setting / "dry").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--stages", "[{epochs: 1, size: [40, 40]}]"], "takes images of 32x32, and so must the stages"),
        (["--pruning", "{ratio: null, params: 100}"], "at most 100 may be left, but"),
        (
            ["--pruning", "{ratio: 0.5, macs: 0.5}"],
            "set exactly one of ratio, params, macs and bytes; found ratio, macs",
        ),
        (["--pruning.keep", "[conv_1]"], "'conv_1' is not a layer of the model; did you mean conv1"),
        (["--model.name", "VGG11"], "trained/model.keras holds SqueezeNet; give its own name"),
        (["--split", "official"], "was trained with the random split of seed 0, which is the official split here"),
        (["--hold_out", "1"], "give the min_images, hold_out and split_seed that it was trained with"),
    ],
)
def test_mistakes_are_said_in_one_line_before_any_work(setting, more, message):
    check_mistake(command(setting, "wrong", *more), message)
    assert not (setting / "wrong").exists()


@pytest.mark.parametrize(
    ("content", "message"), [(b"PK\3\4", "damaged"), (None, "is not of this optimizer")], ids=["cut short", "another's"]
)
def test_a_state_that_cant_be_gone_on_from_is_named(content, message, tmp_path):
    state = tmp_path / "cut-01" / "optimizer.npz"
    state.parent.mkdir()
    if content is None:
        np.savez(state, v0=np.zeros(3), v1=np.zeros(()))
    else:
        state.write_bytes(content)
    optimizer = keras.optimizers.SGD()
    optimizer.build([keras.Variable(np.zeros(2))])
    with pytest.raises(ValueError, match=f"optimizer.npz: {message}.*; remove .*cut-01 to make that cut anew"):
        pruning._restore(optimizer, state)


def test_cuts_add_up():
    assert [(cut.limit, cut.drops) for cut in plan_cuts(100, 88, 0.01, 0.05)] == [(95, 5), (90, 5), (88, 2)]
    cuts = plan_cuts(3944, 3944 * 0.6, 0.01, 0.05)
    assert len(cuts) == 8 and sum(cut.drops for cut in cuts) == 40
