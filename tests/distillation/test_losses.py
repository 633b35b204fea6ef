"""Each distillation loss against values worked by hand, its closed-form or numeric gradient, and its invariances."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings, strategies as st

from tfslim.distillation import AttentionTransfer, BernoulliTargets, FeatureDistance, SoftTargets

RNG = np.random.default_rng(0)
LOGITS = [RNG.normal(size=(6, 5)) * 3 for _ in range(2)]
MAPS = [RNG.normal(size=(6, 3, 4, 5)) for _ in range(2)]
CASES = {
    "soft": (SoftTargets(temperature=3.0), *LOGITS),
    "bernoulli": (BernoulliTargets(temperature=3.0), *LOGITS),
    "squared": (FeatureDistance(), *LOGITS),
    "cosine": (FeatureDistance(distance="cosine"), *LOGITS),
    "squared maps": (FeatureDistance(), *MAPS),
    "cosine maps": (FeatureDistance(distance="cosine"), *MAPS),
    "attention": (AttentionTransfer("a", "b"), *MAPS),
    "attention resized": (AttentionTransfer("a", "b"), MAPS[0], RNG.normal(size=(6, 8, 6, 2))),
}
every_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


def values(loss, student, teacher):
    return keras.ops.convert_to_numpy(loss(student, teacher))


def gradient(loss, student, teacher):
    student = tf.Variable(student, dtype="float32")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(loss(student, teacher))
    return tape.gradient(total, student).numpy()


def softmax(x):
    return np.exp(x) / np.exp(x).sum(axis=-1, keepdims=True)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


# Values


def test_soft_targets_by_hand():
    # T = 2: p = softmax(ln 4, 0) = (4/5, 1/5), q = (1/2, 1/2); times 4.
    found = values(SoftTargets(temperature=2.0), [[3.0, 3.0]], [[2 * np.log(4), 0.0]])
    np.testing.assert_allclose(found, [4 * (0.8 * np.log(0.8 / 0.5) + 0.2 * np.log(0.2 / 0.5))], rtol=1e-5)


def test_bernoulli_targets_by_hand():
    # T = 2: p = sigmoid(ln 3) = 3/4 and 1/2, q = 1/2 and 1/4; the mean of the two divergences, times 4.
    found = values(BernoulliTargets(temperature=2.0), [[0.0, -2 * np.log(3)]], [[2 * np.log(3), 0.0]])
    first = 0.75 * np.log(0.75 / 0.5) + 0.25 * np.log(0.25 / 0.5)
    second = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    np.testing.assert_allclose(found, [4 * (first + second) / 2], rtol=1e-5)


def test_feature_distance_by_hand():
    # Unit vectors (1, 0) and (3/5, 4/5): 0.4^2 + 0.8^2 = 0.8, and 1 - 0.6.
    student, teacher = [[7.0, 0.0]], [[0.3, 0.4]]
    np.testing.assert_allclose(values(FeatureDistance(), student, teacher), [0.8], rtol=1e-6)
    np.testing.assert_allclose(values(FeatureDistance(distance="cosine"), student, teacher), [0.4], rtol=1e-6)
    # Two places of a map, the second of them equal in direction: the mean halves it.
    student, teacher = [[[[7.0, 0.0], [0.0, 2.0]]]], [[[[0.3, 0.4], [0.0, 9.0]]]]
    np.testing.assert_allclose(values(FeatureDistance(), student, teacher), [0.4], rtol=1e-6)


def test_attention_transfer_by_hand():
    # Sums of squares: (1 + 4, 0) and (9, 16): unit vectors (1, 0) and (9, 16) / sqrt(337).
    student, teacher = [[[[1.0, 2.0], [0.0, 0.0]]]], [[[[3.0], [4.0]]]]
    expected = (1 - 9 / 337**0.5) ** 2 + 256 / 337
    np.testing.assert_allclose(values(AttentionTransfer("a", "b"), student, teacher), [expected], rtol=1e-5)


def test_attention_maps_are_brought_to_the_smaller_size():
    # The teacher's map of sums is 2 everywhere but for a row: 4 rows become 2 with (3, 3, 1, 0) / 7.
    teacher = np.full((1, 4, 2, 2), 1.0)
    teacher[:, 3] = 2.0
    rows = np.array([2.0, (0 * 2 + 1 * 2 + 3 * 2 + 3 * 8) / 7])
    unit = np.repeat(rows, 2) / np.sqrt(2 * (rows**2).sum())
    student = np.ones((1, 2, 2, 1))
    expected = ((unit - 0.5) ** 2).sum()
    np.testing.assert_allclose(values(AttentionTransfer("a", "b"), student, teacher), [expected], rtol=1e-5)


@every_case
def test_nothing_where_student_and_teacher_agree(case):
    loss, student, _ = case
    np.testing.assert_allclose(values(loss, student, student), np.zeros(6), atol=1e-6)
    np.testing.assert_allclose(gradient(loss, student, student), np.zeros(student.shape), atol=1e-5)


@every_case
def test_positive_where_they_differ_and_one_number_an_example(case):
    found = values(*case)
    assert found.shape == (6,) and found.dtype == "float32"
    assert (found > 0).all()


@every_case
def test_examples_are_judged_one_by_one(case):
    loss, student, teacher = case
    found, order = values(*case), RNG.permutation(6)
    np.testing.assert_allclose(values(loss, student[order], teacher[order]), found[order], rtol=1e-5)
    np.testing.assert_allclose(values(loss, student[2:3], teacher[2:3]), found[2:3], rtol=1e-5)


@pytest.mark.parametrize("loss", [FeatureDistance(), AttentionTransfer("a", "b")], ids=["distance", "attention"])
def test_the_length_of_features_does_not_matter(loss):
    np.testing.assert_allclose(values(loss, 7 * MAPS[0], 0.1 * MAPS[1]), values(loss, *MAPS), rtol=1e-4)


def test_squared_distance_is_twice_the_cosine_distance():
    np.testing.assert_allclose(values(*CASES["squared maps"]), 2 * values(*CASES["cosine maps"]), rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.floats(-1e4, 1e4), st.floats(-1e4, 1e4), st.floats(0.5, 20))
def test_large_logits_stay_finite(student, teacher, temperature):
    for loss in (SoftTargets(temperature), BernoulliTargets(temperature)):
        found = values(loss, [[student, 0.0]], [[teacher, 0.0]])
        assert np.isfinite(found).all() and (found > -1e-3).all()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@every_case
def test_half_precision_is_compared_in_float32(case, dtype):
    loss, student, teacher = case
    half = [keras.ops.cast(keras.ops.cast(x, "float32"), dtype) for x in (student, teacher)]
    single = [keras.ops.cast(x, "float32") for x in half]
    np.testing.assert_array_equal(values(loss, *half), values(loss, *single))


# Gradients


def test_soft_targets_gradient_in_closed_form():
    student, teacher = LOGITS
    for temperature in (1.0, 4.0):
        expected = temperature * (softmax(student / temperature) - softmax(teacher / temperature))
        found = gradient(SoftTargets(temperature), student, teacher)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_bernoulli_targets_gradient_in_closed_form():
    student, teacher = LOGITS
    for temperature in (1.0, 4.0):
        expected = temperature * (sigmoid(student / temperature) - sigmoid(teacher / temperature)) / 5
        found = gradient(BernoulliTargets(temperature), student, teacher)
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def numpy_distance(student, teacher):
    """The squared distance, in float64 and by another way: 2 - 2 cos."""
    cosines = (student * teacher).sum(-1) / np.linalg.norm(student, axis=-1) / np.linalg.norm(teacher, axis=-1)
    return (2 - 2 * cosines).reshape(len(student), -1).mean(axis=1)


def numpy_attention(student, teacher):
    maps = [(x**2).sum(-1).reshape(len(x), -1) for x in (student, teacher)]
    cosines = (maps[0] * maps[1]).sum(1) / np.linalg.norm(maps[0], axis=1) / np.linalg.norm(maps[1], axis=1)
    return 2 - 2 * cosines


@pytest.mark.parametrize(
    ("loss", "reference", "pair"),
    [
        (FeatureDistance(), numpy_distance, LOGITS),
        (FeatureDistance(), numpy_distance, MAPS),
        (FeatureDistance(distance="cosine"), lambda s, t: numpy_distance(s, t) / 2, MAPS),
        (AttentionTransfer("a", "b"), numpy_attention, MAPS),
    ],
    ids=["vectors", "maps", "cosine", "attention"],
)
def test_feature_losses_against_float64_differences(loss, reference, pair):
    student, teacher = pair
    np.testing.assert_allclose(values(loss, student, teacher), reference(student, teacher), rtol=1e-4)
    found, step = gradient(loss, student, teacher), 1e-5
    for index in map(tuple, RNG.permutation(np.argwhere(np.ones(student.shape)))[:20]):
        ends = []
        for sign in (1, -1):
            moved = student.copy()
            moved[index] += sign * step
            ends.append(reference(moved, teacher).sum())
        assert found[index] == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("kind", [SoftTargets, BernoulliTargets])
def test_squared_temperature_keeps_the_gradient_in_the_limit(kind):
    # For logits of mean zero, T^2 times the divergence has the gradient (s - t) / C (softmax), (s - t) / 4 (sigmoid,
    # here over 5 attributes) when T is large: section 2 of the paper.
    student, teacher = (x - x.mean(axis=1, keepdims=True) for x in LOGITS)
    share = 5 if kind is SoftTargets else 4 * 5
    for temperature, tolerance in ((50.0, 0.05), (500.0, 0.005)):
        found = gradient(kind(temperature), student, teacher)
        expected = (student - teacher) / share
        np.testing.assert_allclose(found, expected, atol=tolerance * np.abs(expected).max())


@pytest.mark.parametrize("distance", ["squared", "cosine"])
@pytest.mark.parametrize("length", [0.0, 1e-8, 9e-7])
def test_a_dead_feature_vector_has_a_gradient_no_longer_than_others(distance, length):
    dead = np.array([[0.6, 0.8, 0.0, 0.0]]) * length
    loss, towards = FeatureDistance(distance=distance), np.full((1, 4), 3.0)
    assert values(loss, dead, towards)[0] == pytest.approx(1, abs=1e-5)
    found = gradient(loss, dead, towards)
    expected = -np.full((1, 4), 0.5) * (2 if distance == "squared" else 1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_dead_places_leave_the_adapter_where_it_was_put():
    maps = keras.ops.convert_to_tensor(np.maximum(MAPS[0], 0) * (RNG.uniform(size=(6, 3, 4, 1)) < 0.7))
    wanted = RNG.normal(size=(6, 3, 4, 8)) + 1
    keras.utils.set_random_seed(0)
    loss = FeatureDistance("maps", "maps")
    adapter = loss.adapter((3, 4, 5), (3, 4, 8))
    adapter.build((None, 3, 4, 5))
    optimizer = keras.optimizers.SGD(0.1)
    before = float(keras.ops.mean(loss(adapter(maps), wanted)))
    for _ in range(3):
        with tf.GradientTape() as tape:
            total = tf.reduce_mean(loss(adapter(maps), wanted))
        optimizer.apply(tape.gradient(total, adapter.trainable_variables), adapter.trainable_variables)
    assert np.abs(adapter.bias.numpy()).max() < 1
    assert float(keras.ops.mean(loss(adapter(maps), wanted))) < before


def test_a_dead_map_has_a_finite_attention_gradient():
    maps = np.zeros((1, 2, 2, 3))
    assert np.isfinite(gradient(AttentionTransfer("a", "b"), maps, np.ones((1, 2, 2, 3)))).all()


# Why attributes need their own loss


def test_a_softmax_over_independent_attributes_is_blind_to_a_common_shift():
    """A student that finds each of 40 attributes where the teacher finds none of them looks perfect to a softmax."""
    teacher = RNG.normal(size=(8, 40)) - 4
    student = teacher + 8
    assert (sigmoid(teacher) < 0.5).mean() > 0.99 and (sigmoid(student) > 0.5).mean() > 0.99
    blind, seeing = SoftTargets(temperature=2.0), BernoulliTargets(temperature=2.0)
    np.testing.assert_allclose(values(blind, student, teacher), 0, atol=1e-4)
    np.testing.assert_allclose(gradient(blind, student, teacher), 0, atol=1e-5)
    assert (values(seeing, student, teacher) > 1).all()
    # Its gradient points all logits down, towards the teacher's.
    assert (gradient(seeing, student, teacher) > 0.005).all()


# Objects and errors


@every_case
def test_saves_and_loads(case):
    loss, student, teacher = case
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(loss))
    assert again == loss and type(again) is type(loss)
    np.testing.assert_array_equal(values(again, student, teacher), values(loss, student, teacher))


def test_wrong_arguments():
    with pytest.raises(ValueError, match="SoftTargets: temperature is 0"):
        SoftTargets(temperature=0)
    with pytest.raises(ValueError, match="BernoulliTargets: weight is -1"):
        BernoulliTargets(weight=-1)
    with pytest.raises(ValueError, match="temperature is nan"):
        BernoulliTargets(temperature=float("nan"))
    with pytest.raises(ValueError, match="distance='manhattan'; expected squared or cosine"):
        FeatureDistance(distance="manhattan")
    with pytest.raises(TypeError):
        SoftTargets(temprature=4.0)


def test_shapes_that_do_not_fit():
    with pytest.raises(ValueError, match=r"SoftTargets: the student outputs \(5,\) and the teacher \(6,\)"):
        SoftTargets()(np.zeros((2, 5)), np.zeros((2, 6)))
    with pytest.raises(ValueError, match="expected logits"):
        BernoulliTargets()(np.zeros((2, 2, 5)), np.zeros((2, 2, 5)))
    with pytest.raises(ValueError, match="'a' and the teacher's 'b' output .* two maps of equal height and width"):
        FeatureDistance("a", "b")(np.zeros((2, 1, 4, 5)), np.zeros((2, 4, 4, 5)))
    with pytest.raises(ValueError, match="'output' and the teacher's 'b' have 5 and 1 channels"):
        FeatureDistance(None, "b")(np.zeros((2, 5)), np.zeros((2, 1)))
    with pytest.raises(ValueError, match="expected two maps"):
        AttentionTransfer("a", "b")(np.zeros((2, 5)), np.zeros((2, 4, 4, 5)))
