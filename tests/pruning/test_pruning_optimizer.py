"""Scores worked out by hand, the inner optimizer's steps unchanged, and dropped units that stay dropped."""

import keras
import numpy as np
import pytest

from tests.pruning.branching_model import branching_model
from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.pruning_optimizer import PruningOptimizer
from tfslim.pruning.surgery import silence


def linear():
    """y = sum over 3 hidden units, each of one weight upon the one input."""
    inputs = keras.Input((1,))
    hidden = keras.layers.Dense(3, use_bias=False, name="hidden")
    answer = keras.layers.Dense(1, use_bias=False, name="answer")
    model = keras.Model(inputs, answer(hidden(inputs)))
    hidden.kernel.assign([[1.0, 2.0, -1.0]])
    answer.kernel.assign([[1.0], [3.0], [2.0]])
    return model


def mean_of_outputs(y, outputs):
    return keras.ops.mean(outputs)


@pytest.mark.parametrize("form", ["activation", "weight"])
def test_scores_by_hand(form):
    # The loss is the mean output; a unit's gate gradient is input x weight in x weight out: x * (1, 6, -2).
    model = linear()
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.0), channel_graph(model), form)
    model.compile(optimizer, mean_of_outputs)
    for x in (1.0, 3.0):
        model.train_on_batch(np.array([[x]]), np.zeros((1, 1)))
    np.testing.assert_allclose(optimizer.scores(), np.array([1, 36, 4]) * (1 + 9) / 2, rtol=1e-6)


def test_a_batch_is_summed_before_it_is_squared():
    model = linear()
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.0), channel_graph(model))
    model.compile(optimizer, mean_of_outputs)
    model.train_on_batch(np.array([[1.0], [-3.0]]), np.zeros((2, 1)))
    np.testing.assert_allclose(optimizer.scores(), np.array([1, 36, 4]) * ((1 - 3) / 2) ** 2, rtol=1e-6)


def test_normalised_scores_are_those_of_units_which_are_alive():
    model = linear()
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.0), channel_graph(model))
    model.compile(optimizer, mean_of_outputs)
    model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    optimizer.drop([0])
    model.train_on_batch(np.ones((1, 1)), np.zeros((1, 1)))
    np.testing.assert_allclose(optimizer.scores(normalise=True), [0, 36 / 20, 4 / 20], rtol=1e-6)


def trained(optimizer, model=None, epochs=2):
    model = model or branching_model()
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(16, 8, 8, 3)).astype("float32"), rng.integers(0, 3, 16)
    model.compile(optimizer(model), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(x, y, batch_size=4, epochs=epochs, shuffle=False, verbose=0)
    return model


def test_the_inner_optimizer_steps_as_it_would_alone():
    plain = trained(lambda model: keras.optimizers.AdamW(1e-2))
    scored = trained(lambda model: PruningOptimizer(keras.optimizers.AdamW(1e-2), channel_graph(model)))
    for one, other in zip(plain.weights, scored.weights, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), rtol=1e-4, atol=1e-5)
    assert int(scored.optimizer.iterations) == 8
    assert float(scored.optimizer.learning_rate) == pytest.approx(1e-2)


@pytest.mark.parametrize("ema", [False, True])
def test_what_is_dropped_stays_dropped(ema):
    model = branching_model()
    graph = channel_graph(model)
    dropped = np.concatenate([graph.filters["stem"][:3], graph.filters["hidden"][[1, 4]]])
    optimizer = PruningOptimizer(keras.optimizers.AdamW(1e-2, weight_decay=0.1, use_ema=ema), graph)
    trained(lambda _: optimizer, model)  # momentum gathers
    optimizer.drop(dropped)
    trained(lambda _: optimizer, model)
    before = [np.asarray(each) for each in model.trainable_variables]
    assert optimizer.dropped.sum() == 5 and optimizer.dropped[dropped].all()
    silence(graph, dropped, ("filters", "scale", "inputs"))
    for old, variable in zip(before, model.trainable_variables, strict=True):
        np.testing.assert_array_equal(old, np.asarray(variable))
    assert np.abs(np.asarray(model.get_layer("stem").kernel)[..., 3:]).min() > 0


def test_scores_begin_anew_after_a_drop():
    model = trained(lambda model: PruningOptimizer(keras.optimizers.SGD(0.01), channel_graph(model)))
    model.optimizer.scores()
    model.optimizer.drop([0])
    with pytest.raises(ValueError, match="no training step was taken since"):
        model.optimizer.scores()


def test_scores_that_say_nothing_are_refused():
    model = linear()
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.0), channel_graph(model))
    with pytest.raises(ValueError, match="no scores yet: no training step was taken"):
        optimizer.scores()
    model.compile(optimizer, mean_of_outputs)
    model.train_on_batch(np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="all scores are 0"):
        optimizer.scores()
    model.train_on_batch(np.array([[np.nan]]), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="3 of 3 scores are NaN"):
        optimizer.scores()


def test_a_loss_scale_goes_around_it():
    def scaled(model):
        return keras.optimizers.LossScaleOptimizer(
            PruningOptimizer(keras.optimizers.SGD(0.01), channel_graph(model)), initial_scale=1024.0
        )

    plain = trained(lambda model: PruningOptimizer(keras.optimizers.SGD(0.01), channel_graph(model)))
    model = trained(scaled)
    np.testing.assert_allclose(model.optimizer.inner_optimizer.scores(), plain.optimizer.scores(), rtol=1e-3)
    with pytest.raises(ValueError, match="wrap the PruningOptimizer in the LossScaleOptimizer"):
        PruningOptimizer(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()), channel_graph(branching_model()))
    with pytest.raises(ValueError, match="form='taylor'"):
        PruningOptimizer(keras.optimizers.SGD(), channel_graph(branching_model()), "taylor")


def test_a_model_saved_meanwhile_opens_with_the_inner_optimizer(tmp_path):
    model = linear()
    model.compile(PruningOptimizer(keras.optimizers.SGD(0.25, momentum=0.5), channel_graph(model)), "mse")
    config = model.optimizer.get_config()
    again = PruningOptimizer.from_config(config)
    assert type(again) is keras.optimizers.SGD and again.momentum == 0.5
