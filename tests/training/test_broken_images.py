"""An image broken within ends each program with one line that names it, wherever it is first decoded."""

import keras
import pytest
import yaml

from tests.programs import program_command, run_here
from tests.tiny_model import NAMES, SIZE
from tfslim.data import CelebA
from tfslim.data.celeba.attributes import write_labels

COMMON = {
    "model": {"name": "MobileNet", "arguments": {"alpha": 0.25}},
    "attributes": list(NAMES),
    "stages": [{"epochs": 1, "size": list(SIZE)}],
    "optimization": {"batch_size": 8, "average": 0.0},
    "cache_gigabytes": 0.0,
}


@pytest.fixture
def setting(own_faces):
    """An untrained network beside faces, of which one is cut short."""
    folder = own_faces.parent
    keras.utils.set_random_seed(0)
    inputs = keras.Input((*SIZE, 3))
    x = keras.layers.Conv2D(8, 3, strides=4, name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization()(x))
    (folder / "net").mkdir()
    keras.Model(inputs, keras.layers.Dense(len(NAMES), name="logits")(x), name="net").save(folder / "net/model.keras")
    write_labels(folder / "net", NAMES)
    (folder / "recipe.yaml").write_text(yaml.safe_dump(COMMON))
    return folder


@pytest.mark.parametrize(
    ("program", "options"),
    [
        ("train.py", []),
        ("train.py", ["--cache_gigabytes", "1"]),
        ("train.py", ["--check-images"]),
        ("prune.py", ["--trained", "net", "--pruning.ratio", "0.25"]),
        ("quantize.py", ["--trained", "net", "--quantization.bits", "4"]),
        ("distill.py", ["--teacher", "net", "--distillation.views", "1"]),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value),
)
def test_it_is_named_in_one_line(setting, program, options):
    name = str(CelebA(setting / "faces").part("train").files[3])
    path = setting / "faces" / "img_align_celeba" / name
    path.write_bytes(path.read_bytes()[:-200])
    options = [setting / "net" if option == "net" else option for option in options]
    stopped = run_here(program_command(setting, program, "recipe", "out", *options))
    assert stopped.returncode == 2, stopped.stderr
    # TensorFlow logs where the exception passed through it; the program's own word is the last line.
    said = stopped.stderr.strip().splitlines()[-1]
    assert said.startswith("error: ") and name in said


def test_what_tensorflow_alone_refuses_is_named_and_skip_reads_it(setting):
    name = str(CelebA(setting / "faces").part("train").files[3])
    path = setting / "faces" / "img_align_celeba" / name
    data = bytearray(path.read_bytes())
    data[-10:-8] = b"\xff\xfe"  # a comment where the pixels should go on
    path.write_bytes(data)
    stopped = run_here(program_command(setting, "train.py", "recipe", "out", "--check-images"))
    assert stopped.returncode == 2, stopped.stderr
    assert f"error: {name}: TensorFlow can't decode it" in stopped.stderr.strip().splitlines()[-1]
    done = run_here(program_command(setting, "train.py", "recipe", "skipping", "--on_error", "skip"))
    assert done.returncode == 0, done.stderr
