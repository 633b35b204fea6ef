"""Two replicas of tf.distribute train as one device does, and show the same losses."""

import os
import subprocess
import sys

CODE = """
import tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
import contextlib
import keras, numpy as np
from tests.distillation.networks import ALL_LOSSES, distiller, fit, student, teacher

results = []
for strategy in (None, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])):
    with strategy.scope() if strategy else contextlib.nullcontext():
        pupil = student(regularizer=keras.regularizers.L2(1.0))
        pupil.get_layer("norm").trainable = False  # replicas would normalise by their own halves of the batch
        model = distiller(pupil, teacher(), ALL_LOSSES, keras.optimizers.SGD(0.01), label_weight=0.3)
    history = fit(model, sample_weight=np.linspace(0, 2, 24).astype("float32"))
    results.append((history, pupil.get_weights()))
(plain, weights), (mirrored, split) = results
for name, values in plain.items():
    assert np.allclose(values, mirrored[name], rtol=1e-4), f"{name}: {values} alone, {mirrored[name]} mirrored"
for ours, theirs in zip(weights, split):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
print(sorted(plain))
"""


def test_mirrored_replicas():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run([sys.executable, "-c", CODE], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "label_loss" in done.stdout and "soft_targets" in done.stdout
