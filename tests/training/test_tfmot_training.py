"""Loss, metric and schedule of TF-MOT's trainings, by values worked out by hand."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tfmot_training
from optimization import make_optimizer
from recipe import Optimization
from task import Task

import tfslim.distillation
from tfslim.losses import MarginCrossentropy
from tfslim.tfmot.legacy import tf_keras


def task(targets, loss):
    return Task(targets, 2, "", None, lambda: loss, None, None)


ATTRIBUTES = task("attributes", keras.losses.BinaryCrossentropy(from_logits=True))
PEOPLE = task("identities", MarginCrossentropy())
LOGITS = np.array([[1.0, -2.0], [0.5, 3.0]], "float32")
LN = np.log1p(np.exp([[1.0, 2.0], [-0.5, 3.0]]))  # -ln of the probability of what the labels below deny or affirm


@pytest.mark.parametrize(
    ("learned", "labels", "columns", "by_hand"),
    [
        # Labels 0 and 1, then 1 and 0: ln(1 + e^x) for a label of 0, ln(1 + e^-x) for one of 1.
        (ATTRIBUTES, [[0, 1], [1, 0]], 2, LN.mean(axis=1)),
        (PEOPLE, [[1], [1]], 1, np.log1p(np.exp([3.0, -2.5]))),
    ],
    ids=["attributes", "people"],
)
def test_labels_and_a_teachers_answers_share_a_tensor(learned, labels, columns, by_hand):
    wanted = tf.constant(labels, tf.float32)
    alone = tfmot_training.make_loss(learned, columns, None)(wanted, tf.constant(LOGITS))
    np.testing.assert_allclose(alone, by_hand, rtol=1e-5)

    teacher = np.array([[0.0, 4.0], [1.0, 1.0]], "float32")
    copied = tfslim.distillation.SoftTargets(2.0, weight=3.0)
    taught = tfmot_training.make_loss(learned, columns, tfmot_training.Answers(None, [copied], labels=0.5))
    softened = [np.exp(each / 2) / np.exp(each / 2).sum(axis=1, keepdims=True) for each in (teacher, LOGITS)]
    divergence = 4 * (softened[0] * np.log(softened[0] / softened[1])).sum(axis=1)
    found = taught(tf.concat([wanted, teacher], axis=1), tf.constant(LOGITS))
    np.testing.assert_allclose(found, 0.5 * by_hand + 3 * divergence, rtol=1e-5)
    np.testing.assert_allclose(taught(wanted, tf.constant(LOGITS)), by_hand, rtol=1e-5)  # validation has no answers


def test_accuracy_looks_at_the_labels_alone():
    attributes = tfmot_training.make_accuracy(ATTRIBUTES, 2)(tf.constant([[0.0, 1, 9, 9], [0.3, 0.8, 9, 9]]), LOGITS)
    np.testing.assert_array_equal(attributes, [[0, 0], [0, 1]])
    people = tfmot_training.make_accuracy(PEOPLE, 1)(tf.constant([[0.0, 9, 9], [0, 9, 9]]), tf.constant(LOGITS))
    np.testing.assert_array_equal(people, [1, 0])


def test_the_rate_goes_as_keras_3s_does():
    asked = Optimization(learning_rate=0.01, final_rate=0.1, warmup_epochs=1.5, weight_decay=0.03)
    ours = make_optimizer(asked, 8, 5, "float32")
    theirs = make_optimizer(asked, 8, 5, "float32", tf_keras().optimizers)
    rates = [(float(ours._learning_rate(step)), float(theirs._learning_rate(step))) for step in range(45)]
    np.testing.assert_allclose(*zip(*rates, strict=True), rtol=1e-6)
    assert rates[12][0] == pytest.approx(0.01) and rates[40][0] == pytest.approx(0.001)
    assert theirs.weight_decay == ours.weight_decay == 0.03
