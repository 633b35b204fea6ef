"""A small branching net, trained on five drawn patterns, and what TF-MOT makes of it, made once for this folder."""

import keras
import numpy as np
import pytest
from keras import layers

CLASSES = 5


def branching_net() -> keras.Model:
    """Concatenate, Add, depthwise, squeeze-and-excite; pixels of 16x16 in, 5 logits out."""

    def conv_norm(x, name, conv):
        x = layers.BatchNormalization(momentum=0.8, name=f"{name}_norm")(conv(x))
        return layers.ReLU(name=f"{name}_relu")(x)

    inputs = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(inputs)
    x = conv_norm(x, "stem", layers.Conv2D(16, 3, padding="same", use_bias=False, name="stem"))
    left = layers.Conv2D(16, 1, activation="relu", name="left")(x)
    right = conv_norm(x, "deep", layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="deep"))
    right = conv_norm(right, "right", layers.Conv2D(16, 1, use_bias=False, name="right"))
    x = layers.Concatenate(name="both")([left, right])
    excite = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(x)
    excite = layers.Conv2D(32, 1, activation="sigmoid", name="excite")(excite)
    y = layers.Conv2D(32, 3, padding="same", name="mix")(layers.Multiply(name="excited")([x, excite]))
    x = layers.ReLU(name="sum_relu")(layers.Add(name="sum")([x, y]))
    x = layers.Conv2D(24, 3, name="last")(layers.MaxPooling2D(name="pool")(x))
    x = layers.GlobalAveragePooling2D(name="average")(layers.ReLU(name="last_relu")(x))
    return keras.Model(inputs, layers.Dense(CLASSES, name="logits")(x), name="branching")


@pytest.fixture(scope="session")
def patterns() -> dict:
    """ "train" and "test" -> (images float32 0..255, labels): five coarse patterns under noise."""
    rng = np.random.default_rng(0)
    drawn = np.kron(rng.uniform(40, 215, (CLASSES, 4, 4, 3)), np.ones((1, 4, 4, 1)))

    def part(count):
        labels = rng.integers(0, CLASSES, count)
        images = drawn[labels] * 0.5 + 64 + rng.normal(size=(count, 16, 16, 3)) * 60
        return np.clip(images, 0, 255).astype("float32"), labels

    return {"train": part(768), "test": part(400)}


@pytest.fixture(scope="session")
def trained(patterns) -> keras.Model:
    keras.utils.set_random_seed(0)
    model = branching_net()
    model.compile(keras.optimizers.Adam(3e-3), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(*patterns["train"], batch_size=64, epochs=9, verbose=0)
    assert accuracy(model.predict(patterns["test"][0], verbose=0), patterns) > 0.93
    return model


def accuracy(logits: np.ndarray, patterns: dict) -> float:
    """Share of the test part that is right."""
    return float((np.argmax(logits, -1) == patterns["test"][1]).mean())


def compiled(training, rate: float = 1e-3):
    """A model of tf_keras ready to fit."""
    from tfslim.tfmot.packages import tf_keras

    tk = tf_keras()
    training.compile(tk.optimizers.Adam(rate), tk.losses.SparseCategoricalCrossentropy(from_logits=True))
    return training


@pytest.fixture(scope="session")
def sparse(trained, patterns):
    """70 % zeros in every kernel, depthwise ones too: (model, report, report of the wrapping)."""
    import tfslim.tfmot

    training, wrapping = tfslim.tfmot.sparsify(trained, 0.7, end_step=24, every=4, depthwise=True)
    callbacks = tfslim.tfmot.pruning_callbacks()
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=3, verbose=0, callbacks=callbacks)
    return *tfslim.tfmot.strip(training), wrapping


@pytest.fixture(scope="session")
def clustered(sparse, patterns):
    """16 values in every kernel, zero among them: (model, report)."""
    import tfslim.tfmot

    training, _ = tfslim.tfmot.cluster(sparse[0], 16, keep_zeros=True, depthwise=True)
    compiled(training).fit(*patterns["train"], batch_size=64, epochs=2, verbose=0)
    return tfslim.tfmot.strip(training)
