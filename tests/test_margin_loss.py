"""Cross-entropy with margins against values worked by hand and against Keras' own."""

import math

import keras
import numpy as np
import pytest

from tfslim.losses import MarginCrossentropy


def value(loss, labels, logits):
    return float(loss(np.asarray(labels), np.asarray(logits, "float32")))


def test_without_margins_it_is_keras_crossentropy():
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 5, 16), random.normal(size=(16, 5)).astype("float32")
    theirs = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)
    assert value(MarginCrossentropy(), labels, logits) == pytest.approx(float(theirs), rel=1e-6)
    assert value(MarginCrossentropy(), labels[:, None], logits) == pytest.approx(float(theirs), rel=1e-6)
    smooth = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    expected = float(smooth(np.eye(5)[labels], logits))
    assert value(MarginCrossentropy(label_smoothing=0.1), labels, logits) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("margins", "right"),
    [
        ({"angular_margin": math.pi / 6}, math.cos(math.pi / 2)),  # 60 degrees become 90
        ({"additive_margin": 0.35}, 0.15),
        ({"angular_margin": math.pi / 6, "additive_margin": 0.1}, -0.1),
    ],
)
def test_the_right_logit_is_lowered_by_the_margin(margins, right):
    cosines, scale = [[0.5, 0.2]], 8.0
    loss = MarginCrossentropy(scale, **margins)
    expected = math.log1p(math.exp(scale * (0.2 - right)))
    assert value(loss, [0], np.multiply(cosines, scale)) == pytest.approx(expected, rel=1e-5)


def test_beyond_a_half_turn_the_logit_goes_on_falling():
    loss = MarginCrossentropy(4.0, angular_margin=0.5, reduction=None)
    cosines = np.cos(np.linspace(0.01, math.pi - 0.01, 200))
    logits = np.stack([4 * cosines, np.zeros(200)], axis=1).astype("float32")
    losses = np.asarray(loss(np.zeros(200, int), logits))
    # The two forms don't meet exactly: ArcFace's own code has the same small step, downwards.
    assert (np.diff(losses) > -0.25).all() and losses[-1] > losses[0]
    assert (losses > np.asarray(MarginCrossentropy(reduction=None)(np.zeros(200, int), logits))).all()


def test_gradients_are_finite_at_perfect_cosines():
    import tensorflow as tf

    logits = tf.constant([[8.0, -8.0], [-8.0, 8.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = MarginCrossentropy(8.0, angular_margin=0.5)(np.array([0, 0]), logits)
    assert np.isfinite(tape.gradient(loss, logits)).all()


def test_a_model_is_compiled_and_trained_with_it():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((2,))
    unit = keras.layers.UnitNormalization()(inputs)
    cosines = keras.layers.Dense(2, use_bias=False, kernel_constraint=keras.constraints.UnitNorm(axis=0))(unit)
    model = keras.Model(inputs, keras.layers.Rescaling(8.0)(cosines))
    model.compile(keras.optimizers.Adam(0.1), MarginCrossentropy(8.0, 0.3), metrics=["sparse_categorical_accuracy"])
    x, y = np.array([[1.0, 0.1], [1.0, -0.1], [-1.0, 0.2], [-1.0, -0.2]] * 8), np.array([0, 0, 1, 1] * 8)
    model.fit(x, y, epochs=15, verbose=0)
    assert model.evaluate(x, y, verbose=0, return_dict=True)["sparse_categorical_accuracy"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"scale": 0}, "scale is 0"),
        ({"angular_margin": 2}, "angular_margin is 2, expected 0 to 1.571"),
        ({"additive_margin": -0.1}, "additive_margin is -0.1"),
        ({"label_smoothing": 1.5}, "label_smoothing is 1.5"),
    ],
)
def test_arguments_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        MarginCrossentropy(**arguments)


def test_saves_and_loads():
    loss = MarginCrossentropy(8.0, 0.5, 0.1, 0.05, reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, MarginCrossentropy) and again.get_config() == loss.get_config()
