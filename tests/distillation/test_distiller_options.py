"""A Distiller with other input sizes, precisions and trainer's options."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.distillation.networks import (
    ALL_LOSSES,
    CLASSES,
    IMAGES,
    assert_same_weights,
    distiller,
    fit,
    student,
    teacher,
)
from tfslim.distillation import AttentionTransfer, FeatureDistance, SoftTargets
from tfslim.distillation.resizing import resize
from tfslim.graph.cloning import clone_model


@pytest.mark.parametrize("sizes", [((12, 10), (24, 20)), ((6, 5), (12, 10)), ((6, 6), (9, 8)), ((None, None), (9, 8))])
def test_who_does_not_fit_the_batch_gets_a_resized_one(sizes):
    pupil, master = student(size=sizes[0]), teacher(size=sizes[1])
    losses = [SoftTargets(2.0), FeatureDistance("embedding", "embedding"), AttentionTransfer("maps", "maps")]
    model = distiller(pupil, master, losses, keras.optimizers.SGD(0.0))
    taught, given = resize(IMAGES, sizes[1]), resize(IMAGES, sizes[0])
    expected = losses[0](pupil(given[:8], training=True), master(taught[:8]))
    history = fit(model, IMAGES[:8], CLASSES[:8])
    assert history["soft_targets"][0] == pytest.approx(float(np.mean(expected)), rel=1e-4)
    np.testing.assert_allclose(model.predict(IMAGES, verbose=0), pupil.predict(given, verbose=0), rtol=1e-5)


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision(policy):
    pupil, master = clone_model(student(), dtype=policy), clone_model(teacher(), dtype=policy)
    optimizer = keras.optimizers.Adam(0.01)
    if policy == "mixed_float16":
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
    model = distiller(pupil, master, ALL_LOSSES, optimizer)
    plain = distiller(student(), teacher(), ALL_LOSSES)
    found, expected = (fit(tool, IMAGES[:8], CLASSES[:8]) for tool in (model, plain))
    for name in ("loss", "label_loss", "soft_targets", "embedding_distance", "maps_distance", "maps_attention"):
        assert found[name] == pytest.approx(expected[name], rel=0.02), name
    history = fit(model, epochs=8)
    assert np.isfinite(list(history.values())).all()
    assert history["loss"][-1] < history["loss"][0]
    assert all(layer.compute_dtype == "float32" for layer in model.adapters.values())


def test_a_student_in_float16_is_trained_with_a_scaled_loss():
    scaling, losses = keras.optimizers.LossScaleOptimizer, [SoftTargets(), FeatureDistance("embedding", "embedding")]
    half = clone_model(student(), dtype="mixed_float16")
    model = distiller(half, teacher(), losses)
    assert type(model.optimizer) is scaling
    assert np.isfinite(list(fit(model, epochs=2).values())).all()
    assert type(model.optimizer.inner_optimizer) is keras.optimizers.SGD
    nested = keras.Sequential([keras.Input((12, 10, 3)), half])
    assert type(distiller(nested, teacher(), losses[:1], "adam").optimizer) is scaling
    scaled = scaling(keras.optimizers.SGD())
    assert distiller(half, teacher(), losses, scaled).optimizer is scaled
    assert type(distiller(half, teacher(), losses, auto_scale_loss=False).optimizer) is keras.optimizers.SGD
    for policy in ("float32", "mixed_bfloat16"):
        assert (
            type(distiller(clone_model(student(), dtype=policy), teacher(), losses).optimizer) is keras.optimizers.SGD
        )


def test_a_global_mixed_policy_does_not_round_the_pixels():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = distiller(*(clone_model(each, dtype="float32") for each in (student(), teacher())), [SoftTargets()])
    finally:
        keras.config.set_dtype_policy("float32")
    fine = IMAGES.astype("float32") + 0.123
    np.testing.assert_array_equal(model(fine), model.student(fine))


@pytest.mark.parametrize("options", [{"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 3}])
def test_options_of_compile_give_the_same_training(options):
    pupil, plain = student(), student()
    found = fit(distiller(pupil, teacher(size=(24, 20)), ALL_LOSSES[:2], **options))
    expected = fit(distiller(plain, teacher(size=(24, 20)), ALL_LOSSES[:2]))
    assert {name: value[0] for name, value in found.items()} == pytest.approx(
        {name: value[0] for name, value in expected.items()}, rel=1e-4
    )
    assert_same_weights(pupil, plain, rtol=1e-3, atol=1e-5)


def test_an_endless_stream_with_steps_per_epoch():
    stream = tf.data.Dataset.from_tensor_slices((IMAGES, CLASSES)).repeat().batch(8)
    model = distiller(student(), teacher(), ALL_LOSSES)
    history = model.fit(stream, steps_per_epoch=3, epochs=2, shuffle=False, verbose=0).history
    assert len(history["loss"]) == 2 and np.isfinite(history["loss"]).all()


def test_two_losses_of_one_name_are_shown_apart():
    losses = [FeatureDistance("maps", "maps"), FeatureDistance("maps", "maps", "cosine")]
    model = distiller(student(), teacher(), losses)
    history = fit(model)
    assert {"maps_distance", "maps_distance_2"} <= set(history)
    assert [adapter for adapter in model.adapters] == ["maps_distance", "maps_distance_2"]
