"""Finding the outputs of a model's layers by name, and saying clearly what is wrong with a model."""

from collections.abc import Iterable

import keras

from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.layer_call import layer_call
from tfslim.probability_at_end import probability_at_end

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
    """Raises a ValueError unless the model is a graph with one input and one output."""
    if not isinstance(model, keras.Model):
        raise ValueError(f"{role}: {model!r} is no keras.Model")
    # A subclassed model, or a Sequential that was never built, has no graph to take features from.
    inputs, outputs = (getattr(model, name, None) for name in ("inputs", "outputs"))
    if not inputs or not outputs:
        raise ValueError(
            f"{role} {model.name}: has no input shape and no graph of layers; give a functional or Sequential model "
            "that begins with keras.Input(shape)"
        )
    if len(inputs) != 1 or len(outputs) != 1:
        raise ValueError(
            f"{role} {model.name}: has {len(inputs)} inputs and {len(outputs)} outputs; expected one of each"
        )


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
    found = probability_at_end(model)
    for loss in losses:
        if found and loss.needs_logits and getattr(loss, role) is None:
            raise ValueError(
                f"{role} {model.name}: its output is a probability ({found}), and {type(loss).__name__} needs logits; "
                "give a model without that activation (and from_logits=True to the label loss)"
            )
