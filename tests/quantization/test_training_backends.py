"""Training at few bits on another backend, in a fresh process; on jax without TensorFlow."""

import pytest

from tests.other_backend import run_on_backend

CODE = """
import keras, numpy as np
import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.distillation import Distiller, FeatureDistance
from tfslim.quantization import QuantizingOptimizer, plan_codecs

rng = np.random.default_rng(0)
X, Y = rng.normal(size=(32, 8, 8, 3)).astype("float32"), rng.integers(0, 3, 32)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

def trained(codec, bits, wrap=lambda model: model):
    model = branching_model()
    before = np.asarray(keras.ops.convert_to_numpy(model.get_layer("stem").bias))
    optimizer = QuantizingOptimizer(keras.optimizers.AdamW(1e-2), model, plan_codecs(model, codec, bits))
    fitted = wrap(model)
    fitted.compile(optimizer, LOSS)
    losses = fitted.fit(X, Y, batch_size=8, epochs=4, shuffle=False, verbose=0).history["loss"]
    assert np.isfinite(losses).all() and losses[-1] < losses[0], losses
    assert not np.allclose(before, np.asarray(keras.ops.convert_to_numpy(model.get_layer("stem").bias)))
    exact, report = tfslim.quantize_weights(model, optimizer.plan)
    # What training left is on the codebook, but for the backend's rounding of an exponential.
    for here, there in zip(model.get_weights(), exact.get_weights()):
        assert np.allclose(here, there, rtol=1e-4, atol=1e-6)
    return exact.get_layer("stem").get_weights()[0]

assert len(np.unique(trained("log_min_max", 3))) <= 8
assert len(np.unique(trained("ternary", None)[..., 0])) <= 3
taught = trained("uniform", 4, lambda model: Distiller(model, branching_model(), [FeatureDistance("hidden", "hidden")]))
assert len(np.unique(taught)) <= 16
print(keras.backend.backend())
"""


@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_few_bits_are_trained_on_other_backends(backend):
    run_on_backend(backend, CODE)
