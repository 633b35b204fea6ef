"""TF-MOT and Keras 3 in one process, and a process that has no TF-MOT."""

import os
import subprocess
import sys

import pytest

BOTH = """
import os, sys, pathlib
os.environ.pop("TF_USE_LEGACY_KERAS", None)
import keras, numpy as np, tfslim, tfslim.tfmot
assert not {"tf_keras", "tensorflow_model_optimization"} & set(sys.modules)
inputs = keras.Input((8, 8, 3), name="image")
x = keras.layers.ReLU()(keras.layers.Conv2D(4, 3, name="conv")(keras.layers.Rescaling(1 / 255)(inputs)))
model = keras.Model(inputs, keras.layers.Dense(2, name="logits")(keras.layers.GlobalAveragePooling2D()(x)))
images = np.random.default_rng(0).uniform(0, 255, (64, 8, 8, 3)).astype("float32")
labels = np.arange(64) % 2
def fit(model, package):
    model.compile("adam", package.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(images, labels, batch_size=16, verbose=0)
fit(model, keras)
training, _ = tfslim.tfmot.quantize_aware(model, images)
import tensorflow as tf, tf_keras
assert "TF_USE_LEGACY_KERAS" not in os.environ and tf.keras.__version__ == keras.__version__
assert tf.keras.Model is keras.Model and tf_keras.Model is not keras.Model
fit(training, tf_keras)
fit(model, keras)
folder = pathlib.Path(sys.argv[1])
tfslim.tfmot.convert(training, folder / "trained.tflite")
tfslim.litert.convert(model, folder / "after.tflite", "int8", representative=images)
model.save(folder / "model.keras")
again = keras.models.load_model(folder / "model.keras")
answers = [tfslim.litert.predict(folder / name, images) for name in ("trained.tflite", "after.tflite")]
for found, expected in zip(answers, (training.predict(images, verbose=0), again.predict(images, verbose=0))):
    assert np.abs(found - expected).max() < 0.1 * np.ptp(expected) + 0.02
print("both", type(again).__module__.split(".")[0])
"""

LEGACY_FIRST = """
import os, sys
if sys.argv[1] == "imported":
    import tensorflow_model_optimization
import keras, numpy as np, tfslim
switch = os.environ.get("TF_USE_LEGACY_KERAS")
inputs = keras.Input((6,), name="row")
model = keras.Model(inputs, keras.layers.Dense(12, name="logits")(inputs))
rows = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
for step in (tfslim.tfmot.sparsify, tfslim.tfmot.cluster, tfslim.tfmot.quantize_aware):
    training = step(model)[0]
training.compile("sgd", "mse")
training.fit(rows, rows @ np.ones((6, 12), "float32"), verbose=0)
report = tfslim.tfmot.convert(training, os.path.join(sys.argv[2], "x.tflite"))
assert report.skipped == {} and os.environ.get("TF_USE_LEGACY_KERAS") == switch
import tensorflow as tf
print(type(model).__module__.split(".")[0], tf.keras.Model.__module__.split(".")[0], type(training).__module__[:8])
"""

BLOCKED = """
import sys
sys.modules[sys.argv[1]] = None
import tfslim, keras, tfslim.tfmot
assert "to_tf_keras" in dir(tfslim.tfmot)
model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
for step in ("to_tf_keras", "sparsify", "quantize_aware"):
    try:
        getattr(tfslim.tfmot, step)(model)
    except ImportError as error:
        print(error)
"""


def run(code: str, *arguments: str, **environment) -> str:
    known = {name: value for name, value in os.environ.items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, env={**known, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_both_kinds_train_and_export_in_one_process(tmp_path):
    assert run(BOTH, str(tmp_path)).split()[-2:] == ["both", "keras"]


@pytest.mark.parametrize("how", ["imported", "switched", "neither"])
def test_the_room_opens_whichever_keras_tf_keras_means(how, tmp_path):
    switch = {"TF_USE_LEGACY_KERAS": "1"} if how == "switched" else {}
    found = run(LEGACY_FIRST, how, str(tmp_path), **switch).split()
    assert found == ["keras", "keras" if how == "neither" else "tf_keras", "tf_keras"]


def test_without_tf_mot_the_room_says_what_to_install():
    lines = run(BLOCKED, "tensorflow_model_optimization").splitlines()
    assert len(lines) == 3 and all('pip install "tfslim-edge[tfmot]"' in line for line in lines)
    assert all("tensorflow_model_optimization, which is not installed" in line for line in lines)


NATIVE_ON_JAX = """
import sys, keras, tfslim, tfslim.tfmot
inputs = keras.Input((8, 8, 3), name="image")
training, _ = tfslim.quantization.quantize_aware(keras.Model(inputs, keras.layers.Conv2D(2, 3)(inputs)))
try:
    tfslim.tfmot.convert(training, sys.argv[1])
except ValueError as error:
    print(error)
"""


def test_converting_what_was_trained_on_another_backend_says_where_to(tmp_path):
    said = run(NATIVE_ON_JAX, str(tmp_path / "x.tflite"), KERAS_BACKEND="jax")
    assert "convert needs Keras on the TensorFlow backend, found 'jax'; save the model to .keras" in said


def test_on_another_backend_it_says_so():
    lines = run(BLOCKED, "nothing_of_this_name", KERAS_BACKEND="jax").splitlines()
    assert len(lines) == 3 and all("this process runs 'jax'" in line for line in lines)
