"""Finding the outputs of a model's layers by name, and saying clearly what is wrong with a model."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.graph.checks import check_graph_model
from tfslim.graph.outputs import find_output_activation
from tfslim.graph.traversal import layer_call

OUTPUT = "output"  # what the model gives, whatever its last layer is called


def teacher_layers(losses: Iterable[DistillationLoss]) -> tuple[str, ...]:
    """The names of the teacher's layers that these losses compare with, "output" for what it gives.

    Example:
        >>> teacher_layers([SoftTargets(), FeatureDistance("embedding", "embedding")])
        ('output', 'embedding')
    """
    return tuple(dict.fromkeys(loss.teacher or OUTPUT for loss in losses))


def student_layers(losses: Iterable[DistillationLoss]) -> tuple[str, ...]:
    """The same for the student, always with "output"."""
    return tuple(dict.fromkeys([OUTPUT, *(loss.student or OUTPUT for loss in losses)]))


def check_model(model: keras.Model, role: str) -> None:
    """Raise an error unless the model is a graph with one input and one output.

    Raises:
        TypeError: it has no graph of layers.
        ValueError: it has several inputs or outputs.
    """
    check_graph_model(model, role)
    counts = len(model.inputs), len(model.outputs)
    if counts != (1, 1):
        raise ValueError(f"{role} {model.name}: has {counts[0]} inputs and {counts[1]} outputs; expected one of each")


def check_student(student: keras.Model) -> None:
    """Raises a ValueError unless the student is such a model, and takes and gives a tensor by itself."""
    check_model(student, "student")
    if isinstance(student, keras.Sequential):  # which always does
        return
    for what, structure in (("takes", student.input), ("gives", student.output)):
        if isinstance(structure, dict):
            raise ValueError(
                f"student {student.name}: {what} a dictionary; make it with the tensor itself, "
                "keras.Model(student.inputs[0], student.outputs[0])"
            )


def layer_outputs(model: keras.Model, names: Iterable[str], role: str) -> dict[str, keras.KerasTensor]:
    """Finds the symbolic outputs of layers.

    Args:
        model: a functional or Sequential model.
        names: layer names; "output" is what the model gives.
        role: what to call the model in a message.

    Raises:
        ValueError: if there is no such layer, naming those with a similar name, or it is not used exactly once, or it
            gives several outputs.

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
        raise ValueError(f"{role} {model.name}: layer {name!r} gives {len(outputs)} outputs; expected one")
    return outputs[0]


def check_logits(model: keras.Model, role: str, losses: Iterable[DistillationLoss]) -> None:
    """Raises a ValueError if the model's output is a probability, and a loss that looks at it needs logits.

    Args:
        model: the student or the teacher.
        role: "student" or "teacher".
        losses: what is to be copied.

    Raises:
        ValueError: names the model, what makes the probability, and the loss.

    Example:
        >>> check_logits(tfslim.models.VGG11(), "teacher", [SoftTargets()])
    """
    found = find_output_activation(model)
    for loss in losses:
        if found and loss.needs_logits and getattr(loss, role) is None:
            raise ValueError(
                f"{role} {model.name}: its output is a probability ({found}), and {type(loss).__name__} needs logits; "
                "give a model without that activation (and from_logits=True to the label loss)"
            )


OWN_NAMES = ("loss", "label_loss")  # shown beside those of the distillation losses


def check_parts(
    student: keras.Model,
    teacher: keras.Model | None,
    losses: Sequence[DistillationLoss],
    label_weight: float,
    teacher_shapes: Mapping | None,
) -> None:
    """Raises a ValueError unless these make a Distiller; see there."""
    if not losses:
        raise ValueError("losses is empty; give at least one, such as SoftTargets(temperature=4.0)")
    for loss in losses:
        if not isinstance(loss, DistillationLoss):
            raise ValueError(f"losses: {loss!r} is no DistillationLoss, such as SoftTargets(temperature=4.0)")
        if loss.name in OWN_NAMES:
            raise ValueError(f"losses: {loss!r} is called {loss.name!r}, which is shown for another; rename it")
    if not (math.isfinite(label_weight) and label_weight >= 0):
        raise ValueError(f"label_weight is {label_weight}, expected a number from 0 on")
    if teacher is not None and teacher_shapes is not None:
        raise ValueError("teacher_shapes is for teacher=None; a teacher's shapes are known")
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
    """Raises a ValueError if one of the metrics that `compile` takes would be lost behind what is shown already.

    Args:
        metrics: metrics as `compile` takes them, nested or not.
        shown: names in the logs.
        owner: the model's name, for the message.
    """
    taken = {*shown, *OWN_NAMES}
    for metric in keras.tree.flatten(metrics):
        name = metric if isinstance(metric, str) else getattr(metric, "name", getattr(metric, "__name__", None))
        if name in taken:
            raise ValueError(
                f"{owner}: compile has a metric called {name!r}, and a loss of the Distiller is shown under that name; "
                "give one of them another"
            )
