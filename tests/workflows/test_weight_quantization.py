"""A run in few bits on a tiny model: a budget's bits are chosen once, and a run that is done is exact."""

import json
import re
from unittest import mock

import numpy as np
import pytest
import yaml

import tfslim
from tests.programs import check_mistake, program_command, run_here
from tests.tiny_model import NAMES, SIZE
from tfslim.inference.model_files import load_keras_file

RECIPE = {
    "model": {"name": "MobileNet"},
    "attributes": list(NAMES),
    "stages": [{"epochs": 1, "size": list(SIZE)}],
    "optimization": {"batch_size": 8, "average": 0.0},
    "quantization": {"budget": "200 B", "choices": [2, 4, 8], "images": 8},
}
WEIGHTS = 300  # in the tiny model's kernel; its 5 biases stay in float32


@pytest.fixture
def command(faces, trained, tmp_path):
    (tmp_path / "faces").symlink_to(faces)
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))

    def words(*more):
        return program_command(tmp_path, "quantize.py", "recipe", "out", "--trained", trained, *more)

    return words


def weight_bytes(said: str) -> int:
    return int(re.search(r"([0-9,]+) as log_min_max", said)[1].replace(",", ""))


def test_the_bits_of_a_budget_are_kept_and_gone_on_with(command, tmp_path):
    done = run_here(command())
    assert done.returncode == 0, done.stderr
    kept = tmp_path / "out" / "bits.json"
    assert json.loads(kept.read_text()) == {"logits/kernel": 4}
    chosen = weight_bytes(done.stdout)
    assert WEIGHTS * 4 / 8 <= chosen <= 200
    kept.write_text(json.dumps({"logits/kernel": 8}))
    resumed = run_here(command("--resume", "--dry-run"))
    assert resumed.returncode == 0, resumed.stderr
    assert weight_bytes(resumed.stdout) == chosen + WEIGHTS * 4 / 8
    for damaged, said in (("[4]", "expected a dict"), ("{", "Expecting"), ('{"a/kernel": 4}', "bits")):
        kept.write_text(damaged)
        check_mistake(command("--resume", "--dry-run"), f"{kept}: damaged: {said}")


def test_a_run_is_done_when_its_weights_are_exact(command, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(tfslim, "save_packed", mock.Mock(side_effect=OSError("the disk is full")))
        check_mistake(command(), "the disk is full")
    out = tmp_path / "out"
    assert (out / "state.npz").is_file() and not (out / "report.json").exists()
    check_mistake(command(), "holds a run already")
    done = run_here(command("--resume"))
    assert done.returncode == 0, done.stderr
    kernel, packed = (
        model.get_layer("logits").kernel.numpy()
        for model in (load_keras_file(out / "model.keras"), tfslim.load_packed(out / "model.tfslim"))
    )
    np.testing.assert_array_equal(kernel, packed)
    assert len(np.unique(kernel)) <= 16
    assert json.loads((out / "report.json").read_text())["step"] == "quantize"


def test_who_teaches_is_said(command, trained):
    assert "then 1 epoch, no teacher\n" in run_here(command("--dry-run")).stdout
    taught = run_here(command("--dry-run", "--teacher", trained))
    assert "then 1 epoch, taught by tiny of 305 parameters\n" in taught.stdout
