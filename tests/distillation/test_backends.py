"""Distillation on another backend, in a fresh process; on jax without TensorFlow."""

import pytest

from tests.other_backend import run_on_backend

CODE = """
import tempfile
import keras, numpy as np
from tests.distillation.networks import ALL_LOSSES, CLASSES, IMAGES, distiller, fit, kept_outputs, student, teacher
from tfslim.distillation import Distiller, SoftTargets, write_teacher_outputs

losses = [ALL_LOSSES[0], ALL_LOSSES[1], ALL_LOSSES[3]]  # the maps of a larger teacher are larger
pupil, master = student(dropout=0.3, regularizer=keras.regularizers.L2(0.01)), teacher(size=(24, 20), dropout=0.3)
before = master.get_weights()
moving = keras.ops.convert_to_numpy(pupil.get_layer("norm").moving_mean).copy()
model = distiller(pupil, master, losses, keras.optimizers.Adam(0.01), weighted_metrics=["accuracy"])
history = fit(model, epochs=10, sample_weight=np.ones(24, "float32"), validation_data=(IMAGES, CLASSES))
assert np.isfinite(list(history.values())).all(), "not finite"
assert history["loss"][-1] < 0.9 * history["loss"][0], "nothing learnt"
assert "val_loss" in history and "val_soft_targets" not in history, "evaluation is not the student's"
assert all((a == b).all() for a, b in zip(before, master.get_weights())), "the teacher was changed"
moved = keras.ops.convert_to_numpy(pupil.get_layer("norm").moving_mean)
assert (moved != moving).any(), "the student's statistics stood still"
assert (model.predict(IMAGES, verbose=0) == pupil.predict(IMAGES, verbose=0)).all(), "predict is not the student's"
names = ("soft_targets", "embedding_distance", "maps_attention")
taught = sum(loss.weight * history[name][0] for loss, name in zip(losses, names))
regular = history["loss"][0] - taught - history["label_loss"][0]
assert 0 < regular < 0.1, f"{regular} left for the regularisation"

# The teacher in place, and its outputs kept beforehand, teach the same.
online = fit(distiller(student(), teacher(), ALL_LOSSES[:2]))
pupil = student()
keras.utils.set_random_seed(7)
kept = Distiller(pupil, None, ALL_LOSSES[:2], teacher_shapes={"output": (4,), "embedding": (12,)})
kept.compile(keras.optimizers.SGD(0.005), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
found = fit(kept, IMAGES, {"labels": CLASSES, "teacher": kept_outputs(teacher())})
for name, values in found.items():
    assert np.allclose(values, online[name], rtol=1e-4), f"{name}: {values} kept, {online[name]} online"

with tempfile.TemporaryDirectory() as folder:
    outputs = write_teacher_outputs(
        folder, teacher(), ["output"], lambda epoch: IMAGES.reshape(3, 8, 12, 10, 3), stream={}, steps=3, batch_size=8
    )
    given = teacher().predict(IMAGES, verbose=0)
    assert np.allclose(outputs.epoch(0)["output"], given, rtol=2e-3), "kept outputs differ"

alone = Distiller(student(), teacher(), [SoftTargets()], label_weight=0)
alone.compile("adam")
assert np.isfinite(fit(alone, IMAGES, None)["soft_targets"][0]), "nothing learnt without labels"
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_a_distiller_fits(backend):
    run_on_backend(backend, CODE)
