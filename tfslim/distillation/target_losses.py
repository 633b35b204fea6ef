"""Losses on the models' answers: the student's logits should say what the teacher's do."""

import dataclasses
import math

import keras

from tfslim.distillation.distillation_loss import DistillationLoss, extents_fit

__all__ = ["BernoulliTargets", "SoftTargets"]


class _Targets(DistillationLoss):
    """Logits (N, C) of both, softened by a temperature."""

    temperature: float
    needs_logits = True

    def __post_init__(self):
        super().__post_init__()
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"{type(self).__name__}: temperature is {self.temperature}, expected a number above 0")

    def check(self, student_shape, teacher_shape):
        if len(student_shape) != 1 or len(teacher_shape) != 1 or not extents_fit(student_shape, teacher_shape):
            raise ValueError(
                f"{type(self).__name__}: the student gives {student_shape} and the teacher {teacher_shape} for an "
                "image; expected logits of the same classes or attributes, (C,) each"
            )


@keras.saving.register_keras_serializable(package="tfslim")
@dataclasses.dataclass(frozen=True)
class SoftTargets(_Targets):
    """KL divergence of the student's softened class probabilities from the teacher's, times T^2.

    T^2 sum_c p_c (ln p_c - ln q_c) with p = softmax(teacher / T) and q = softmax(student / T): for classes that exclude
    one another, such as identities. Without T^2 the gradient would fade as 1 / T^2 against that of the labels. A
    softmax does not change when all logits are shifted alike, so for independent attributes take `BernoulliTargets`.

    Args:
        temperature: T, above 0; 1 leaves the probabilities as they are, higher ones show more of the small ones.
        weight: share in the sum that is minimised.

    Raises:
        ValueError: if the temperature is not above 0 or the weight below 0, or when called with two different
            numbers of classes.

    Example:
        >>> SoftTargets(temperature=4.0)(np.array([[4.0, 0.0]]), np.array([[0.0, 4.0]]))
        <tf.Tensor: shape=(1,), dtype=float32, numpy=array([7.3938746], dtype=float32)>

    Reference: Hinton, Vinyals and Dean, arXiv 1503.02531, section 2.
    """

    temperature: float = 4.0
    weight: float = 1.0
    name = "soft_targets"

    def compare(self, student, teacher):
        wanted = keras.ops.log_softmax(teacher / self.temperature)
        given = keras.ops.log_softmax(student / self.temperature)
        return self.temperature**2 * keras.ops.sum(keras.ops.exp(wanted) * (wanted - given), axis=-1)


@keras.saving.register_keras_serializable(package="tfslim")
@dataclasses.dataclass(frozen=True)
class BernoulliTargets(_Targets):
    """Mean over the attributes of the KL divergence of two softened yes-or-no answers, times T^2.

    With p = sigmoid(teacher / T) and q = sigmoid(student / T), T^2 (p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))), for
    attributes that are there or not each for itself.

    Args:
        temperature: T, above 0.
        weight: share in the sum that is minimised.

    Raises:
        ValueError: as `SoftTargets`.

    Example:
        >>> BernoulliTargets(temperature=1.0)(np.array([[0.0, 5.0]]), np.array([[0.0, 5.0]]))
        <tf.Tensor: shape=(1,), dtype=float32, numpy=array([0.], dtype=float32)>

    Reference: the softened targets of arXiv 1503.02531 for independent binary outputs.
    """

    temperature: float = 2.0
    weight: float = 1.0
    name = "bernoulli_targets"

    def compare(self, student, teacher):
        wanted, given = teacher / self.temperature, student / self.temperature
        softplus, sigmoid = keras.ops.softplus, keras.ops.sigmoid
        # ln sigmoid(x) = -softplus(-x) and ln(1 - sigmoid(x)) = -softplus(x): no exponential can overflow.
        there = sigmoid(wanted) * (softplus(-given) - softplus(-wanted))
        absent = sigmoid(-wanted) * (softplus(given) - softplus(wanted))
        return self.temperature**2 * keras.ops.mean(there + absent, axis=-1)
