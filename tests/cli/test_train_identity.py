"""Training on people: the run folder, people held out, margins, and what is refused."""

import json

import numpy as np
import pytest
import yaml

from tests.programs import check_mistake, program_command, run_here
from tfslim.data import CelebA, draw_faces
from tfslim.data.celeba.people import read_people

RECIPE = {
    "task": "identity",
    "model": {"name": "VGG11", "arguments": {"module": "separable", "shrink": True, "shallow": True}},
    "head": {"kind": "cosine", "scale": 8.0, "angular_margin": 0.2},
    "stages": [{"epochs": 2, "size": [32, 32]}],
    "crop": [44, 40],
    "hold_out": 2,
    "split": "random",
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.9},
    "augmentation": {"flip": True, "rotation": 10},
}


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identity")
    draw_faces(folder / "faces", count=72, identities=6, seed=0, size=(52, 44))
    (folder / "recipe.yaml").write_text(yaml.safe_dump(RECIPE))
    return folder


def command(setting, out, *more):
    return program_command(setting, "train.py", "recipe", out, *more)


@pytest.fixture(scope="module")
def whole(setting):
    done = run_here(command(setting, "whole"))
    assert done.returncode == 0, done.stderr
    return setting / "whole"


def test_the_run_folder_holds_the_model_and_whom_it_knows(setting, whole):
    import keras

    celeba = CelebA(setting / "faces", split="random", hold_out=2, crop=(44, 40))
    people = read_people(whole / "model.keras")
    assert people.held_out == celeba.held_out and people.crop == (44, 40)
    assert [celeba.identity_map[number] for number in people.identities] == [0, 1, 2, 3]
    model = keras.models.load_model(whole / "model.keras")
    assert model.output_shape == (None, 4) and not (whole / "labels.json").exists()
    lengths = np.linalg.norm(model.get_layer("cosines").get_weights()[0], axis=0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-5)  # also after averaging
    images, _, identities = celeba.arrays("validation", (32, 32))
    accuracy = (model.predict(images, verbose=0).argmax(axis=1) == identities).mean()
    report = json.loads((whole / "report.json").read_text())
    assert report["figures"]["validation accuracy"] == pytest.approx(accuracy, abs=1e-4)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--hold_out", "5"], "hold_out=5"),
        (["--head.kind", "plain"], "margins need kind cosine"),
        (["--head.learned_scale", "true"], "margins need kind cosine"),
        (["--head.kind", "plain", "--head.angular_margin", "0"], "head: kind plain has no scale"),
        (["--augmentation.mixup", "0.2"], "mixup"),
        (["--attributes", "[Male]"], "attributes"),
        (["--optimization.loss", "balanced"], "is for task attributes"),
        (["--task", "attributes"], "head"),
        (["--min_images", "1000"], "no identity has 1000 images"),
    ],
)
def test_mistakes_are_said_in_one_line_before_training(setting, change, message):
    check_mistake(command(setting, "refused", *change), message)
    assert not (setting / "refused" / "model.keras").exists()
