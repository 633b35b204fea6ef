"""How fast batch normalisation trains, by count of channels: where the fused kernel is worth it and where not."""

import statistics
import time
from collections.abc import Callable

from tfslim.cli import app

DESCRIPTION = """\
Measures one training pass (forwards and backwards) of batch normalisation in three ways, in turn in one run: Keras' own
layer, TensorFlow's fused kernel in the inputs' dtype, and tfslim's layer, which chooses by the count of channels.
Medians over the rounds, in milliseconds, and each one's share of Keras' time.

Examples:
  python benchmarks/batch_norm.py
  python benchmarks/batch_norm.py --channels '[8,12,16,30]' --side 64 --dtypes '[float32]'
"""


def main(
    channels: tuple[int, ...] = (8, 12, 15, 16, 40, 90, 100, 128),
    dtypes: tuple[str, ...] = ("float32", "bfloat16"),
    batch: int = 32,
    side: int = 32,
    rounds: int = 9,
) -> None:
    """Measures and prints the table.

    Args:
        channels: counts of channels
        dtypes: dtypes of the inputs
        batch: images at once
        side: height and width
        rounds: how often each is measured, after one round that does not count
    """
    if min(rounds, batch, side, *channels) < 1:
        raise ValueError("rounds, batch, side and channels: expected 1 or more")
    from tfslim._support.text import text_table

    rows = []
    for dtype in dtypes:
        for count in channels:
            passes = training_passes((batch, side, side, count), dtype)
            seconds = {name: [] for name in passes}
            for turn in range(rounds + 1):
                for name, run in passes.items():
                    started = time.perf_counter()
                    run()
                    if turn:
                        seconds[name].append(time.perf_counter() - started)
            medians = {name: 1e3 * statistics.median(each) for name, each in seconds.items()}
            shares = {name: each / medians["Keras"] for name, each in medians.items()}
            rows.append([dtype, str(count), *(f"{medians[name]:.1f} ({shares[name]:.2f})" for name in passes)])
    print(f"{batch} x {side} x {side} pixels, forwards and backwards; ms (share of Keras'), medians of {rounds} rounds")
    print(text_table(rows, align="<>>>>", head=["dtype", "channels", *passes]))


def training_passes(shape: tuple[int, ...], dtype: str) -> dict[str, Callable[[], object]]:
    """Functions that run forwards and backwards once, by name."""
    import keras
    import tensorflow as tf

    from tfslim.layers.fused_batch_norm import FusedBatchNormalization

    random = tf.random.Generator.from_seed(0)
    images, upstream = (tf.cast(random.normal(shape), dtype) for _ in range(2))
    policy = "mixed_bfloat16" if dtype == "bfloat16" else dtype

    def stepping(layer):
        layer.build(shape)

        @tf.function
        def step():
            with tf.GradientTape() as tape:
                tape.watch(images)
                outputs = layer(images, training=True)
            return tape.gradient(outputs, [images, layer.gamma.value, layer.beta.value], upstream)

        return lambda: [each.numpy() for each in step()[1:]]

    return {
        "Keras": stepping(keras.layers.BatchNormalization(dtype=policy)),
        "fused kernel": stepping(_always_fused()(dtype=policy)),
        "tfslim": stepping(FusedBatchNormalization(dtype=policy)),
    }


def _always_fused() -> type:
    import keras
    import tensorflow as tf

    class AlwaysFused(keras.layers.BatchNormalization):
        def call(self, inputs, training=None, mask=None):
            return tf.raw_ops.FusedBatchNormV3(
                x=inputs,
                scale=self.gamma.value,
                offset=self.beta.value,
                mean=tf.zeros([0]),
                variance=tf.zeros([0]),
                epsilon=self.epsilon,
                is_training=True,
            ).y

    return AlwaysFused


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
