"""The plain model with averaged weights is validated and saved; a resumed run ends as an unbroken one."""

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfslim.training.checkpoint import Checkpoint

RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(64, 5)).astype("float32")
TARGETS = (INPUTS @ RNG.normal(size=(5, 2)) > 0).astype("float32")
VALIDATION = tf.data.Dataset.from_tensors((INPUTS[:16], TARGETS[:16]))


def network():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((5,))
    x = keras.layers.BatchNormalization()(keras.layers.Dense(4)(inputs))
    return keras.Model(inputs, keras.layers.Dense(2)(keras.layers.Dropout(0.2, seed=3)(x)))


def compiled(model, average=0.9):
    model.compile(
        keras.optimizers.AdamW(0.05, use_ema=average > 0, ema_momentum=average or 0.9),
        keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def checkpointed(folder, average=0.9, every=1, finish=None):
    model = compiled(network(), average)
    checkpoint = Checkpoint(folder, compiled(network()), VALIDATION, "accuracy", every, finish)
    checkpoint.set_model(model)
    return model, checkpoint


def fit(model, checkpoint, epochs):
    for epoch in epochs:
        model.fit(
            INPUTS, TARGETS, 16, initial_epoch=epoch, epochs=epoch + 1, shuffle=False, verbose=0, callbacks=[checkpoint]
        )


def test_a_resumed_run_ends_as_an_unbroken_one(tmp_path):
    model, checkpoint = checkpointed(tmp_path)
    fit(model, checkpoint, range(4))
    (tmp_path / "broken").mkdir()
    first, half = checkpointed(tmp_path / "broken")
    fit(first, half, range(2))
    second, rest = checkpointed(tmp_path / "broken")
    assert rest.restore() == 2
    fit(second, rest, range(2, 4))
    for ours, theirs in zip(second.variables, model.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for ours, theirs in zip(second.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [row["val_loss"] for row in rest.history] == [row["val_loss"] for row in checkpoint.history]


@pytest.mark.parametrize(("average", "scaled"), [(0.0, False), (0.9, False), (0.9, True)])
def test_the_saved_model_has_the_average_of_the_weights(tmp_path, average, scaled):
    model, checkpoint = checkpointed(tmp_path, average)
    if scaled:
        model.optimizer = keras.optimizers.LossScaleOptimizer(model.optimizer)
        model.optimizer.build(model.trainable_variables)
    expected = None

    class Averaging(keras.callbacks.Callback):
        """The definition, step by step; the first step starts the average."""

        def on_train_batch_end(self, batch, logs=None):
            nonlocal expected
            now = [np.array(v) for v in self.model.trainable_variables]
            if expected is None:
                expected = now
            expected = [average * e + (1 - average) * n for e, n in zip(expected, now, strict=True)]

    model.fit(INPUTS, TARGETS, 16, epochs=1, shuffle=False, verbose=0, callbacks=[Averaging(), checkpoint])
    saved = keras.models.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(saved.trainable_variables, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_the_best_epoch_is_the_one_kept(tmp_path):
    model, checkpoint = checkpointed(tmp_path, average=0.0)
    accuracies = []
    for epoch in range(4):
        fit(model, checkpoint, [epoch])
        kept = compiled(keras.models.load_model(tmp_path / "model.keras"))
        kept = kept.evaluate(VALIDATION, return_dict=True, verbose=0)
        accuracies.append(checkpoint.history[-1]["val_accuracy"])
        assert kept["accuracy"] == pytest.approx(max(accuracies))


def test_history_is_a_table_with_gaps_where_nothing_was_validated(tmp_path):
    model, checkpoint = checkpointed(tmp_path, every=2, finish=3)
    fit(model, checkpoint, range(3))
    with open(tmp_path / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [bool(row["val_accuracy"]) for row in rows] == [False, True, True]


def test_a_state_that_does_not_fit_is_refused(tmp_path):
    model, checkpoint = checkpointed(tmp_path)
    with pytest.raises(FileNotFoundError, match="nothing to resume"):
        checkpoint.restore()
    fit(model, checkpoint, [0])
    state = tmp_path / "state.npz"
    other = compiled(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]))
    checkpoint.set_model(other)
    with pytest.raises(ValueError, match="another model"):
        checkpoint.restore()
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(ValueError, match="damaged"):
        checkpoint.restore()
