"""The balanced loss against values worked by hand and against Keras' own."""

import math

import keras
import numpy as np
import pytest

from tfslim.losses import BalancedBinaryCrossentropy


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


def test_values_worked_by_hand():
    # Rate 1/4: positives weigh 1 / (2/4) = 2, negatives 1 / (6/4) = 2/3. Rate 1/2: both weigh 1.
    loss = BalancedBinaryCrossentropy([0.25, 0.5], reduction=None)
    labels = np.array([[1, 0], [0, 1]], "uint8")
    logits = np.array([[0.5, 1.0], [-2.0, 3.0]], "float32")
    first = (2 * softplus(-0.5) + softplus(1.0)) / 2
    second = (2 / 3 * softplus(-2.0) + softplus(-3.0)) / 2
    values = keras.ops.convert_to_numpy(loss(labels, logits))
    np.testing.assert_allclose(values, [first, second], rtol=1e-6)
    mean = BalancedBinaryCrossentropy([0.25, 0.5])(labels, logits)
    assert float(mean) == pytest.approx((first + second) / 2, rel=1e-6)


def test_tempered_weights_worked_by_hand():
    # Rate 1/5, t = 1/2: sqrt(5/2) and sqrt(5/8), over 1/5 sqrt(5/2) + 4/5 sqrt(5/8) = 3/5 sqrt(5/2).
    loss = BalancedBinaryCrossentropy([0.2], exponent=0.5)
    assert loss.positive_weights[0] == pytest.approx(5 / 3)
    assert loss.negative_weights[0] == pytest.approx(5 / 6)


@pytest.mark.parametrize("exponent", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("rate", [0.02, 0.3, 0.5, 0.93])
def test_weights_have_the_mean_one_and_balance_at_one(exponent, rate):
    loss = BalancedBinaryCrossentropy([rate], exponent=exponent)
    positive, negative = loss.positive_weights[0], loss.negative_weights[0]
    assert rate * positive + (1 - rate) * negative == pytest.approx(1)
    assert positive / negative == pytest.approx(((1 - rate) / rate) ** exponent)
    if exponent == 1:
        assert rate * positive == pytest.approx(0.5)


def test_exponent_zero_is_keras_binary_crossentropy():
    random = np.random.default_rng(0)
    labels, logits = random.integers(0, 2, (16, 3)), random.normal(size=(16, 3)).astype("float32")
    ours = BalancedBinaryCrossentropy([0.1, 0.5, 0.9], exponent=0)(labels, logits)
    theirs = keras.losses.BinaryCrossentropy(from_logits=True)(labels, logits)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-6)


def test_rates_of_absent_attributes_are_clipped():
    loss = BalancedBinaryCrossentropy([0.0, 1.0], smallest_rate=0.01)
    assert loss.positive_weights == pytest.approx([50, 0.5 / 0.99])
    assert loss.negative_weights == pytest.approx([0.5 / 0.99, 50])


def test_large_logits_stay_finite():
    loss = BalancedBinaryCrossentropy([0.5])
    there = np.ones((1, 1), "float32")
    assert float(loss(there, -1e4 * there)) == pytest.approx(1e4)
    assert float(loss(there, 1e4 * there)) == 0


def test_sample_weights_are_heeded():
    loss = BalancedBinaryCrossentropy([0.5], reduction="sum")
    value = loss(np.ones((2, 1)), np.zeros((2, 1)), sample_weight=np.array([3.0, 0.0]))
    assert float(value) == pytest.approx(3 * math.log(2), rel=1e-6)


def test_saves_and_loads():
    loss = BalancedBinaryCrossentropy(np.float32([0.25, 0.5]), exponent=0.5, smallest_rate=0.02, reduction="sum")
    again = keras.losses.deserialize(keras.losses.serialize(loss))
    assert isinstance(again, BalancedBinaryCrossentropy)
    assert again.get_config() == loss.get_config()
    labels, logits = np.ones((2, 2)), np.array([[0.1, 0.2], [0.3, 0.4]], "float32")
    assert float(again(labels, logits)) == float(loss(labels, logits))


def test_a_model_trains_with_it_and_answers_rare_attributes():
    random = np.random.default_rng(1)
    features = random.normal(size=(2000, 2)).astype("float32")
    labels = (features[:, :1] + random.normal(size=(2000, 1)) > 2.3).astype("uint8")
    called = {}
    for exponent in (0.0, 1.0):
        keras.utils.set_random_seed(0)
        inputs = keras.Input((2,))
        model = keras.Model(inputs, keras.layers.Dense(1)(inputs))
        loss = BalancedBinaryCrossentropy(labels.mean(axis=0), exponent=exponent)
        model.compile(keras.optimizers.Adam(0.1), loss)
        model.fit(features, labels, batch_size=200, epochs=8, verbose=0)
        called[exponent] = float((model.predict(features, verbose=0) > 0).mean())
    # 5 % are positive; the plain loss calls still fewer so, the balanced one many more.
    assert called[0.0] < labels.mean() < 2 * labels.mean() < called[1.0]


def test_bad_arguments():
    with pytest.raises(ValueError, match=r"positive_rates\[1\] is 1.5"):
        BalancedBinaryCrossentropy([0.5, 1.5])
    with pytest.raises(ValueError, match=r"positive_rates\[0\] is nan"):
        BalancedBinaryCrossentropy([float("nan")])
    with pytest.raises(ValueError, match="exponent is 2"):
        BalancedBinaryCrossentropy([0.5], exponent=2)
    with pytest.raises(ValueError, match="smallest_rate is 0"):
        BalancedBinaryCrossentropy([0.5], smallest_rate=0)
    with pytest.raises(ValueError, match=r"must both be \(N, 2\)"):
        BalancedBinaryCrossentropy([0.5, 0.5])(np.zeros((4, 3)), np.zeros((4, 3)))
