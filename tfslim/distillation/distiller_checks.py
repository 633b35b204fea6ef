"""What a Distiller refuses before it trains, each with a message that names what is wrong."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras

from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.distillation.layer_outputs import check_logits, check_model, check_student

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
