"""Named layer outputs, and checks of students, teachers and losses."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.graph.checks import check_graph_model
from tfslim.graph.outputs import find_output_activation
from tfslim.graph.traversal import layer_call

__all__ = ["teacher_layers"]

OUTPUT = "output"  # the model's output, whatever the name of its last layer


def teacher_layers(losses: Iterable[DistillationLoss]) -> tuple[str, ...]:
    """Return the teacher layers that the losses compare with.

    The model's output is called "output".

    Example:
        >>> teacher_layers([SoftTargets(), FeatureDistance("embedding", "embedding")])
        ('output', 'embedding')
    """
    return tuple(dict.fromkeys(loss.teacher or OUTPUT for loss in losses))


def student_layers(losses: Iterable[DistillationLoss]) -> tuple[str, ...]:
    """Return the student layers that the losses use, and "output"."""
    return tuple(dict.fromkeys([OUTPUT, *(loss.student or OUTPUT for loss in losses)]))


def check_model(model: keras.Model, role: str) -> None:
    """Check that a model has one input and one output.

    Args:
        model: the model to check.
        role: "student" or "teacher", for the error message.

    Raises:
        TypeError: if it has no graph of layers.
        ValueError: if it has several inputs or outputs.
    """
    check_graph_model(model, role)
    counts = len(model.inputs), len(model.outputs)
    if counts != (1, 1):
        raise ValueError(f"{role} {model.name}: has {counts[0]} inputs and {counts[1]} outputs; expected one of each")


def check_student(student: keras.Model) -> None:
    """Check that a student maps one tensor to one tensor.

    Raises:
        ValueError: if it does not have one input and one output, or wraps them in a dictionary.
    """
    check_model(student, "student")
    if isinstance(student, keras.Sequential):  # always maps tensor to tensor
        return
    for verb, structure in (("takes", student.input), ("returns", student.output)):
        if isinstance(structure, dict):
            raise ValueError(
                f"student {student.name}: {verb} a dictionary, expected a tensor; pass "
                "keras.Model(student.inputs[0], student.outputs[0])"
            )


def layer_outputs(model: keras.Model, names: Iterable[str], role: str) -> dict[str, keras.KerasTensor]:
    """Return the symbolic outputs of named layers.

    Args:
        model: a functional or Sequential model.
        names: layer names; "output" is the model's output.
        role: "student" or "teacher", for the error message.

    Raises:
        ValueError: if a layer does not exist (similar names are suggested), is not called exactly once, or has several
            outputs.

    Example:
        >>> layer_outputs(tfslim.models.VGG11(), ["embedding"], "teacher")["embedding"].shape
        (None, 128)
    """
    return {name: model.outputs[0] if name == OUTPUT else _layer_output(model, name, role) for name in names}


def _layer_output(model: keras.Model, name: str, role: str) -> keras.KerasTensor:
    try:
        outputs = layer_call(model, name).outputs
    except ValueError as error:
        raise ValueError(f"{role} {error}") from error
    if len(outputs) != 1:
        raise ValueError(f"{role} {model.name}: layer {name!r} has {len(outputs)} outputs; expected one")
    return outputs[0]


def check_logits(model: keras.Model, role: str, losses: Iterable[DistillationLoss]) -> None:
    """Check that a model returns logits if losses need them.

    Args:
        model: the student or the teacher.
        role: "student" or "teacher".
        losses: the distillation losses.

    Raises:
        ValueError: if the model returns probabilities; names the model, the activation and the loss.

    Example:
        >>> check_logits(tfslim.models.VGG11(), "teacher", [SoftTargets()])
    """
    found = find_output_activation(model)
    for loss in losses:
        if found and loss.needs_logits and getattr(loss, role) is None:
            raise ValueError(
                f"{role} {model.name}: its output is a probability ({found}), but {type(loss).__name__} needs logits; "
                "use a model without that activation (and from_logits=True in the label loss)"
            )


OWN_NAMES = ("loss", "label_loss")  # logged beside the distillation losses


def check_parts(
    student: keras.Model,
    teacher: keras.Model | None,
    losses: Sequence[DistillationLoss],
    label_weight: float,
    teacher_shapes: Mapping | None,
) -> None:
    """Check the arguments of a Distiller.

    Raises:
        ValueError: see `Distiller`.
    """
    if not losses:
        raise ValueError("losses is empty; pass at least one, such as SoftTargets(temperature=4.0)")
    for loss in losses:
        if not isinstance(loss, DistillationLoss):
            raise ValueError(
                f"losses must hold DistillationLoss objects such as SoftTargets(temperature=4.0), got {loss!r}"
            )
        if loss.name in OWN_NAMES:
            raise ValueError(f"losses: the name {loss.name!r} of {loss!r} is reserved for the logs; rename the loss")
    if not (math.isfinite(label_weight) and label_weight >= 0):
        raise ValueError(f"label_weight is {label_weight}, expected a finite number of 0 or more")
    if teacher is not None and teacher_shapes is not None:
        raise ValueError("teacher_shapes is only for teacher=None; omit it, the teacher's shapes are known")
    check_student(student)
    check_logits(student, "student", losses)
    if teacher is None:
        return
    check_model(teacher, "teacher")
    check_logits(teacher, "teacher", losses)
    images = [tuple(model.inputs[0].shape[1:]) for model in (student, teacher)]
    fits = len(images[0]) == len(images[1]) and (len(images[0]) != 3 or images[0][2] == images[1][2])
    if not fits or (len(images[0]) != 3 and images[0] != images[1]):
        raise ValueError(
            f"student {student.name} takes {images[0]} and teacher {teacher.name} {images[1]}; expected the same, or "
            "images (height, width, channels) that differ in height and width only"
        )


def check_metric_names(metrics: Any, shown: Iterable[str], owner: str) -> None:
    """Check that no compiled metric is named like a loss.

    Args:
        metrics: metrics as `compile` takes them, nested or not.
        shown: names of the logged losses.
        owner: name of the model, for the error message.

    Raises:
        ValueError: if a metric would hide a loss in the logs.
    """
    taken = {*shown, *OWN_NAMES}
    for metric in keras.tree.flatten(metrics):
        name = metric if isinstance(metric, str) else getattr(metric, "name", getattr(metric, "__name__", None))
        if name in taken:
            raise ValueError(
                f"{owner}: compile got a metric named {name!r}, but the Distiller logs a loss under that name; rename "
                "one of them"
            )
