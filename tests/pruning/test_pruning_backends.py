"""Pruning on another backend, in a fresh process; on jax without TensorFlow."""

import pytest

from tests.other_backend import run_on_backend

CODE = """
import keras, numpy as np
from tests.pruning.branching_model import branching_model
from tfslim.distillation import Distiller, FeatureDistance
from tfslim.pruning import PruningOptimizer, TaylorPruning, channel_graph, shrink, taylor_scores

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(32, 8, 8, 3)).astype("float32"), rng.integers(0, 3, 32)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

def fit(model, optimizer, *callbacks, epochs=3, **settings):
    model.compile(optimizer, LOSS, metrics=["accuracy"], **settings)
    return model.fit(X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, callbacks=list(callbacks)).history

def left(model):
    smaller, report = shrink(model)
    ours, theirs = (keras.ops.convert_to_numpy(each(X)) for each in (smaller, model))
    assert np.allclose(ours, theirs, rtol=1e-5, atol=1e-5), "shrinking changed the outputs"
    return report.figures["filters after"]

model, optimizer = branching_model(), keras.optimizers.AdamW(1e-2, weight_decay=0.1, use_ema=True)
history = fit(model, optimizer, TaylorPruning(ratio=0.4, every=4, drops=3))
assert history["filters"][0] > history["filters"][-1] <= 39 * 0.6, history["filters"]
assert left(model) == history["filters"][-1], "what was dropped did not stay so"
assert model.optimizer is optimizer and np.isfinite(history["loss"]).all()

model = branching_model()
scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(1e-2, momentum=0.9), initial_scale=64.0)
at_once = 1 if keras.backend.backend() == "torch" else 2  # Keras takes no more there
history = fit(model, scaled, TaylorPruning(params=0.6, every=2, drops=4, form="weight"), steps_per_execution=at_once)
assert left(model) == history["filters"][-1] < 39, "not with a scaled loss"

student = branching_model()
distiller = Distiller(student, branching_model(), [FeatureDistance("hidden", "hidden")])
history = fit(distiller, "adam", TaylorPruning(ratio=0.3, every=4, drops=3))
assert left(student) == history["filters"][-1] <= 39 * 0.7, "not a student"

# The scores by hand: the loss is the mean output, a unit's gate gradient its input times both weights.
inputs = keras.Input((1,))
hidden, answer = keras.layers.Dense(3, use_bias=False), keras.layers.Dense(1, use_bias=False)
model = keras.Model(inputs, answer(hidden(inputs)))
hidden.kernel.assign([[1.0, 2.0, -1.0]])
answer.kernel.assign([[1.0], [3.0], [2.0]])
batches = [(np.array([[x]]), np.zeros((1, 1))) for x in (1.0, 3.0)]
scores = taylor_scores(model, batches, lambda y, outputs: keras.ops.mean(outputs))
assert np.allclose(scores.values, np.array([1, 36, 4]) * 5), scores
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_filters_are_scored_and_dropped(backend):
    run_on_backend(backend, CODE)
