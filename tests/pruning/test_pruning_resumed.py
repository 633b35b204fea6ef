"""Pruning beside other callbacks, stopped and gone on with: the state is in the optimizer's variables."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.layer_checks import randomize
from tests.pruning.branching_model import branching_model
from tfslim.graph.cloning import clone_model
from tfslim.pruning import PruningOptimizer, TaylorPruning, channel_graph, shrink
from tfslim.training.checkpoint import Checkpoint

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 8, 8, 3)).astype("float32"), RNG.integers(0, 3, 32)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
VALIDATION = tf.data.Dataset.from_tensors((X, Y))


def small():
    """20 filters that may go; few variables, as it is their number that makes compiling slow."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(12, 1, use_bias=False, name="conv")(inputs)
    x = keras.layers.ReLU()(keras.layers.BatchNormalization(name="norm")(x))
    x = keras.layers.Conv2D(8, 3, activation="relu", name="next")(x)
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)), name="small")
    randomize(model)
    return model


def compiled(optimizer, model=None, **settings):
    model = model or small()
    model.compile(optimizer, LOSS, metrics=["accuracy"], **settings)
    model.optimizer.build(model.trainable_variables)
    return model


def fit(model, callbacks, begin=0, end=3, **settings):
    return model.fit(
        X, Y, batch_size=8, initial_epoch=begin, epochs=end, shuffle=False, verbose=0, callbacks=callbacks, **settings
    ).history


def fit_in_part(model, callbacks, begin, end):
    """A fit that ends before the target is reached, and says so."""
    with pytest.warns(UserWarning, match="training ended after . of . drops"):
        return fit(model, callbacks, begin, end)


def run(folder, optimizer, pruning_first=True):
    """A model in training, what prunes it, and what keeps its state."""
    folder.mkdir(exist_ok=True)
    model = compiled(optimizer())
    checkpoint = Checkpoint(folder, compiled(optimizer()), VALIDATION, "accuracy", finish=4)
    checkpoint.set_model(model)
    pruning = TaylorPruning(ratio=0.5, every=3, drops=5)
    pruning.install(model)
    return model, checkpoint, [pruning, checkpoint] if pruning_first else [checkpoint, pruning]


@pytest.mark.parametrize(
    ("scaled", "average", "pruning_first"), [(False, False, True), (True, False, False), (False, True, True)]
)
def test_a_resumed_run_ends_as_an_unbroken_one(tmp_path, scaled, average, pruning_first):
    def optimizer():
        inner = keras.optimizers.AdamW(1e-2, use_ema=average, ema_momentum=0.9)
        return keras.optimizers.LossScaleOptimizer(inner, initial_scale=64.0) if scaled else inner

    whole, _, callbacks = run(tmp_path / "whole", optimizer, pruning_first)
    # A fit ends with the average in place of the weights, so an average is unbroken only over several fits.
    if average:
        fit_in_part(whole, callbacks, 0, 2)
    fit(whole, callbacks, 2 if average else 0, 4)
    first, _, callbacks = run(tmp_path / "broken", optimizer, pruning_first)
    fit_in_part(first, callbacks, 0, 2)  # 8 steps: in the middle between two drops
    second, checkpoint, callbacks = run(tmp_path / "broken", optimizer, pruning_first)
    assert checkpoint.restore() == 2
    fit(second, callbacks, 2, 4)
    for ours, theirs in zip(second.variables, whole.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    for ours, theirs in zip(second.optimizer.variables, whole.optimizer.variables, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
    assert callbacks[not pruning_first].finished and shrink(second)[1].figures["filters after"] <= 20 / 2


def test_no_average_brings_a_dropped_filter_back(tmp_path):
    model, checkpoint, callbacks = run(tmp_path, lambda: keras.optimizers.AdamW(1e-2, use_ema=True, ema_momentum=0.99))
    history = fit(model, callbacks, 0, 4)
    assert type(model.optimizer) is keras.optimizers.AdamW
    checkpoint.finish_with(X[None])  # averages anew, the pruning optimizer gone
    smaller, report = shrink(checkpoint.plain)
    assert report.figures["filters after"] == history["filters"][-1] <= 20 / 2
    np.testing.assert_allclose(np.asarray(smaller(X)), np.asarray(checkpoint.plain(X)), rtol=1e-5, atol=1e-6)


def test_what_was_dropped_stays_so_in_a_fit_without_the_callback():
    model = compiled(keras.optimizers.AdamW(1e-2))
    history = fit(model, [TaylorPruning(ratio=0.4, every=2, drops=4)])
    fit(model, [])
    assert shrink(model)[1].figures["filters after"] == history["filters"][-1] <= 20 * 0.6


def test_learning_rates_follow_their_callbacks_and_schedules():
    model = compiled(keras.optimizers.SGD(0.1))
    callbacks = [
        TaylorPruning(ratio=0.3, every=4, drops=3),
        keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate / 2),
        keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=10),
    ]
    history = fit(model, callbacks)
    np.testing.assert_allclose(history["learning_rate"], [0.05, 0.025, 0.0125], rtol=1e-6)
    assert float(model.optimizer.learning_rate) == pytest.approx(0.0125)

    rates = keras.optimizers.schedules.PiecewiseConstantDecay([5], [0.1, 0.0])
    model = compiled(keras.optimizers.SGD(rates))
    fit(model, [TaylorPruning(ratio=0.3, every=2, drops=2)], 0, 2)
    before = model.get_weights()[0]
    fit_in_part(model, [TaylorPruning(ratio=0.3, every=100, drops=1)], 0, 1)
    np.testing.assert_array_equal(model.get_weights()[0], before)


def test_a_model_saved_meanwhile_opens(tmp_path):
    model = compiled(keras.optimizers.Adam(1e-2))
    path = tmp_path / "meanwhile.keras"
    pruning = TaylorPruning(ratio=0.3, every=2, drops=2)
    with pytest.warns(UserWarning, match="Skipping variable loading for optimizer"):
        fit(model, [pruning, keras.callbacks.ModelCheckpoint(path)], 0, 1)
        again = keras.models.load_model(path)
    assert type(again.optimizer) is keras.optimizers.Adam
    np.testing.assert_array_equal(np.asarray(again(X)), np.asarray(model(X)))


def test_the_same_callback_goes_on_after_the_model_was_compiled_anew():
    model = compiled(keras.optimizers.Adam(1e-2))
    pruning = TaylorPruning(ratio=0.5, every=4, drops=4)
    first = fit_in_part(model, [pruning], 0, 2)
    dropped = pruning.dropped
    compiled(keras.optimizers.SGD(1e-2), model)
    second = fit(model, [pruning], 0, 2)
    assert (pruning.dropped | ~dropped).all()
    assert second["filters"][-1] <= 20 / 2 < first["filters"][-1] < 20
    with pytest.raises(ValueError, match="this TaylorPruning belongs to another model; create one for small"):
        fit(compiled("sgd"), [pruning])


def test_mixed_float16_scales_its_loss_around_the_scores():
    model = clone_model(small(), dtype="mixed_float16")
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Model(model.input, model.output)
    finally:
        keras.config.set_dtype_policy("float32")
    compiled(keras.optimizers.Adam(1e-3), model)
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    history = fit(model, [TaylorPruning(ratio=0.3, every=2, drops=2)])
    assert history["filters"][-1] <= 20 * 0.7
    assert type(model.optimizer.inner_optimizer) is keras.optimizers.Adam


def test_a_fixed_loss_scale_is_taken_out_of_the_scores():
    def scores(factor):
        model = small()
        optimizer = PruningOptimizer(keras.optimizers.SGD(0.01, loss_scale_factor=factor), channel_graph(model))
        fit(compiled(optimizer, model), [], 0, 1)
        return optimizer.scores()

    np.testing.assert_allclose(scores(256.0), scores(None), rtol=1e-3)


def test_validation_sees_the_drop_at_an_epochs_end():
    model = compiled(keras.optimizers.SGD(0.0))
    seen = []
    pruning = TaylorPruning(ratio=0.5, every=4, drops=1)
    watch = keras.callbacks.LambdaCallback(on_test_end=lambda logs: seen.append(int(pruning.dropped.sum())))
    history = fit(model, [pruning, watch], 0, 1, validation_data=(X, Y))
    assert seen[0] > 0 and history["filters"][0] <= 20 / 2
    count = seen[0]
    model.evaluate(X, Y, callbacks=[pruning], verbose=0)
    assert pruning.dropped.sum() == count


def test_a_wrong_graph_is_refused_when_training_begins():
    with pytest.raises(ValueError, match="stem/kernel is not among the 7 variables to be trained"):
        compiled(PruningOptimizer(keras.optimizers.SGD(0.1), channel_graph(branching_model())))
    inputs = keras.Input((4,))
    bare = keras.Model(inputs, keras.layers.Dense(2, name="answer")(inputs), name="bare")
    with pytest.raises(ValueError, match="no filter of bare can be removed"):
        PruningOptimizer(keras.optimizers.SGD(0.1), channel_graph(bare))
