"""The fused kernel gives what Keras' own batch normalisation gives, in outputs, gradients and moving statistics."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfslim.layers.fused_batch_norm import FusedBatchNormalization


def twins(channels=4, **config):
    stock, fused = keras.layers.BatchNormalization(**config), FusedBatchNormalization(**config)
    rng = np.random.default_rng(0)
    for layer in (stock, fused):
        layer.build((None, None, None, channels))
    weights = [rng.uniform(0.5, 1.5, size=channels).astype("float32") for _ in stock.weights]
    stock.set_weights(weights)
    fused.set_weights(weights)
    return stock, fused


@pytest.mark.parametrize(
    ("channels", "momentum", "dtype", "tolerance"),
    [
        (4, 0.99, "float32", 2e-4),
        (4, 0.5, "float32", 2e-4),
        (5, 0.9, "float32", 2e-4),
        (8, 0.9, "mixed_bfloat16", 2e-2),
        (16, 0.9, "mixed_bfloat16", 2e-2),
    ],
)
def test_training_step_equals_the_stock_layer(channels, momentum, dtype, tolerance):
    stock, fused = twins(channels, momentum=momentum, dtype=dtype)
    images = np.random.default_rng(1).normal(2, 3, (4, 3, 2, channels))
    images = tf.constant(images, stock.compute_dtype)
    upstream = tf.constant(np.random.default_rng(2).normal(size=images.shape), stock.compute_dtype)
    gradients = []
    for layer in (stock, fused):
        with tf.GradientTape() as tape:
            tape.watch(images)
            outputs = layer(images, training=True)
            loss = tf.reduce_sum(tf.cast(outputs * upstream, tf.float32))
        assert outputs.dtype == layer.compute_dtype
        gradients.append(tape.gradient(loss, [images, layer.gamma.value, layer.beta.value]))
    for ours, theirs in zip(gradients[1], gradients[0], strict=True):
        ours, theirs = (tf.cast(each, tf.float32) for each in (ours, theirs))
        np.testing.assert_allclose(ours, theirs, atol=tolerance, rtol=tolerance)
    for ours, theirs in zip(fused.get_weights(), stock.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5)


def test_inference_and_other_ranks_are_the_stock_layer_s():
    stock, fused = twins()
    images = tf.random.stateless_normal((2, 3, 3, 4), (0, 1))
    np.testing.assert_array_equal(fused(images), stock(images))
    flat = tf.random.stateless_normal((8, 5), (0, 1))
    np.testing.assert_array_equal(
        FusedBatchNormalization()(flat, training=True), keras.layers.BatchNormalization()(flat, training=True)
    )


def test_a_frozen_layer_keeps_its_statistics():
    _, fused = twins()
    fused.trainable = False
    before = fused.get_weights()
    fused(tf.random.stateless_normal((2, 3, 3, 4), (0, 1)), training=True)
    for ours, theirs in zip(fused.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


TWO_REPLICAS = """
import numpy as np, tensorflow as tf
cpus = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpus[0], [tf.config.LogicalDeviceConfiguration()] * 2)
from tfslim.layers.fused_batch_norm import FusedBatchNormalization
strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
with strategy.scope():
    layer = FusedBatchNormalization(synchronized=True, epsilon=0.0)
    layer.build((None, 1, 1, 1))
values = strategy.experimental_distribute_values_from_function(
    lambda context: tf.fill((1, 1, 1, 1), 2.0 * context.replica_id_in_sync_group)
)
outputs = strategy.run(tf.function(lambda x: layer(x, training=True)), args=(values,))
np.testing.assert_allclose([x.numpy().item() for x in strategy.experimental_local_results(outputs)], [-1, 1], rtol=1e-6)
"""


def test_a_synchronized_layer_normalises_by_the_images_of_all_replicas():
    """Images of 0 and of 2 on two replicas have mean 1 and variance 1; alone, neither has a variance."""
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", TWO_REPLICAS], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
