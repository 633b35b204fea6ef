"""What every distillation loss has in common."""

import dataclasses
import math

import keras

__all__ = ["DistillationLoss"]


class DistillationLoss:
    """A number for each example that says how far the student is from the teacher.

    A loss is a small immutable object. `student` and `teacher` name the layers whose outputs it compares, None for
    the model's output; `weight` is its share in the sum that is minimised. Calling it casts both to float32, since
    squares and exponentials of a mixed-precision network don't fit its own dtype.

    A loss of one's own is a frozen dataclass with `weight`, `name` and `compare`; `needs_logits` is for those that
    take a softmax or sigmoid themselves.

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
            raise ValueError(f"{type(self).__name__}: weight is {self.weight}, expected a number from 0 on")

    def __call__(self, student_values, teacher_values):
        """Compares (N, ...) student values with (N, ...) teacher values; gives (N,) float32."""
        student, teacher = (keras.ops.cast(values, "float32") for values in (student_values, teacher_values))
        self.check(tuple(student.shape[1:]), tuple(teacher.shape[1:]))
        return self.compare(student, teacher)

    def check(self, student_shape: tuple[int | None, ...], teacher_shape: tuple[int | None, ...]) -> None:
        """Raises a ValueError if values of these shapes, without the batch, can't be compared; here, unequal ones."""
        if not extents_fit(student_shape, teacher_shape):
            raise ValueError(
                f"{type(self).__name__}: the student gives {student_shape} and the teacher {teacher_shape} for an "
                "image; expected the same"
            )

    def adapter(
        self, student_shape: tuple[int | None, ...], teacher_shape: tuple[int | None, ...]
    ) -> keras.Layer | None:
        """The trainable layer that brings student values of this shape to the teacher's width, if one is needed."""
        return None

    def compare(self, student, teacher):
        """Compares float32 values that passed `check`; gives (N,)."""
        raise TypeError(f"{type(self).__name__} has no compare(student, teacher); a loss of one's own defines it")

    def get_config(self) -> dict:
        return dataclasses.asdict(self)  # type: ignore[call-overload]  # subclasses are dataclasses, this is not

    @classmethod
    def from_config(cls, config: dict) -> "DistillationLoss":
        return cls(**config)


def extents_fit(left: tuple[int | None, ...], right: tuple[int | None, ...]) -> bool:
    """Whether two shapes are equal where both are known.

    Example:
        >>> extents_fit((4, None, 8), (4, 7, 8))
        True
    """
    pairs = zip(left, right, strict=False)
    return len(left) == len(right) and all(a is None or b is None or a == b for a, b in pairs)
