"""A budget's bits, chosen once: a run that is resumed goes on with those that it began with."""

import json
import re

import pytest
import yaml

from tests.tiny_model import NAMES, SIZE
from tests.training.programs import program_command, run_here

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
