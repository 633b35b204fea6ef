"""Small students and teachers, with batch statistics, dropout and several widths, and what the tests do with them."""

import keras
import numpy as np

from tfslim.distillation import AttentionTransfer, Distiller, FeatureDistance, SoftTargets

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (24, 12, 10, 3)).astype("uint8")
CLASSES = RNG.integers(0, 4, 24).astype("int32")
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(name, width=4, size=(12, 10), classes=4, seed=0, dropout=0.0, regularizer=None):
    """Maps "maps" (H/2, W/2, width), features "embedding" (2 * width), and logits."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((*size, 3))
    x = keras.layers.Rescaling(1 / 255, name="rescaling")(inputs)
    x = keras.layers.Conv2D(width, 3, padding="same", kernel_regularizer=regularizer, name="conv")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    x = keras.layers.ReLU(name="relu")(x)
    x = keras.layers.MaxPooling2D(2, name="maps")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dropout(dropout, seed=1, name="dropout")(x)
    x = keras.layers.Dense(2 * width, name="embedding")(x)
    return keras.Model(inputs, keras.layers.Dense(classes, dtype="float32", name="logits")(x), name=name)


def student(**arguments):
    return network("student", **arguments)


def teacher(**arguments):
    """Weights far from where training begins, so that it says something."""
    model = network("teacher", **{"width": 6, "seed": 5, **arguments})
    random = np.random.default_rng(5)
    model.set_weights(
        [random.uniform(0.2, 1.0, weight.shape) * np.sign(weight + 0.1) for weight in model.get_weights()]
    )
    return model


ALL_LOSSES = [
    SoftTargets(temperature=2.0, weight=0.5),
    FeatureDistance("embedding", "embedding", weight=2.0),
    FeatureDistance("maps", "maps", "cosine"),
    AttentionTransfer("maps", "maps", weight=3.0),
]


def distiller(pupil, master, losses, optimizer=None, metrics=("accuracy",), label_weight=1.0, **arguments):
    keras.utils.set_random_seed(7)  # of the adapters
    built = Distiller(pupil, master, losses, label_weight)
    built.compile(optimizer or keras.optimizers.SGD(0.005), LOSS, metrics=list(metrics), **arguments)
    return built


def fit(model, x=IMAGES, y=CLASSES, epochs=1, **arguments):
    return model.fit(x, y, batch_size=8, epochs=epochs, shuffle=False, verbose=0, **arguments).history


def assert_same_weights(left, right, **tolerance):
    for ours, theirs in zip(left.get_weights(), right.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, **tolerance)


def kept_outputs(master, dtype="float32"):
    view = keras.Model(master.input, {"output": master.output, "embedding": master.get_layer("embedding").output})
    return {name: np.asarray(value, dtype) for name, value in view.predict(IMAGES, verbose=0).items()}
