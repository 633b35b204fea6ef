"""Distillation end to end on a few drawn faces: a killed run goes on, kept outputs teach alike, mistakes are said."""

import json
import shutil

import keras
import numpy as np
import pytest
import yaml

from tests.killing import kill_after_an_epoch
from tests.programs import check_mistake, program_command, run, run_here
from tfslim.data import draw_faces

COMMON = {
    "task": "identity",
    "stages": [{"epochs": 3, "size": [32, 32]}],
    "split": "random",
    "optimization": {"batch_size": 8, "warmup_epochs": 0.5, "average": 0.9},
    "augmentation": {"flip": True, "rotation": 10, "saturation": 0.1},
}
TEACHER = COMMON | {"model": {"name": "SqueezeNet", "arguments": {"embedding": 32}}}
STUDENT = COMMON | {
    "model": {"name": "VGG11", "arguments": {"module": "separable", "shrink": True, "shallow": True}},
    # 128 features learn 32 through an adapter; the third epoch repeats the first.
    "distillation": {"features": 1.0, "views": 2},
}
ONE_EPOCH = "[{epochs: 1, size: [32, 32]}]"


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("distill")
    draw_faces(folder / "faces", count=60, identities=4, seed=0, size=(36, 32))
    (folder / "teacher.yaml").write_text(yaml.safe_dump(TEACHER))
    (folder / "student.yaml").write_text(yaml.safe_dump(STUDENT))
    (folder / "alone.yaml").write_text(yaml.safe_dump({key: STUDENT[key] for key in STUDENT if key != "distillation"}))
    done = run_here(program_command(folder, "train.py", "teacher", "teacher", "--stages", ONE_EPOCH))
    assert done.returncode == 0, done.stderr
    return folder


def command(setting, out, *more):
    return program_command(setting, "distill.py", "student", out, "--teacher", setting / "teacher", *more)


def state(folder):
    with np.load(folder / "state.npz") as file:
        return {name: file[name] for name in file.files if name != "record"}


def model_weights(folder):
    return keras.models.load_model(folder / "model.keras").get_weights()


def figures(folder):
    return json.loads((folder / "report.json").read_text())["figures"]


@pytest.fixture(scope="module")
def whole(setting):
    done = run(command(setting, "whole"))
    assert done.returncode == 0, done.stderr
    return setting / "whole"


def test_a_killed_run_goes_on_and_ends_as_an_unbroken_one(setting, whole):
    kill_after_an_epoch(command(setting, "killed"), setting / "killed")
    assert len((setting / "killed" / "history.csv").read_text().splitlines()) < 4
    resumed = run(command(setting, "killed", "--resume"))
    assert resumed.returncode == 0, resumed.stderr
    expected, found = state(whole), state(setting / "killed")
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)
    kept, again = (model_weights(folder) for folder in (whole, setting / "killed"))
    for value, other in zip(kept, again, strict=True):
        np.testing.assert_array_equal(value, other)
    assert figures(setting / "killed") == figures(whole)


def test_the_student_is_a_plain_model_and_the_history_shows_what_was_copied(setting, whole):
    model = keras.models.load_model(whole / "model.keras")
    assert model.output_shape == (None, 4)
    assert all(getattr(keras.layers, type(layer).__name__) is type(layer) for layer in model.layers)
    head = (whole / "history.csv").read_text().splitlines()[0].split(",")
    assert {"label_loss", "soft_targets", "embedding_distance", "val_accuracy"} <= set(head)
    written = yaml.safe_load((whole / "recipe.yaml").read_text())
    assert written["distillation"]["features"] == 1.0 and written["teacher"] == str(setting / "teacher")
    assert (whole / "people.json").exists()
    assert json.loads((whole / "report.json").read_text())["step"] == "distill"


def test_kept_outputs_teach_as_the_teacher_does(setting, whole):
    assert len(list((whole / "teacher-outputs").glob("*.npy"))) == 4  # answers and features of two epochs
    done = run_here(command(setting, "online", "--distillation.views", "0"))
    assert done.returncode == 0, done.stderr

    def first(folder, name):
        head, row, *_ = [line.split(",") for line in (folder / "history.csv").read_text().splitlines()]
        return float(row[head.index(name)])

    # Kept in float16, so equal to about three digits in the first epoch; the differences grow with the steps.
    for name in ("soft_targets", "embedding_distance", "label_loss"):
        assert first(whole, name) == pytest.approx(first(setting / "online", name), rel=0.02)


def test_a_run_is_not_resumed_without_its_teacher_or_with_another(setting, whole):
    check_mistake(program_command(setting, "train.py", "alone", "whole", "--resume"), "distillation, teacher_weights")
    other = shutil.copytree(setting / "teacher", setting / "other")
    model = keras.models.load_model(other / "model.keras")
    model.weights[0].assign(model.weights[0] + 1)
    model.save(other / "model.keras")
    swapped = command(setting, "whole", "--resume", "--teacher", other)
    check_mistake(swapped, "differs from what is asked for in teacher_weights")


@pytest.mark.parametrize("views", ["0", "2"])
def test_a_teacher_of_probabilities_is_refused_whether_its_outputs_are_kept_or_not(setting, views):
    probable = setting / "probable"
    if not probable.exists():
        shutil.copytree(setting / "teacher", probable)
        model = keras.models.load_model(probable / "model.keras")
        keras.Model(model.input, keras.layers.Softmax()(model.output)).save(probable / "model.keras")
    asked = command(setting, "refused", "--teacher", probable, "--distillation.views", views)
    check_mistake(asked, "SoftTargets needs logits")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--teacher", "no/such/run"], "no/such/run"),
        (["--distillation.answers", "0", "--distillation.features", "0"], "so nothing is copied"),
        (["--distillation.teacher_layer", "embeding"], "embedding"),
        (["--distillation.temperature", "0"], "temperature"),
        (["--distillation.features", "0", "--distillation.distance", "cosine"], "distance has no effect while"),
        (["--distillation.views", "0", "--distillation.kept_dtype", "float32"], "kept_dtype has no effect while"),
        (["--hold_out", "1"], "not the 3 of"),
        (["--distillation.views", "0", "--teacher_outputs", "kept"], "distillation.views is 0: set"),
    ],
)
def test_mistakes_are_said_in_one_line_before_training(setting, change, message):
    check_mistake(command(setting, "refused", *change), message)
    assert not (setting / "refused" / "model.keras").exists()


def test_attributes_are_learned_from_a_teacher_of_another_size_alone(setting):
    """Of every face it says the same, which no label does, so what the student says of faces is the teacher's."""
    said = np.where(np.arange(40) % 2, 4.0, -4.0)
    inputs = keras.Input((40, 40, 3))
    pixels = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(inputs))
    teacher = keras.Model(inputs, keras.layers.Dense(40, name="logits")(pixels))
    teacher.get_layer("logits").set_weights([np.zeros((3, 40)), said])
    teacher.save(setting / "constant.keras")
    attributes = {
        "model": {"name": "MobileNet", "arguments": {"alpha": 0.25}},
        "stages": [{"epochs": 6, "size": [32, 32]}],
        "optimization": {"batch_size": 8, "learning_rate": 0.05, "average": 0.0},
        "distillation": {"labels": 0.0, "temperature": 1.0},
        "split": "random",
    }
    (setting / "attributes.yaml").write_text(yaml.safe_dump(attributes))
    words = program_command(setting, "distill.py", "attributes", "taught", "--teacher", setting / "constant.keras")
    done = run_here(words)
    assert done.returncode == 0, done.stderr
    head, *rows = [line.split(",") for line in (setting / "taught" / "history.csv").read_text().splitlines()]
    divergence = [float(row[head.index("bernoulli_targets")]) for row in rows]
    assert "label_loss" not in head and divergence[-1] < 0.5 * divergence[0]
    student = keras.models.load_model(setting / "taught" / "model.keras")
    answers = student.predict(np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)), verbose=0)
    assert np.corrcoef(answers.mean(axis=0), said)[0, 1] > 0.9
    assert (setting / "taught" / "labels.json").exists()
