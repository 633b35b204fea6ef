"""Wrong arguments of a Distiller are refused in clear words."""

import inspect

import keras
import numpy as np
import pytest

from tests.distillation.networks import (
    ALL_LOSSES,
    CLASSES,
    IMAGES,
    LOSS,
    distiller,
    fit,
    kept_outputs,
    student,
    teacher,
)
from tfslim.distillation import AttentionTransfer, Distiller, FeatureDistance, SoftTargets


def test_wrong_layers():
    with pytest.raises(ValueError, match="teacher teacher: has no layer 'embeding'; its layers include embedding"):
        Distiller(student(), teacher(), [FeatureDistance("embedding", "embeding")])
    with pytest.raises(ValueError, match="student student: has no layer 'map'; its layers include maps"):
        Distiller(student(), teacher(), [AttentionTransfer("map", "maps")])
    with pytest.raises(ValueError, match=r"'maps' and the teacher's 'relu' output \(6, 5, 4\) and \(12, 10, 6\)"):
        Distiller(student(), teacher(), [FeatureDistance("maps", "relu")])
    with pytest.raises(ValueError, match=r"the student outputs \(4,\) and the teacher \(7,\)"):
        Distiller(student(), teacher(classes=7), [SoftTargets()])


def test_models_that_are_no_graph_of_one_input():
    class Subclassed(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(TypeError, match="^teacher .* is a subclassed keras.Model"):
        Distiller(student(), Subclassed(), [SoftTargets()])
    with pytest.raises(TypeError, match="^student .* is a Sequential model that is not built"):
        Distiller(keras.Sequential([keras.layers.Dense(4)]), teacher(), [SoftTargets()])
    left, right = keras.Input((4,)), keras.Input((4,))
    two = keras.Model([left, right], keras.layers.Add()([left, right]), name="two")
    with pytest.raises(ValueError, match="teacher two: has 2 inputs and 1 outputs; expected one of each"):
        Distiller(student(), two, [SoftTargets()])
    with pytest.raises(TypeError, match="student must be a keras.Model, got 'student'"):
        Distiller("student", teacher(), [SoftTargets()])
    image = keras.Input((12, 10, 3), name="image")
    answers = keras.layers.Dense(4)(keras.layers.Flatten()(image))
    for what, named in (
        ("takes", keras.Model({"image": image}, answers)),
        ("returns", keras.Model(image, {"answers": answers})),
    ):
        with pytest.raises(ValueError, match=f"student .*: {what} a dictionary, expected a tensor; pass keras.Model"):
            Distiller(named, teacher(), [SoftTargets()])
    vector = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)], name="vector")
    with pytest.raises(ValueError, match=r"student student takes \(12, 10, 3\) and teacher vector \(4,\)"):
        Distiller(student(), vector, [SoftTargets()])


@pytest.mark.parametrize(
    "last", [keras.layers.Dense(4, activation="softmax"), keras.layers.Softmax(), keras.activations.sigmoid]
)
def test_a_model_that_ends_in_probabilities(last):
    master = teacher()
    probable = keras.Model(master.input, last(master.output), name="probable")
    with pytest.raises(ValueError, match=r"teacher probable: its output is a probability .*but SoftTargets needs logi"):
        Distiller(student(), probable, [SoftTargets()])
    # Features may be taken from it all the same.
    assert Distiller(student(), probable, [FeatureDistance("maps", "maps")]).adapters


def test_wrong_arguments():
    with pytest.raises(ValueError, match="losses is empty"):
        Distiller(student(), teacher(), [])
    with pytest.raises(ValueError, match="losses must hold DistillationLoss objects .*, got 'mse'"):
        Distiller(student(), teacher(), ["mse"])
    with pytest.raises(ValueError, match="label_weight is -1"):
        Distiller(student(), teacher(), [SoftTargets()], label_weight=-1)
    with pytest.raises(ValueError, match="teacher_shapes is only for teacher=None"):
        Distiller(student(), teacher(), [SoftTargets()], teacher_shapes={"output": (4,)})
    with pytest.raises(ValueError, match="teacher_shapes: no shape for 'embedding'.*found output"):
        Distiller(student(), None, [FeatureDistance("maps", "embedding")], teacher_shapes={"output": (4,)})
    model = Distiller(student(), teacher(), [SoftTargets()])
    with pytest.raises(ValueError, match="label_weight is 1.0, but compile got no loss for the labels"):
        model.compile("sgd")
    with pytest.raises(TypeError, match="metric_s"):
        model.compile("sgd", LOSS, metric_s=["accuracy"])


def test_a_metric_with_the_name_of_a_loss():
    model = Distiller(student(), teacher(), [SoftTargets(), FeatureDistance("maps", "maps")])
    for metrics in (
        {"metrics": [keras.metrics.Mean(name="other"), keras.metrics.Accuracy(name="soft_targets")]},
        {"weighted_metrics": [keras.metrics.Accuracy(name="maps_distance")]},
        {"metrics": [keras.metrics.Accuracy(name="label_loss")]},
    ):
        with pytest.raises(ValueError, match="a metric named '(soft_targets|maps_distance|label_loss)'"):
            model.compile("sgd", LOSS, **metrics)

    def maps_distance(labels, outputs):
        return keras.ops.mean(outputs)

    with pytest.raises(ValueError, match="a metric named 'maps_distance'"):
        model.compile("sgd", LOSS, metrics=[maps_distance])

    class Loud(SoftTargets):
        name = "label_loss"

    with pytest.raises(ValueError, match="the name 'label_loss' of .* is reserved"):
        Distiller(student(), teacher(), [Loud()])


def test_loss_weights_where_keras_has_them():
    model = Distiller(student(), teacher(), [SoftTargets()])
    with pytest.raises(ValueError, match=r"loss_weights=\[0.5\] is for several outputs.*label_weight"):
        model.compile("sgd", LOSS, [0.5])
    with pytest.raises(ValueError, match="is a dictionary, but the student has one output; pass the loss itself"):
        model.compile("sgd", {"answers": LOSS})
    model.compile("sgd", LOSS, None, ["accuracy"])
    ours, theirs = (list(inspect.signature(kind.compile).parameters) for kind in (Distiller, keras.Model))
    assert ours == theirs


def test_wrong_targets():
    taught = distiller(student(), teacher(), [SoftTargets()], metrics=())
    with pytest.raises(ValueError, match="targets hold no labels; add labels, or set label_weight=0"):
        fit(taught, IMAGES, None)
    with pytest.raises(ValueError, match="has a teacher; construct it with teacher=None"):
        fit(taught, IMAGES, {"labels": CLASSES, "teacher": {"output": np.zeros((24, 4))}})
    kept = distiller(student(), None, ALL_LOSSES[:2], metrics=())
    with pytest.raises(ValueError, match='has no teacher, so the targets must be {"labels": ..., "teacher"'):
        fit(kept)
    with pytest.raises(ValueError, match="targets lack the teacher's embedding; found output"):
        fit(kept, IMAGES, {"labels": CLASSES, "teacher": {"output": np.zeros((24, 4), "float32")}})
    with pytest.raises(ValueError, match="8 and 12 channels.*teacher_shapes"):
        fit(kept, IMAGES, {"labels": CLASSES, "teacher": kept_outputs(teacher())})
    alone = Distiller(student(), teacher(), [SoftTargets()], label_weight=0)
    alone.compile("sgd", metrics=["accuracy"])
    with pytest.raises(ValueError, match="the compiled metrics need labels"):
        fit(alone, IMAGES, None)
