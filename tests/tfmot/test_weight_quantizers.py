"""TF-MOT's simulation of int8 and that of Keras 3 alone are the same."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfslim.quantization.int8.fake_quantize import FakeQuantize, round_kernel
from tfslim.tfmot.weight_quantizers import KernelQuantizer, RangeQuantizer


@pytest.mark.parametrize("scaling", ["filters", "depthwise", "tensor"])
@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_kernels_are_rounded_alike(scaling, scale):
    kernel = scale * np.random.default_rng(0).normal(size=(3, 3, 4, 2)).astype("float32")
    kernel[..., 1, 0] = kernel[..., 1] = 0.0
    ours = keras.ops.convert_to_numpy(round_kernel(keras.ops.convert_to_tensor(kernel), scaling))
    theirs = KernelQuantizer(scaling, zeros=False, clusters=0)(tf.constant(kernel), training=False, weights={})
    np.testing.assert_array_equal(ours, theirs.numpy())
    assert (ours != kernel).any()


def test_outputs_are_rounded_alike():
    ours, theirs = FakeQuantize(), RangeQuantizer()
    weights = {name: tf.Variable(0.0) for name in ("least", "largest", "batches")}
    rng = np.random.default_rng(0)
    for training in [True] * 5 + [False]:
        batch = tf.constant(rng.normal(size=(4, 6)), "float32")
        found, expected = ours(batch, training=training), theirs(batch, training=training, weights=weights)
        np.testing.assert_array_equal(found.numpy(), expected.numpy())
    assert [float(getattr(ours, name)) for name in weights] == [float(value) for value in weights.values()]
    assert float(ours.batches) == 5 and float(ours.least) < -1 and float(ours.largest) > 1
