"""Pruning while `fit` runs: targets are met, what was dropped can be cut out, and `fit` is otherwise as before."""

import csv

import keras
import numpy as np
import pytest

import tfslim
from tests.pruning.branching_model import branching_model
from tfslim.distillation import Distiller, FeatureDistance, SoftTargets
from tfslim.pruning import TaylorPruning, shrink, taylor_scores
from tfslim.pruning.dependency.channel_graph import channel_graph

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(32, 8, 8, 3)).astype("float32"), RNG.integers(0, 3, 32)
LOSS = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def compiled(optimizer=None, model=None):
    model = model or branching_model()
    model.compile(optimizer or keras.optimizers.AdamW(1e-2), LOSS, metrics=["accuracy"])
    return model


def fit(model, *callbacks, epochs=3):
    return model.fit(X, Y, 8, epochs, verbose=0, shuffle=False, callbacks=list(callbacks)).history  # the same each time


def left_after(model) -> dict[str, int]:
    smaller, report = shrink(model)
    np.testing.assert_allclose(np.asarray(smaller(X)), np.asarray(model(X)), rtol=1e-5, atol=1e-6)
    return {"filters": report.figures["filters after"], "params": report.after.params, "macs": report.after.macs}


@pytest.mark.parametrize(
    ("asked", "most"),
    [
        ({"ratio": 0.4}, lambda cost: ("filters", 39 * 0.6)),
        ({"params": 500}, lambda cost: ("params", 500)),
        ({"macs": 0.5}, lambda cost: ("macs", cost.macs / 2)),
        ({"bytes": 0.6}, lambda cost: ("params", cost.params * 0.6)),
    ],
    ids=["ratio", "params", "macs", "bytes"],
)
def test_the_target_is_met_and_dead_filters_can_be_cut_out(asked, most):
    model = compiled()
    name, limit = most(tfslim.measure(model))
    fit(model, TaylorPruning(**asked, every=2, drops=5))
    assert 0.85 * limit <= left_after(model)[name] <= limit


@pytest.mark.parametrize(
    ("schedule", "filters"), [("constant", [31, 23, 15]), ("polynomial", [22, 15, 15]), ("one-shot", [15, 15, 15])]
)
def test_the_schedule_says_how_much_is_left_after_each_epoch(schedule, filters):
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(39, 1, name="conv")(inputs)  # units of one filter each, so that counts are exact
    x = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x))
    model = compiled(model=keras.Model(inputs, x))
    # 39 - 24 = 15 are to be left: thirds of 24 go, or 24 * (1 - (2/3)^3) = 16.9, then 24 * (1 - (1/3)^3) = 23.1.
    history = fit(model, TaylorPruning(ratio=24 / 39, every=4, drops=3, schedule=schedule))
    assert history["filters"] == filters
    assert history["params"] == [4 * n + 3 * n + 3 for n in filters]


@pytest.mark.parametrize("importance", ["l1", "l2", "random"])
def test_other_importances_at_the_same_rate(importance):
    history = fit(compiled(), TaylorPruning(ratio=0.4, every=4, drops=3, importance=importance))
    assert history["filters"][-1] <= 39 * 0.6


@pytest.mark.parametrize(("normalise", "dropped"), [(False, [0, 1]), (True, [0, 4]), (None, [0, 4])])
def test_other_importances_are_normalised_on_request_and_by_default(normalise, dropped):
    inputs = keras.Input((4,))
    small = keras.layers.Dense(4, use_bias=False, name="small")
    large = keras.layers.Dense(4, use_bias=False, name="large")
    model = keras.Model(inputs, keras.layers.Dense(3)(large(small(inputs))))
    small.kernel.assign(np.diag([0.1, 0.2, 0.3, 0.4]))
    large.kernel.assign(np.diag([1.0, 2.0, 3.0, 4.0]))
    model.compile(keras.optimizers.SGD(0.0), LOSS)
    pruning = TaylorPruning(ratio=2 / 8, every=1, drops=1, importance="l2", normalise=normalise)
    model.fit(np.ones((2, 4)), np.zeros(2), verbose=0, callbacks=[pruning])
    np.testing.assert_array_equal(np.flatnonzero(pruning.dropped), dropped)


def test_other_importances_need_no_gradients_of_the_filters():
    model = branching_model()
    for name in ("stem", "stem_bn", "twice", "depthwise", "left", "right"):
        model.get_layer(name).trainable = False
    compiled(model=model)
    assert fit(model, TaylorPruning(ratio=0.4, every=4, drops=3, importance="l2"))["filters"][-1] <= 39 * 0.6
    left_after(model)


def test_a_callback_after_it_writes_what_is_left(tmp_path):
    pruning = TaylorPruning(ratio=0.3, every=4, drops=3)
    fit(compiled(), pruning, keras.callbacks.CSVLogger(tmp_path / "log.csv"))
    with open(tmp_path / "log.csv") as file:
        rows = list(csv.DictReader(file))
    assert int(rows[-1]["filters"]) == pruning._budget.filters(pruning.dropped) <= 39 * 0.7


def test_no_more_is_dropped_below_the_floor():
    pruning = TaylorPruning(ratio=0.6, every=1, drops=12, monitor="accuracy", floor=1.01)
    history = fit(compiled(), pruning)
    assert pruning.finished and history["filters"][0] == history["filters"][-1] > 39 * 0.4
    with pytest.raises(ValueError, match=r"monitor='acuracy' is not in the logs, which have accuracy"):
        fit(compiled(), TaylorPruning(ratio=0.6, every=1, drops=12, monitor="acuracy", floor=0.5))


def test_a_validation_may_be_rarer_than_epochs_but_not_missing():
    def pruning():
        return TaylorPruning(ratio=0.6, every=1, drops=12, monitor="val_accuracy", floor=1.01)

    rare = {"validation_data": (X, Y), "validation_freq": 2, "epochs": 2, "verbose": 0}
    stopped = pruning()
    history = compiled().fit(X, Y, 8, callbacks=[stopped], **rare).history
    assert stopped.finished and history["filters"][-1] > 39 * 0.4
    with pytest.warns(UserWarning, match="monitor='val_accuracy' was never checked"):
        fit(compiled(), pruning())


def test_a_target_that_was_not_reached_is_said():
    with pytest.warns(UserWarning, match="after 1 of 5 drops, one every 10 steps: 3[0-9] are left, and ratio allows"):
        fit(compiled(), TaylorPruning(ratio=0.5, every=10, drops=5))


def test_a_second_fit_goes_on_and_the_optimizer_is_given_back():
    model = compiled(keras.optimizers.Adam(1e-2))
    pruning = TaylorPruning(ratio=0.4, every=4, drops=4)
    with pytest.warns(UserWarning, match="after 2 of 4 drops"):
        first = fit(model, pruning, epochs=2)
    assert type(model.optimizer) is keras.optimizers.Adam and int(model.optimizer.iterations) == 8
    second = fit(model, pruning, epochs=2)
    assert second["filters"][-1] < first["filters"][-1] and second["filters"][-1] <= 39 * 0.6
    assert int(model.optimizer.iterations) == 16


def test_several_steps_at_once_and_a_loss_scale():
    model = branching_model()
    model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.Adam(1e-2)), LOSS, steps_per_execution=2)
    history = fit(model, TaylorPruning(ratio=0.4, every=2, drops=3))
    assert history["filters"][-1] <= 39 * 0.6
    assert type(model.optimizer.inner_optimizer) is keras.optimizers.Adam


def test_a_student_is_pruned_while_it_is_taught():
    student, teacher = branching_model(), branching_model()
    distiller = Distiller(student, teacher, [SoftTargets(), FeatureDistance("hidden", "hidden")])
    compiled(model=distiller)
    history = fit(distiller, TaylorPruning(ratio=0.3, every=4, drops=3, keep=["hidden"]))
    assert history["filters"][-1] <= 39 * 0.7 and "soft_targets" in history
    smaller, _ = shrink(student)
    assert smaller.get_layer("hidden").units == 5
    assert all(np.asarray(each).any() for each in teacher.trainable_variables)


def test_a_model_that_was_never_pruned_comes_back_whole():
    model = branching_model()
    smaller, report = shrink(model)
    assert smaller.count_params() == model.count_params()
    assert report.done == ["no filter is dead: nothing was removed"]


def test_scores_without_training_leave_the_model_alone():
    model = branching_model()
    before = [np.asarray(each) for each in model.variables]
    scores = taylor_scores(model, [(X[:16], Y[:16]), (X[16:], Y[16:])], LOSS)
    values = scores.values
    assert values.shape == (channel_graph(model).unit_count,) and (values >= 0).all() and values.any()
    for old, variable in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, np.asarray(variable))
    smaller, _ = tfslim.prune_filters(model, 0.3, importance=scores, round_to=1)
    assert smaller.count_params() < model.count_params()


def test_scores_of_another_network_or_of_the_past_are_refused():
    model = branching_model()
    scores = taylor_scores(model, [(X, Y)], LOSS, keep=["stem"])
    with pytest.raises(ValueError, match="or were taken with another `keep` or `prune_outputs`"):
        tfslim.prune_filters(model, 0.3, importance=scores, keep=["left"])
    tfslim.prune_filters(model, 0.1, importance=scores, keep=["stem"], round_to=1)
    fit(compiled(model=model), epochs=1)
    with pytest.raises(ValueError, match="the scores are stale: .*'s weights have changed since"):
        tfslim.prune_filters(model, 0.1, importance=scores, keep=["stem"])


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"ratio": 0.4, "every": 0, "drops": 1}, "every=0 and drops=1 must be 1 or more"),
        ({"ratio": 0.4, "every": 1, "drops": 1, "monitor": "accuracy"}, "set monitor and floor together"),
        ({"ratio": 0.4, "every": 1, "drops": 1, "importance": "l3"}, "importance='l3'; expected taylor, l1"),
        ({"ratio": 0.4, "every": 1, "drops": 1, "schedule": "cubic"}, "schedule='cubic'"),
    ],
)
def test_arguments_are_checked_at_once(asked, message):
    with pytest.raises(ValueError, match=message):
        TaylorPruning(**asked)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "set exactly one of ratio, params, macs and bytes; found none"),
        ({"params": 10}, "at most 10 may be left"),
        ({"ratio": 0.4, "keep": ["stam"]}, "'stam' is not a layer of the model; did you mean stem"),
        ({"ratio": 0.4, "importance": "bn_scale"}, "no batch normalization with a gamma follows 4 channels of left"),
    ],
)
def test_a_target_that_cant_be_met_is_said_before_the_first_step(asked, message):
    model = compiled()
    with pytest.raises(ValueError, match=message):
        fit(model, TaylorPruning(**asked, every=1, drops=1))
    assert type(model.optimizer) is keras.optimizers.AdamW and int(model.optimizer.iterations) == 0


def test_nested_models_are_to_be_opened_first():
    inputs = keras.Input((8, 8, 3))
    model = compiled(model=keras.Model(inputs, branching_model()(inputs)))
    with pytest.raises(
        ValueError, match="contains nested models or tfslim's composite layers; open it with tfslim.flatten first"
    ):
        fit(model, TaylorPruning(ratio=0.3, every=1, drops=1))
