"""Loss, metric and schedule of TF-MOT's trainings, by values worked out by hand; its dropout, its history."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfslim.distillation
from tests.tiny_model import NAMES, SIZE
from tests.tiny_recipe import tiny_recipe
from tfslim.data import CelebA
from tfslim.losses import MarginCrossentropy
from tfslim.tfmot.packages import tf_keras
from tfslim.training import tfmot_trainer
from tfslim.training.optimizers import make_optimizer
from tfslim.training.recipe import Optimization, Stage
from tfslim.training.tasks import Task, make_task


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
    alone = tfmot_trainer.make_loss(learned, columns, None)(wanted, tf.constant(LOGITS))
    np.testing.assert_allclose(alone, by_hand, rtol=1e-5)

    teacher = np.array([[0.0, 4.0], [1.0, 1.0]], "float32")
    copied = tfslim.distillation.SoftTargets(2.0, weight=3.0)
    taught = tfmot_trainer.make_loss(learned, columns, tfmot_trainer.TeacherTargets(None, [copied], labels=0.5))
    softened = [np.exp(each / 2) / np.exp(each / 2).sum(axis=1, keepdims=True) for each in (teacher, LOGITS)]
    divergence = 4 * (softened[0] * np.log(softened[0] / softened[1])).sum(axis=1)
    found = taught(tf.concat([wanted, teacher], axis=1), tf.constant(LOGITS))
    np.testing.assert_allclose(found, 0.5 * by_hand + 3 * divergence, rtol=1e-5)
    np.testing.assert_allclose(taught(wanted, tf.constant(LOGITS)), by_hand, rtol=1e-5)  # validation has no answers


def test_accuracy_looks_at_the_labels_alone():
    attributes = tfmot_trainer.make_accuracy(ATTRIBUTES, 2)(tf.constant([[0.0, 1, 9, 9], [0.3, 0.8, 9, 9]]), LOGITS)
    np.testing.assert_array_equal(attributes, [[0, 0], [0, 1]])
    people = tfmot_trainer.make_accuracy(PEOPLE, 1)(tf.constant([[0.0, 9, 9], [0, 9, 9]]), tf.constant(LOGITS))
    np.testing.assert_array_equal(people, [1, 0])


def test_the_rate_goes_as_keras_3s_does():
    asked = Optimization(learning_rate=0.01, final_rate=0.1, warmup_epochs=1.5, weight_decay=0.03)
    ours = make_optimizer(asked, 8, 5, "float32")
    theirs = make_optimizer(asked, 8, 5, "float32", tf_keras().optimizers)
    rates = [(float(ours._learning_rate(step)), float(theirs._learning_rate(step))) for step in range(45)]
    np.testing.assert_allclose(*zip(*rates, strict=True), rtol=1e-6)
    assert rates[12][0] == pytest.approx(0.01) and rates[40][0] == pytest.approx(0.001)
    assert theirs.weight_decay == ours.weight_decay == 0.03


@pytest.fixture
def fit(faces, monkeypatch):
    """Trains a model that forgets half of what it sees; the seed is of dropout alone."""
    celeba, stream = CelebA(faces, attributes=NAMES), tfmot_trainer.stage_batches
    recipe = tiny_recipe(faces, learning_rate=0.1, warmup_epochs=0.0, final_rate=1.0)
    monkeypatch.setattr(tfmot_trainer, "stage_batches", lambda _, *rest: stream(recipe, *rest))

    def fitted(folder, seed=0, epochs=1, best=False, rate=0.1, average=0.0, callbacks=()):
        layers = tf_keras().layers
        inputs = tf_keras().Input((*SIZE, 3))
        x = layers.Flatten()(layers.AveragePooling2D(8)(layers.Rescaling(1 / 127.5, -1.0)(inputs)))
        outputs = layers.Dense(len(NAMES), kernel_initializer="ones")(layers.Dropout(0.5)(x))
        if not epochs:
            return tf_keras().Model(inputs, outputs)
        model, seeded = tf_keras().Model(inputs, outputs), dataclasses.replace(recipe, seed=seed)
        optimization = dataclasses.replace(recipe.optimization, learning_rate=rate, average=average)
        seeded = dataclasses.replace(seeded, stages=[Stage(epochs, SIZE)], optimization=optimization)
        task = make_task(recipe, celeba)
        epoch = tfmot_trainer.fit_tfmot(
            model, seeded, celeba, task, None, folder, list(callbacks), verbose=0, best=best
        )
        assert epoch == (json.loads((folder / "best.json").read_text())["epoch"] if best else epochs)
        return model

    return fitted


@pytest.fixture
def train(fit):
    return lambda *given, **asked: fit(*given, **asked).get_weights()[0]


def test_what_dropout_draws_goes_by_seed_step_and_epoch(train, tmp_path):
    first = train(tmp_path / "a" / "int8")
    tf.random.uniform(())  # what was drawn before does not matter
    np.testing.assert_array_equal(train(tmp_path / "b" / "int8"), first)
    assert not np.array_equal(train(tmp_path / "a" / "sparse"), first)
    assert not np.array_equal(train(tmp_path / "c" / "int8", seed=1), first)
    gone_on_with = [train(tmp_path / name / "int8", epochs=3) for name in "ab"]
    np.testing.assert_array_equal(*gone_on_with)
    unbroken = train(tmp_path / "d" / "int8", epochs=3)
    np.testing.assert_array_equal(unbroken, gone_on_with[0])
    history = json.loads((tmp_path / "a" / "int8" / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2, 3]


def test_the_best_is_kept_and_the_start_may_be_it(train, tmp_path):
    start = train(tmp_path / "none", epochs=0)
    good = train(tmp_path / "good", epochs=3, best=True)
    chosen = json.loads((tmp_path / "good" / "best.json").read_text())
    rows = json.loads((tmp_path / "good" / "history.json").read_text())
    found = {row["epoch"]: row["val_accuracy"] for row in rows if "val_accuracy" in row}
    assert chosen["accuracy"] >= max(found.values())
    assert chosen["epoch"] == 0 or chosen["accuracy"] == found[chosen["epoch"]]
    np.testing.assert_array_equal(train(tmp_path / "good", epochs=3, best=True), good)  # gone on with at its end

    no_better = train(tmp_path / "slow", epochs=2, best=True, rate=1e-12)
    np.testing.assert_array_equal(no_better, start)
    assert json.loads((tmp_path / "slow" / "best.json").read_text())["epoch"] == 0


def test_what_is_validated_and_kept_is_the_average_of_the_weights(fit, faces, tmp_path):
    average = [weights.astype("float64") for weights in fit(tmp_path, epochs=0).get_weights()]
    at_ends = []

    class Recording(tf_keras().callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            for kept, weights in zip(average, self.model.get_weights(), strict=True):
                kept += (weights - kept) * 0.1

        def on_epoch_end(self, epoch, logs=None):
            at_ends.append([kept.copy() for kept in average])

    model = fit(tmp_path, epochs=4, best=True, average=0.9, callbacks=[Recording()])
    chosen = json.loads((tmp_path / "best.json").read_text())
    assert chosen["epoch"] > 0
    for kept, expected in zip(model.get_weights(), at_ends[chosen["epoch"] - 1], strict=True):
        np.testing.assert_allclose(kept, expected, rtol=1e-4, atol=1e-5)
    images, attributes, _ = CelebA(faces, attributes=NAMES).arrays("validation", SIZE)
    accuracy = ((model.predict(images, verbose=0) > 0) == attributes).mean()
    assert chosen["accuracy"] == pytest.approx(accuracy, abs=1e-5)


def test_an_averaged_training_that_is_gone_on_with_ends_as_an_unbroken_one(train, tmp_path):
    asked = {"best": True, "average": 0.9}
    train(tmp_path / "a" / "int8", **asked)
    gone_on_with = train(tmp_path / "a" / "int8", epochs=3, **asked)
    np.testing.assert_array_equal(gone_on_with, train(tmp_path / "b" / "int8", epochs=3, **asked))
    raw = [np.load(tmp_path / name / "int8" / "state.npz")["v0"] for name in "ab"]
    np.testing.assert_array_equal(*raw)
    assert not np.array_equal(raw[0], gone_on_with)


def test_a_damaged_history_is_named_before_an_epoch_is_trained(train, tmp_path):
    train(tmp_path)
    (tmp_path / "history.json").write_text('[{"epoch"')
    before = (tmp_path / "state.npz").read_bytes()
    with pytest.raises(ValueError, match="history.json: damaged"):
        train(tmp_path, epochs=2)
    assert (tmp_path / "state.npz").read_bytes() == before
