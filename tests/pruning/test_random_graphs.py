"""Random branching models: whatever is tied to whatever, dead filters go without a trace."""

import keras
import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from keras import layers

from tests.layer_checks import randomize
from tests.pruning.invariance import assert_same, outputs_of, run_pruning_test
from tfslim.pruning import channel_graph, shrink, silence
from tfslim.pruning.silencing import MAKING, READING

KINDS = ("conv", "grouped", "depthwise", "separable", "norm", "act", "add", "multiply", "concat", "excite", "pool")
# What makes something of a zero, so that it is not enough if filters make zeros.
AWAKE = ("spread", "places")
KEEPING = ("relu", "tanh", "swish")


class Builder:
    """Adds random layers to random tensors, all of one image size."""

    def __init__(self, draw, activations: tuple[str, ...]):
        self.draw, self.activations = draw, activations
        self.inputs = keras.Input((6, 6, 3))
        self.tensors = [layers.Conv2D(draw(st.sampled_from((4, 6, 8))), 3, padding="same")(self.inputs)]
        self.shared = None

    def one(self):
        return self.tensors[self.draw(st.integers(0, len(self.tensors) - 1))]

    def grow(self, kind: str) -> None:
        x = self.one()
        self.tensors.append(getattr(self, kind)(x, x.shape[-1]))

    def conv(self, x, width):
        return layers.Conv2D(self.draw(st.sampled_from((2, 4, 6))), self.draw(st.sampled_from((1, 3))), padding="same")(
            x
        )

    def grouped(self, x, width):
        groups = self.draw(st.sampled_from([n for n in (2, width) if width % n == 0] or [1]))
        return layers.Conv2D(2 * width, 3, groups=groups, padding="same")(x)

    def depthwise(self, x, width):
        return layers.DepthwiseConv2D(3, padding="same", depth_multiplier=self.draw(st.sampled_from((1, 2))))(x)

    def separable(self, x, width):
        return layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=self.draw(st.sampled_from((1, 2))))(x)

    def norm(self, x, width):
        if width % 2 == 0 and self.draw(st.booleans()):
            return layers.GroupNormalization(2)(x)
        return layers.BatchNormalization(scale=self.draw(st.booleans()))(x)

    def act(self, x, width):
        return layers.Activation(self.draw(st.sampled_from(self.activations)))(x)

    def add(self, x, width):
        alike = [tensor for tensor in self.tensors if tensor.shape == x.shape]
        other = self.draw(st.sampled_from(range(len(alike))))
        return layers.Add()([x, alike[other] if alike[other] is not x else layers.Conv2D(width, 1)(self.one())])

    def multiply(self, x, width):
        return layers.Multiply()([x, layers.Conv2D(width, 1)(self.one())])

    def concat(self, x, width):
        return layers.Conv2D(4, 1)(layers.Concatenate()([x, self.one(), x]))

    def excite(self, x, width):
        pooled = layers.GlobalAveragePooling2D(keepdims=self.draw(st.booleans()))(x)
        return layers.Multiply()([x, layers.Reshape((1, 1, width))(layers.Dense(width)(pooled))])

    def pool(self, x, width):
        return layers.MaxPooling2D(3, 1, padding="same")(layers.ReLU()(x))

    def spread(self, x, width):
        merge = self.draw(st.sampled_from((layers.Add, layers.Maximum, layers.Average)))
        return merge()([x, layers.Conv2D(1, 1)(self.one())])

    def places(self, x, width):
        return layers.Softmax(axis=(1, 2))(x)

    def model(self) -> keras.Model:
        last = self.tensors[-1]
        flat = self.draw(st.booleans())
        ends = [layers.Flatten()(last) if flat else layers.GlobalAveragePooling2D()(last)]
        ends.append(layers.GlobalMaxPooling2D()(self.one()))
        return keras.Model(self.inputs, layers.Dense(3)(layers.Concatenate()(ends)))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.lists(st.sampled_from(KINDS), min_size=2, max_size=7), st.integers(0, 2**16))
def test_dead_filters_of_random_graphs_go_without_a_trace(data, kinds, seed):
    keeping_nothing = data.draw(st.booleans())
    builder = Builder(data.draw, KEEPING if keeping_nothing else ("sigmoid", "softplus", "relu"))
    for kind in kinds:
        builder.grow(kind)
    # Group normalisation makes something of a dead group: its offset is silenced with it, but its inputs are not read.
    silenced = (READING, MAKING) if keeping_nothing else (READING,)
    run_pruning_test(builder.model(), images(seed), share=0.5, silenced=silenced, seed=seed)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data(), st.lists(st.sampled_from(KINDS + AWAKE), min_size=2, max_size=7), st.integers(0, 2**16))
def test_shrinking_changes_no_outputs_whichever_weights_are_zero(data, kinds, seed):
    builder = Builder(data.draw, data.draw(st.sampled_from((KEEPING, ("sigmoid", "relu")))))
    for kind in kinds:
        builder.grow(kind)
    model = builder.model()
    randomize(model, seed)
    graph = channel_graph(model)
    units = np.random.default_rng(seed).permutation(graph.unit_count)[: graph.unit_count // 2]
    silence(graph, units, data.draw(st.sampled_from(((*MAKING, *READING), MAKING, ("filters", "scale")))))
    smaller, _ = shrink(model)
    assert_same(outputs_of(smaller, images(seed)), outputs_of(model, images(seed)))


def images(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2, 6, 6, 3)).astype("float32")
