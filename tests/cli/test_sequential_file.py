"""Programs on a Sequential network that somebody saved: they take it as they take a functional one."""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml

from tests.programs import TRAINING, run_here
from tfslim.data import draw_faces
from tfslim.data.celeba.attributes import write_labels

NAMES = ["Smiling", "Male", "Eyeglasses"]
SIZE = (16, 16)
RECIPE = {
    "attributes": NAMES,
    "model": {"name": "SlimNet"},  # of a network that is trained on, the recipe's is not built
    "stages": [{"epochs": 1, "size": list(SIZE)}],
    "split": "random",
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.0},
}
PROGRAMS = {
    "distill.py": {},
    "prune.py": {"pruning": {"ratio": 0.2, "step": 0.1, "cut": 0.2, "every": 3}},
    "quantize.py": {"quantization": {"codec": "uniform", "bits": 5}},
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sequential")
    draw_faces(folder / "faces", count=48, seed=0, size=(36, 32))
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.layers.Rescaling(1 / 127.5, offset=-1.0),
            keras.layers.Conv2D(8, 3, name="conv"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.ReLU(name="relu"),
            keras.layers.Dropout(0.1),
            keras.layers.Conv2D(8, 3, name="last"),
            keras.layers.GlobalAveragePooling2D(name="pool"),
            keras.layers.Dense(len(NAMES), name="logits"),
        ],
        name="chain",
    )
    model(np.zeros((2, *SIZE, 3)))  # which fixes its batch at 2
    (folder / "chain").mkdir()
    model.save(folder / "chain" / "model.keras")
    write_labels(folder / "chain", NAMES)
    return folder


def command(setting: Path, program: str, *words: object) -> list[str]:
    return [sys.executable, str(TRAINING / program), *map(str, words)]


@pytest.mark.parametrize("program", PROGRAMS)
def test_it_is_trained_on(program, setting):
    recipe, out = setting / f"{program}.yaml", setting / f"{program}-out"
    recipe.write_text(yaml.safe_dump(RECIPE | PROGRAMS[program]))
    given = ["--teacher" if program == "distill.py" else "--trained", setting / "chain"]
    done = run_here(command(setting, program, "--config", recipe, "--data", setting / "faces", "--out", out, *given))
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "report.json").read_text())["figures"]["validation accuracy"] > 0
    trained = keras.models.load_model(out / "model.keras", compile=False)
    assert trained(np.zeros((1, *trained.input_shape[1:]))).shape == (1, len(NAMES))


def test_it_is_evaluated_and_exported(setting):
    model, data = setting / "chain", ("--data", setting / "faces")
    done = run_here(command(setting, "evaluate.py", model, *data, "--split", "random"))
    assert done.returncode == 0 and "Eyeglasses" in done.stdout, done.stderr
    out = setting / "files"
    words = command(setting, "../export/tflite.py", model, *data, "--split", "random", "--out", out)
    done = run_here([*words, "--kinds", "[float32]"])
    assert done.returncode == 0 and (out / "model-float32.tflite").stat().st_size > 1000, done.stderr
