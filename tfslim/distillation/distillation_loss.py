"""Base class of distillation losses."""

import dataclasses
import math

import keras

__all__ = ["DistillationLoss"]


class DistillationLoss:
    """Per-example distance between student and teacher outputs.

    A loss is a small immutable object. `student` and `teacher` name the layers whose outputs it compares, None for the
    model's output; `weight` is its weight in the total loss. A call casts both outputs to float32, since squares and
    exponentials overflow float16.

    A custom loss is a frozen dataclass with `weight`, `name` and `compare`. Set `needs_logits` if the loss applies a
    softmax or sigmoid itself.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Difference(DistillationLoss):
        ...     weight: float = 1.0
        ...     name = "difference"
        ...
        ...     def compare(self, student, teacher):
        ...         return keras.ops.mean(keras.ops.abs(student - teacher), axis=-1)
        >>> Difference()(np.array([[1.0, 2.0]]), np.array([[1.0, 5.0]]))
        <tf.Tensor: shape=(1,), dtype=float32, numpy=array([1.5], dtype=float32)>
    """

    student: str | None = None
    teacher: str | None = None
    weight: float
    name: str
    needs_logits = False

    def __post_init__(self):
        if not (math.isfinite(self.weight) and self.weight >= 0):
            raise ValueError(f"{type(self).__name__}: weight is {self.weight}, expected a finite number of 0 or more")

    def __call__(self, student_values, teacher_values):
        """Compare (N, ...) student and teacher values; return (N,) float32."""
        student, teacher = (keras.ops.cast(values, "float32") for values in (student_values, teacher_values))
        self.check(tuple(student.shape[1:]), tuple(teacher.shape[1:]))
        return self.compare(student, teacher)

    def check(self, student_shape: tuple[int | None, ...], teacher_shape: tuple[int | None, ...]) -> None:
        """Check that values of these shapes can be compared.

        Args:
            student_shape: shape of the student's values, without the batch axis.
            teacher_shape: shape of the teacher's values, likewise.

        Raises:
            ValueError: if the shapes differ; subclasses may be stricter or more lenient.
        """
        if not extents_fit(student_shape, teacher_shape):
            raise ValueError(
                f"{type(self).__name__}: the student outputs {student_shape} and the teacher {teacher_shape} per "
                "image; expected equal shapes"
            )

    def adapter(
        self, student_shape: tuple[int | None, ...], teacher_shape: tuple[int | None, ...]
    ) -> keras.Layer | None:
        """Return a layer that maps student values to teacher width.

        None if the widths are equal, or if the loss does not need equal widths.
        """
        return None

    def compare(self, student, teacher):
        """Compare float32 values that passed `check`; return (N,)."""
        raise TypeError(f"{type(self).__name__} must define compare(student, teacher)")

    def get_config(self) -> dict:
        return dataclasses.asdict(self)  # type: ignore[call-overload]  # subclasses are dataclasses, this is not

    @classmethod
    def from_config(cls, config: dict) -> "DistillationLoss":
        return cls(**config)


def extents_fit(left: tuple[int | None, ...], right: tuple[int | None, ...]) -> bool:
    """Return whether all known extents of two shapes are equal.

    Example:
        >>> extents_fit((4, None, 8), (4, 7, 8))
        True
    """
    pairs = zip(left, right, strict=False)
    return len(left) == len(right) and all(a is None or b is None or a == b for a, b in pairs)
