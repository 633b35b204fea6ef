"""A Distiller trains the student as plain Keras would, with the distillation losses added, and changes nothing else."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.distillation.networks import (
    ALL_LOSSES,
    CLASSES,
    IMAGES,
    LOSS,
    assert_same_weights,
    distiller,
    fit,
    kept_outputs,
    student,
    teacher,
)
from tfslim.distillation import AttentionTransfer, BernoulliTargets, Distiller, FeatureDistance, SoftTargets
from tfslim.distillation.frozen_teacher import FrozenTeacher

# What is minimised


@pytest.mark.parametrize("label_weight", [1.0, 0.3])
def test_the_loss_is_the_sum_worked_out_by_hand(label_weight):
    pupil, master = student(regularizer=keras.regularizers.L2(0.1)), teacher()
    model = distiller(pupil, master, ALL_LOSSES, keras.optimizers.SGD(0.0), label_weight=label_weight)
    view = keras.Model(pupil.input, [pupil.get_layer(name).output for name in ("maps", "embedding", "logits")])
    maps, embedding, logits = view(IMAGES[:8], training=True)
    view = keras.Model(master.input, [master.get_layer(name).output for name in ("maps", "embedding", "logits")])
    taught_maps, taught_embedding, taught_logits = view(IMAGES[:8], training=False)
    parts = {
        "label_loss": LOSS(CLASSES[:8], logits),
        "soft_targets": np.mean(ALL_LOSSES[0](logits, taught_logits)),
        "embedding_distance": np.mean(ALL_LOSSES[1](model.adapters["embedding_distance"](embedding), taught_embedding)),
        "maps_distance": np.mean(ALL_LOSSES[2](model.adapters["maps_distance"](maps), taught_maps)),
        "maps_attention": np.mean(ALL_LOSSES[3](maps, taught_maps)),
    }
    weights = dict(zip(parts, (label_weight, 0.5, 2.0, 1.0, 3.0), strict=True))
    history = fit(model, IMAGES[:8], CLASSES[:8])
    assert {"loss", "accuracy", *parts} == set(history)
    for name, value in parts.items():
        assert history[name][0] == pytest.approx(float(value), rel=1e-4), name
    total = sum(weights[name] * float(value) for name, value in parts.items())
    regularisation = 0.1 * float((pupil.get_layer("conv").get_weights()[0] ** 2).sum())
    assert history["loss"][0] == pytest.approx(total + regularisation, rel=1e-4)


def test_with_distillation_at_no_weight_the_student_trains_as_plain_keras_trains_it():
    kept = {"dropout": 0.3, "regularizer": keras.regularizers.L2(0.01)}
    pupil, alone = student(**kept), student(**kept)
    fit(distiller(pupil, teacher(), [SoftTargets(weight=0.0)]), epochs=2)
    alone.compile(keras.optimizers.SGD(0.005), LOSS)
    fit(alone, epochs=2)
    # Dropout draws from seeds of its own, and so the two see the same noise; batch statistics are among the weights.
    assert_same_weights(pupil, alone, rtol=1e-5, atol=1e-6)


def test_one_step_goes_down_the_gradient_of_the_sum():
    pupil, again, master = student(), student(), teacher()
    model = distiller(pupil, master, [SoftTargets(2.0, weight=0.5)], keras.optimizers.SGD(0.1), label_weight=0.3)
    fit(model, IMAGES[:8], CLASSES[:8])
    with tf.GradientTape() as tape:
        logits = again(IMAGES[:8], training=True)
        targets = SoftTargets(2.0)(logits, master(IMAGES[:8], training=False))
        total = 0.3 * LOSS(CLASSES[:8], logits) + 0.5 * tf.reduce_mean(targets)
    gradients = tape.gradient(total, [weight.value for weight in again.trainable_weights])
    for weight, slope in zip(again.trainable_weights, gradients, strict=True):
        weight.assign_sub(0.1 * slope)
    assert_same_weights(pupil, again, rtol=1e-4, atol=1e-6)


def test_sample_weights_count_as_duplicates():
    """Weights 0, 1 and 2 over N images sum up as the images not there, once, and twice, divided by N all the same."""
    weights = np.array([0.0, 1, 2, 1, 0, 2, 1, 1], "float32")
    repeated = np.repeat(np.arange(8), weights.astype(int))
    losses = [SoftTargets(2.0), FeatureDistance("embedding", "embedding"), AttentionTransfer("maps", "maps")]
    frozen = keras.layers.BatchNormalization  # batch statistics depend on which images are there
    histories = []
    for rows, arguments in ((np.arange(8), {"sample_weight": weights}), (repeated, {})):
        pupil = student()
        for layer in pupil.layers:
            layer.trainable = not isinstance(layer, frozen)
        model = distiller(pupil, teacher(), losses, weighted_metrics=["accuracy"])
        histories.append(fit(model, IMAGES[rows], CLASSES[rows], **arguments))
        histories[-1]["weights"] = pupil.get_weights()
    weighted, duplicated = histories
    assert len(repeated) == 8  # so that both means divide by 8
    for name in ("loss", "label_loss", "soft_targets", "embedding_distance", "maps_attention", "weighted_accuracy"):
        assert weighted[name][0] == pytest.approx(duplicated[name][0], rel=1e-5), name
    for ours, theirs in zip(weighted["weights"], duplicated["weights"], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)


def test_a_student_of_attributes():
    labels = np.random.default_rng(2).integers(0, 2, (24, 4)).astype("float32")
    model = Distiller(student(), teacher(), [BernoulliTargets(2.0)])
    model.compile(keras.optimizers.Adam(0.05), keras.losses.BinaryCrossentropy(from_logits=True))
    history = fit(model, IMAGES, labels, epochs=12)
    assert history["bernoulli_targets"][-1] < 0.8 * history["bernoulli_targets"][0]


def test_learning_from_the_teacher_alone_without_labels():
    pupil, master = student(), teacher()
    model = Distiller(pupil, master, [SoftTargets(1.0)], label_weight=0)
    model.compile(keras.optimizers.Adam(0.02))
    history = fit(model, IMAGES, None, epochs=20)
    assert set(history) == {"loss", "soft_targets"}
    assert history["soft_targets"][-1] < 0.3 * history["soft_targets"][0]
    model.compile(keras.optimizers.SGD(0.0), metrics=["accuracy"])
    history = fit(model, validation_data=(IMAGES, CLASSES))  # labels may be there to look at
    assert {"loss", "accuracy", "soft_targets", "val_accuracy"} <= set(history)
    assert "label_loss" not in history


# What it leaves alone


def test_the_teacher_is_not_changed_and_may_be_trained_on():
    master = teacher(dropout=0.5)
    before, flags = master.get_weights(), [layer.trainable for layer in master.layers]
    model = distiller(student(), master, ALL_LOSSES)
    fit(model, epochs=2)
    for ours, theirs in zip(master.get_weights(), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert [layer.trainable for layer in master.layers] == flags and master.trainable
    assert len(master.trainable_variables) == 8
    master.compile("sgd", LOSS)
    fit(master)
    assert any((ours != theirs).any() for ours, theirs in zip(master.get_weights(), before, strict=True))


def test_the_teacher_runs_in_inference_mode_as_it_was_when_the_distiller_was_made():
    master = teacher(dropout=0.9)
    expected = master.predict(IMAGES[:8], verbose=0)
    frozen = FrozenTeacher(master, ["output", "embedding"])
    master.set_weights([0 * weight for weight in master.get_weights()])
    for _ in range(2):
        np.testing.assert_allclose(frozen(IMAGES[:8])["output"], expected, rtol=1e-5)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(frozen(IMAGES[:8])["embedding"])
    assert tape.gradient(total, [variable.value for variable in frozen.variables]) == [None] * len(frozen.variables)


def test_a_teacher_may_hold_functions_that_nobody_registered():
    inputs = keras.Input((4, 4, 3))
    x = keras.layers.Conv2D(2, 1, activation=lambda x: 3 * x)(inputs)
    doubled = keras.Model(inputs, keras.layers.Lambda(lambda x: 2 * x)(x))
    images = np.random.default_rng(0).normal(size=(2, 4, 4, 3)).astype(np.float32)
    taught = FrozenTeacher(doubled, ["output"])(images)["output"]
    np.testing.assert_allclose(keras.ops.convert_to_numpy(taught), doubled.predict(images, verbose=0), rtol=1e-6)


def test_variables_are_the_students_then_the_adapters():
    pupil = student(dropout=0.5)
    model = distiller(pupil, teacher(), ALL_LOSSES)
    expected = [*pupil.weights, *(weight for layer in model.adapters.values() for weight in layer.weights)]
    assert [id(weight) for weight in model.weights] == [id(weight) for weight in expected]
    assert set(map(id, pupil.variables)) <= set(map(id, model.variables))  # with dropout's seed
    assert len(model.variables) == len(pupil.variables) + 4
    assert [layer.kernel.shape for layer in model.adapters.values()] == [(8, 12), (1, 1, 4, 6)]
    assert len(model.trainable_variables) == len(pupil.trainable_variables) + 4
    # What a stateless backend is handed besides: the student's statistics and seeds, and the frozen teacher.
    handed = [tuple(variable.shape) for variable in model.non_trainable_variables]
    frozen = [tuple(variable.shape) for variable in FrozenTeacher(teacher(), ["output", "maps"]).variables]
    assert handed == [tuple(variable.shape) for variable in pupil.non_trainable_variables] + frozen
    assert not set(map(id, model.non_trainable_variables)) & set(map(id, model.trainable_variables))


def test_the_adapters_learn_and_an_optimizer_can_be_built_before_the_first_step():
    model = distiller(student(), teacher(), ALL_LOSSES, keras.optimizers.Adam(0.01))
    model.optimizer.build(model.trainable_variables)
    before = model.adapters["maps_distance"].get_weights()
    history = fit(model, epochs=5)
    after = model.adapters["maps_distance"].get_weights()
    assert all((ours != theirs).any() for ours, theirs in zip(before, after, strict=True))
    assert history["maps_distance"][-1] < history["maps_distance"][0]


def test_state_of_variables_and_optimizer_is_all_that_a_resumed_run_needs():
    def made():
        model = distiller(student(dropout=0.3), teacher(), ALL_LOSSES, keras.optimizers.Adam(0.01))
        model.optimizer.build(model.trainable_variables)
        return model

    unbroken, first, second = made(), made(), made()
    fit(unbroken, epochs=2)
    fit(first)
    state = [np.asarray(variable) for variable in [*first.variables, *first.optimizer.variables]]
    for variable, value in zip([*second.variables, *second.optimizer.variables], state, strict=True):
        variable.assign(value)
    fit(second)
    for ours, theirs in zip(second.variables, unbroken.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Evaluation, prediction, saving


def test_evaluate_and_predict_are_the_students():
    pupil = student(dropout=0.5, regularizer=keras.regularizers.L2(0.1))
    model = distiller(pupil, teacher(), ALL_LOSSES, label_weight=0.3)
    history = fit(model, validation_data=(IMAGES, CLASSES))
    assert not {"val_label_loss", "val_soft_targets"} & set(history)
    found = model.evaluate(IMAGES, CLASSES, batch_size=8, verbose=0, return_dict=True)
    pupil.compile(loss=LOSS, metrics=["accuracy"])
    expected = pupil.evaluate(IMAGES, CLASSES, batch_size=8, verbose=0, return_dict=True)
    assert found == pytest.approx(expected, rel=1e-6)
    assert history["val_loss"][0] == pytest.approx(expected["loss"], rel=1e-6)
    values = [tool.evaluate(IMAGES, CLASSES, batch_size=8, verbose=0) for tool in (model, pupil)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    np.testing.assert_array_equal(model.predict(IMAGES, verbose=0), pupil.predict(IMAGES, verbose=0))
    np.testing.assert_array_equal(model(IMAGES), pupil(IMAGES))


def test_saving_writes_the_student_alone(tmp_path):
    model = distiller(student(), teacher(), ALL_LOSSES)
    fit(model, callbacks=[keras.callbacks.ModelCheckpoint(tmp_path / "student.keras")])
    saved = keras.models.load_model(tmp_path / "student.keras")
    assert saved.name == "student" and not saved.compiled
    np.testing.assert_array_equal(saved.predict(IMAGES, verbose=0), model.predict(IMAGES, verbose=0))


def test_weights_files_hold_all_that_a_distiller_goes_on_from(tmp_path):
    pupils = student(seed=0), student(seed=1)
    model, again = (distiller(pupil, teacher(), ALL_LOSSES, keras.optimizers.Adam(0.01)) for pupil in pupils)
    again.optimizer.build(again.trainable_variables)
    fit(model)
    model.save_weights(tmp_path / "all.weights.h5")
    again.load_weights(tmp_path / "all.weights.h5")
    assert_same_weights(again, model, rtol=0)
    for ours, theirs in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_array_equal(ours, theirs)


# Kept outputs among the targets


def test_a_teacher_in_the_targets_teaches_as_one_that_is_there():
    losses = ALL_LOSSES[:2]
    shapes = {"output": (4,), "embedding": (12,)}
    weights = np.linspace(0, 2, 24).astype("float32")
    for dtype, tolerance in (("float32", 1e-5), ("float16", 2e-3)):
        taught, pupil = student(), student()
        history = fit(distiller(taught, teacher(), losses, weighted_metrics=["accuracy"]), sample_weight=weights)
        keras.utils.set_random_seed(7)
        model = Distiller(pupil, None, losses, teacher_shapes=shapes)
        model.compile(keras.optimizers.SGD(0.005), LOSS, metrics=["accuracy"], weighted_metrics=["accuracy"])
        targets = {"labels": CLASSES, "teacher": kept_outputs(teacher(), dtype)}
        found = fit(model, IMAGES, targets, sample_weight=weights, validation_data=(IMAGES, CLASSES))
        for name, values in history.items():
            assert found[name] == pytest.approx(values, rel=tolerance), name
        assert_same_weights(pupil, taught, rtol=tolerance, atol=tolerance)
        assert "val_accuracy" in found


def test_a_teacher_in_the_targets_without_labels():
    model = Distiller(student(), None, [SoftTargets()], label_weight=0)
    model.compile("sgd")
    history = fit(model, IMAGES, {"teacher": kept_outputs(teacher())})
    assert np.isfinite(history["soft_targets"][0])
