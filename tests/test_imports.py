"""tfslim's core needs no TensorFlow: seen in fresh processes, where importing it raises."""

import subprocess
import sys

from tests.other_backend import run_on_backend


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
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


def test_every_public_name_resolves():
    import tfslim

    for name in tfslim.__all__:
        assert getattr(tfslim, name) is not None
