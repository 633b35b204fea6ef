"""Random branching models come to tf_keras and back, and their int8 layout computes the same."""

import keras
import numpy as np
from hypothesis import HealthCheck, Phase, given, settings, strategies as st

from tests.layer_checks import randomize
from tests.pruning.invariance import outputs_of
from tests.pruning.random_graph import Builder
from tfslim.quantization.int8.layout import rewrite_for_int8
from tfslim.quantization.int8.scheme import int8_scheme
from tfslim.tfmot import from_tf_keras, to_tf_keras

KINDS = (
    "conv", "grouped", "depthwise", "separable", "transposed", "dense", "norm", "layer_norm", "prelu", "act", "rescale",
    "merge", "multiply", "broadcast", "excite", "concat", "concat_places", "pool", "frame", "upsample", "nested",
    "share",
)  # fmt: skip
ACTIVATIONS = ("relu", "tanh", "swish", "sigmoid", "softplus", "hard_sigmoid", "hard_swish", "relu6", "elu", "gelu")


# A model takes seconds to build, so that shrinking one would take minutes.
@settings(
    max_examples=10,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
@given(st.data(), st.lists(st.sampled_from(KINDS), min_size=2, max_size=7), st.integers(0, 2**16))
def test_random_graphs_go_there_and_back(data, kinds, seed):
    builder = Builder(data.draw, ACTIVATIONS, rank=2)
    for kind in kinds:
        builder.grow(kind)
    model = builder.model()
    randomize(model, seed)
    x = builder.images(seed)
    expected = outputs_of(model, x)
    arranged = rewrite_for_int8(model)
    for other in (from_tf_keras(to_tf_keras(model)), arranged):
        for found, wanted in zip(outputs_of(other, x), expected, strict=True):
            np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-4 * np.abs(wanted).max())
    plan, skipped = int8_scheme(arranged)
    layers = {layer.name for layer in arranged.layers if not isinstance(layer, keras.layers.InputLayer)}
    assert set(plan) == layers and set(skipped) <= layers
