"""Distillation losses on intermediate features."""

import dataclasses

import keras

from tfslim.distillation.distillation_loss import DistillationLoss, extents_fit
from tfslim.distillation.resizing import resize
from tfslim.layers.unit_norm import unit_vectors

__all__ = ["AttentionTransfer", "FeatureDistance"]

DISTANCES = ("squared", "cosine")


@keras.saving.register_keras_serializable(package="tfslim")
@dataclasses.dataclass(frozen=True)
class FeatureDistance(DistillationLoss):
    """Distance between L2-normalized student and teacher features.

    "squared" is |a - b|^2 of the unit vectors, 0 to 4; "cosine" is 1 - a.b, half of it. Feature vectors (N, C) have one
    distance; for maps (N, H, W, C) the mean over all positions is taken. If the widths C differ, a `Distiller` trains
    an adapter to the teacher's width, a dense layer or a 1x1 convolution for maps, which is not part of the student. A
    vector of zeros, such as a dead position of a map, has distance 1 ("squared") to every direction and a bounded
    gradient.

    Args:
        student: name of the student's layer, None for its output.
        teacher: name of the teacher's layer, None for its output.
        distance: "squared" or "cosine".
        weight: weight in the total loss.

    Raises:
        ValueError: if the distance is unknown or the weight below 0; on a call, if the shapes don't match.

    Example:
        >>> FeatureDistance("embedding", "embedding")(np.array([[3.0, 0.0]]), np.array([[0.0, 0.1]]))
        <tf.Tensor: shape=(1,), dtype=float32, numpy=array([2.], dtype=float32)>

    Reference: hints with an adapter: FitNets, arXiv 1412.6550, section 2.2; distance of normalized face features:
    ShrinkTeaNet, arXiv 1905.10620.
    """

    student: str | None = None
    teacher: str | None = None
    distance: str = "squared"
    weight: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.distance not in DISTANCES:
            raise ValueError(f"FeatureDistance: distance={self.distance!r}; expected {' or '.join(DISTANCES)}")

    @property
    def name(self) -> str:  # type: ignore[override]  # others set it once for all
        return f"{self.student or 'output'}_distance"

    def check(self, student_shape, teacher_shape):
        if len(student_shape) not in (1, 3) or not extents_fit(student_shape[:-1], teacher_shape[:-1]):
            raise ValueError(
                f"FeatureDistance: {_layers(self)} output {student_shape} and {teacher_shape} per image; expected two "
                "vectors, or two maps of equal height and width (AttentionTransfer takes maps of any size)"
            )

    def adapter(self, student_shape, teacher_shape):
        width = teacher_shape[-1]
        if student_shape[-1] == width:
            return None
        if len(student_shape) == 3:
            return keras.layers.Conv2D(width, 1, dtype="float32", name=f"{self.name}_adapter")
        return keras.layers.Dense(width, dtype="float32", name=f"{self.name}_adapter")

    def compare(self, student, teacher):
        if student.shape[-1] != teacher.shape[-1]:
            raise ValueError(
                f"FeatureDistance: {_layers(self)} have {student.shape[-1]} and {teacher.shape[-1]} channels and no "
                "adapter between them; a Distiller adds one if it has the teacher or its teacher_shapes"
            )
        student, teacher = unit_vectors(student), unit_vectors(teacher)
        if self.distance == "squared":
            distances = keras.ops.sum(keras.ops.square(student - teacher), axis=-1)
        else:
            distances = 1 - keras.ops.sum(student * teacher, axis=-1)
        positions = tuple(range(1, len(distances.shape)))
        return keras.ops.mean(distances, axis=positions) if positions else distances


@keras.saving.register_keras_serializable(package="tfslim")
@dataclasses.dataclass(frozen=True)
class AttentionTransfer(DistillationLoss):
    """Squared distance between student and teacher attention maps.

    The attention map of a layer's output (N, H, W, C) is the sum of squares over the channels, flattened to H * W
    values and scaled to unit length, so the numbers of channels may differ. Maps of different sizes are resized to the
    smaller height and width.

    Args:
        student: name of the student's layer.
        teacher: name of the teacher's layer.
        weight: weight in the total loss.

    Raises:
        ValueError: if the weight is below 0; on a call, if the values are not maps.

    Example:
        >>> maps = np.random.default_rng(0).normal(size=(1, 8, 8, 4))
        >>> AttentionTransfer("stage2_relu", "stage2_relu")(maps[..., :2], maps).shape
        TensorShape([1])

    Reference: Zagoruyko and Komodakis, arXiv 1612.03928, section 3.1: F_sum with p = 2, with the squared distance of
    their code instead of the distance, whose gradient is undefined for equal maps.
    """

    student: str
    teacher: str
    weight: float = 1.0

    @property
    def name(self) -> str:  # type: ignore[override]
        return f"{self.student}_attention"

    def check(self, student_shape, teacher_shape):
        if len(student_shape) != 3 or len(teacher_shape) != 3:
            raise ValueError(
                f"AttentionTransfer: {_layers(self)} output {student_shape} and {teacher_shape} per image; "
                "expected two maps (height, width, channels)"
            )

    def compare(self, student, teacher):
        attention = [keras.ops.sum(keras.ops.square(maps), axis=-1, keepdims=True) for maps in (student, teacher)]
        size = tuple(min(extents) for extents in zip(student.shape[1:3], teacher.shape[1:3], strict=True))
        vectors = [keras.ops.reshape(resize(maps, size), (-1, size[0] * size[1])) for maps in attention]
        student, teacher = (unit_vectors(each) for each in vectors)
        return keras.ops.sum(keras.ops.square(student - teacher), axis=-1)


def _layers(loss: DistillationLoss) -> str:
    return f"the student's {loss.student or 'output'!r} and the teacher's {loss.teacher or 'output'!r}"
