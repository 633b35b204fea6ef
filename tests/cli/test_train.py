"""Training end to end on a few drawn faces: the run folder, a killed run that goes on, and what is refused."""

import contextlib
import json
import os
import signal
import subprocess
import time

import numpy as np
import pytest
import yaml

from tests.killing import kill_after_an_epoch
from tests.programs import check_mistake, program_command, run, run_here
from tfslim.data import CelebA, draw_faces

RECIPE = {
    "model": {"name": "MobileNet", "arguments": {"alpha": 0.25}},
    "stages": [{"epochs": 2, "size": [32, 32]}, {"epochs": 2, "size": [48, 40]}],
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.9},
    "augmentation": {"flip": True, "shift": 0.05, "saturation": 0.1, "mixup": 0.2},
    "attributes": ["Male", "Smiling", "Eyeglasses"],
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    draw_faces(folder / "faces", count=48, identities=4, seed=0, size=(52, 44))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


def command(setting, out, *more):
    return program_command(setting, "train.py", "recipe", out, *more)


def state(folder):
    with np.load(folder / "state.npz") as file:
        return {name: file[name] for name in file.files if name != "record"}, json.loads(str(file["record"]))


@pytest.fixture(scope="module")
def whole(setting):
    done = run(command(setting, "whole"))
    assert done.returncode == 0, done.stderr
    return setting / "whole"


def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one(setting, whole):
    kill_after_an_epoch(command(setting, "killed"), setting / "killed")
    assert len(state(setting / "killed")[1]["history"]) < 4
    resumed = run(command(setting, "killed", "--resume"))
    assert resumed.returncode == 0, resumed.stderr

    expected, record = state(whole)
    found, again = state(setting / "killed")
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    assert [row["val_loss"] for row in again["history"]] == [row["val_loss"] for row in record["history"]]


def test_the_run_folder_holds_the_model_its_labels_and_its_recipe(setting, whole):
    import keras

    model = keras.models.load_model(whole / "model.keras")
    assert model.output_shape == (None, 3) and model.input_shape == (None, 48, 40, 3)
    assert json.loads((whole / "labels.json").read_text())["attributes"] == RECIPE["attributes"]
    written = yaml.safe_load((whole / "recipe.yaml").read_text())
    assert written["stages"] == RECIPE["stages"] and written["seed"] == 0
    assert list((whole / "tensorboard").rglob("events*"))
    report = json.loads((whole / "report.json").read_text())
    images, attributes, _ = CelebA(setting / "faces", attributes=RECIPE["attributes"]).arrays("validation", (48, 40))
    accuracy = ((model.predict(images, verbose=0) > 0) == attributes).mean()
    assert report["figures"]["validation accuracy"] == pytest.approx(accuracy, abs=1e-4)


def test_an_existing_run_is_not_overwritten_and_only_its_own_recipe_resumes_it(setting, whole):
    check_mistake(command(setting, "whole"), "--resume")
    check_mistake(command(setting, "whole", "--resume", "--optimization.learning_rate", "0.1"), "optimization")
    check_mistake(command(setting, "nowhere", "--resume"), "no run to resume")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--data", "no/such/folder"], "no/such/folder"),
        (["--attributes", "[Smilling]"], "Smiling"),
        (["--optimization.learning_rate", "-1"], "learning_rate"),
        (["--stages", "[]"], "stages"),
        (["--model.name", "SlimNett"], "SlimNet"),
        (["--model.arguments", "{alfa: 0.25}"], "alfa"),
        (["--optimization.batch_size", "1000"], "batch_size"),
    ],
)
def test_mistakes_are_said_in_one_line_before_training(setting, change, message):
    check_mistake(command(setting, "refused", *change), message)
    assert not (setting / "refused" / "model.keras").exists()


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(setting):
    done = run_here(command(setting, "dry", "--dry-run"))
    assert done.returncode == 0 and "3 attributes" in done.stdout and "4 epochs" in done.stdout
    assert not (setting / "dry").exists()


def test_ctrl_c_leaves_a_run_that_can_go_on(setting):
    endless = ["--stages", "[{epochs: 10000, size: [32, 32]}]"]
    process = subprocess.Popen(
        command(setting, "stopped", *endless),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # Where tests run in the background, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while process.poll() is None and not (setting / "stopped" / "state.npz").exists():
        time.sleep(0.02)
    errors = None
    for _ in range(15):
        process.send_signal(signal.SIGINT)
        # Python drops an interrupt that falls into a destructor or a callback from C; a person would press again.
        with contextlib.suppress(subprocess.TimeoutExpired):
            errors = process.communicate(timeout=20)[1]
            break
    else:
        process.kill()
    assert process.returncode == 130 and "Traceback" not in errors
    assert not [name for name in os.listdir(setting / "stopped") if name.startswith(".") and name != ".lock"]
