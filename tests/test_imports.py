"""tfslim's core needs no TensorFlow: seen in fresh processes, where importing it raises."""

import subprocess
import sys
import zipfile

import numpy as np
import pytest

from tests.other_backend import BLOCKED, HEAVY, run_on_backend
from tfslim.litert.flatbuffer.reader import Table
from tfslim.litert.flatbuffer.writer import write_tables


def run(code, *arguments):
    done = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_import_loads_nothing_of_tensorflow():
    loaded = run("import sys, tfslim; print(*{name.split('.')[0] for name in sys.modules})").split()
    assert not {"tensorflow", "tf_keras", "tensorflow_model_optimization", "keras"} & set(loaded)


def test_labels_are_read_without_tensorflow_or_keras():
    loaded = run("import sys; from tfslim.data import CelebA; print(*{n.split('.')[0] for n in sys.modules})").split()
    assert not {"tensorflow", "keras"} & set(loaded)


def test_slim_net_trains_on_jax_where_there_is_no_tensorflow():
    code = """
import keras, numpy as np, tfslim
keras.utils.set_random_seed(0)
model = tfslim.models.SlimNet((64, 64, 3), classes=3)
images = np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3)).astype("uint8")
targets = (images.mean(axis=(1, 2)) > 127.5).astype("float32")
model.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
history = model.fit(images, targets, batch_size=8, epochs=2, verbose=0)
assert np.isfinite(history.history["loss"]).all()
assert tfslim.measure(model).trainable_params == sum(int(np.prod(w.shape)) for w in model.trainable_weights)
assert "tensorflow" not in sys.modules
print(keras.backend.backend())
"""
    run_on_backend("jax", code)


def test_a_model_with_our_layers_opens_after_a_bare_import(tmp_path):
    path = tmp_path / "mine.keras"
    run(
        "import keras, tfslim; inputs = keras.Input((8, 8, 4));"
        f"keras.Model(inputs, tfslim.layers.Flame(8)(inputs)).save({str(path)!r})"
    )
    assert "Flame" in run(f"import keras, tfslim; print(keras.models.load_model({str(path)!r}).layers[-1])")


def blocked(*packages: str) -> str:
    """Return code after which importing these packages fails as if they were not installed."""
    return BLOCKED.replace(str(HEAVY), str((*packages, "")))


FILES_ALONE = """
from pathlib import Path
import tfslim
source, slim = Path(sys.argv[1]), Path(sys.argv[2])
tfslim.litert.lint(source)
report = tfslim.litert.slim_file(source, slim)
assert tfslim.litert.read(slim).bytes == report.figures["bytes"] <= report.figures["bytes_before"]
"""


@pytest.fixture(scope="module")
def small_file(tmp_path_factory):
    """Write a .tflite file that adds two float tensors."""
    path = tmp_path_factory.mktemp("files") / "add.tflite"
    tensor = {"shape": np.array([1, 2], "i4"), "type": 0, "buffer": 0}
    ends = {"inputs": np.array([0, 1], "i4"), "outputs": np.array([2], "i4")}
    options = {"builtin_options_type": 11, "builtin_options": Table("AddOptions")}
    graph = ends | {
        "tensors": [Table("Tensor", tensor | {"name": name}) for name in (b"a", b"b", b"sum")],
        "operators": [Table("Operator", {"opcode_index": 0} | ends | options)],
    }
    content = {"version": 3, "operator_codes": [Table("OperatorCode")], "buffers": [Table("Buffer")]}
    path.write_bytes(write_tables(Table("Model", content | {"subgraphs": [Table("SubGraph", graph)]})))
    return path


def test_files_are_read_linted_and_slimmed_without_keras_and_tensorflow(small_file, tmp_path):
    code = blocked("tensorflow", "tf_keras", "keras") + FILES_ALONE
    code += "assert not report.skipped, report.skipped\n"
    code += "print(tfslim.litert.benchmark(source, runs=2, rounds=1).timings[0].runs)"
    assert run(code, small_file, tmp_path / "slim.tflite").split() == ["2"]


def test_files_are_read_linted_and_slimmed_without_an_interpreter(small_file, tmp_path):
    code = blocked("tensorflow", "tf_keras", "keras", "ai_edge_litert") + FILES_ALONE
    code += """
for step in (lambda: tfslim.litert.Runner(source), lambda: tfslim.litert.benchmark(source)):
    try:
        step()
    except ModuleNotFoundError as error:
        print("tfslim-edge[litert]" in str(error))
"""
    assert run(code, small_file, tmp_path / "slim.tflite").split() == ["True", "True"]


def test_without_tensorflow_models_and_pipelines_name_the_extra():
    code = """
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
import tfslim
for step in (lambda: tfslim.models, lambda: tfslim.measure, lambda: tfslim.data.training_batches):
    try:
        step()
    except ModuleNotFoundError as error:
        print("tfslim-edge[tensorflow]" in str(error))
"""
    assert run(blocked("tensorflow") + code).split() == ["True"] * 3


@pytest.mark.parametrize(
    ("statement", "purpose"),
    [
        ("from tfslim.models import SlimNet", "tfslim.models"),
        ("from tfslim.layers import Flame", "tfslim.layers"),
        ("from tfslim.losses import MarginCrossentropy", "tfslim.losses"),
        ("from tfslim.distillation import Distiller", "tfslim.distillation"),
        ("from tfslim.pruning import prune_filters", "tfslim.pruning"),
        ("import tfslim.graph.cloning", "tfslim.graph"),
        ("import tfslim; tfslim.inference.load_predictor(sys.argv[1])", "run/model.keras: opening a .keras file"),
    ],
)
def test_without_tensorflow_each_room_names_the_extra_when_imported_by_itself(statement, purpose, tmp_path):
    (tmp_path / "run").mkdir()
    with zipfile.ZipFile(tmp_path / "run" / "model.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    code = f"""
import os
os.environ["KERAS_BACKEND"] = "tensorflow"
try:
    {statement}
except ModuleNotFoundError as error:
    print(error)
"""
    said = run(blocked("tensorflow") + code, tmp_path / "run")
    assert f"{purpose} needs tensorflow, which is not installed" in said
    assert "tfslim-edge[tensorflow]" in said and "KERAS_BACKEND" in said


def test_every_public_name_resolves():
    import tfslim

    for name in tfslim.__all__:
        assert getattr(tfslim, name) is not None
