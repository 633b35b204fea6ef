"""A small model whose channels are tied in the usual ways: a residual, a depthwise filter, two branches joined."""

import keras

from tests.layer_checks import randomize


def branching_model(size: int = 8) -> keras.Model:
    """Units: 8 of stem (tied to twice and to depthwise), 4 of left, 6 of right, 5 of hidden; 3 answers."""
    inputs = keras.Input((size, size, 3))
    x = keras.layers.Conv2D(8, 3, padding="same", name="stem")(inputs)
    x = keras.layers.BatchNormalization(name="stem_bn")(x)
    x = keras.layers.ReLU(name="stem_relu")(x)
    y = keras.layers.Conv2D(8, 1, name="twice")(x)
    x = keras.layers.Add(name="add")([x, y])
    x = keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False, name="depthwise")(x)
    left = keras.layers.Conv2D(4, 1, activation="relu", name="left")(x)
    right = keras.layers.Conv2D(6, 3, padding="same", activation="relu", name="right")(x)
    x = keras.layers.Concatenate(name="concat")([left, right])
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    x = keras.layers.Dense(5, activation="relu", name="hidden")(x)
    model = keras.Model(inputs, keras.layers.Dense(3, name="logits")(x), name="branching")
    randomize(model)
    return model
