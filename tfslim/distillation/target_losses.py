"""Distillation losses on logits."""

import dataclasses
import math

import keras

from tfslim.distillation.distillation_loss import DistillationLoss, extents_fit

__all__ = ["BernoulliTargets", "SoftTargets"]


class _Targets(DistillationLoss):
    """Base of losses on logits (N, C) softened by temperature."""

    temperature: float
    needs_logits = True

    def __post_init__(self):
        super().__post_init__()
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"{type(self).__name__}: temperature is {self.temperature}, expected a number above 0")

    def check(self, student_shape, teacher_shape):
        if len(student_shape) != 1 or len(teacher_shape) != 1 or not extents_fit(student_shape, teacher_shape):
            raise ValueError(
                f"{type(self).__name__}: the student outputs {student_shape} and the teacher {teacher_shape} per "
                "image; expected logits of the same classes or attributes, (C,) each"
            )


@keras.saving.register_keras_serializable(package="tfslim")
@dataclasses.dataclass(frozen=True)
class SoftTargets(_Targets):
    """KL divergence of softened class probabilities, times T^2.

    T^2 sum_c p_c (ln p_c - ln q_c) with p = softmax(teacher / T) and q = softmax(student / T), for mutually exclusive
    classes such as identities. Without T^2 the gradient would shrink as 1 / T^2 relative to that of the labels. A
    softmax ignores a shift common to all logits, so use `BernoulliTargets` for independent attributes.

    Args:
        temperature: T, above 0; 1 keeps the probabilities, higher values emphasize the small ones.
        weight: weight in the total loss.

    Raises:
        ValueError: if the temperature is not above 0 or the weight is below 0; on a call, if the numbers of classes
            differ.

    Example:
        >>> SoftTargets(temperature=4.0)(np.array([[4.0, 0.0]]), np.array([[0.0, 4.0]]))
        <tf.Tensor: shape=(1,), dtype=float32, numpy=array([7.3938746], dtype=float32)>

    Reference: Hinton, Vinyals and Dean, arXiv 1503.02531, section 2.
    """

    temperature: float = 4.0
    weight: float = 1.0
    name = "soft_targets"

    def compare(self, student, teacher):
        log_p = keras.ops.log_softmax(teacher / self.temperature)
        log_q = keras.ops.log_softmax(student / self.temperature)
        return self.temperature**2 * keras.ops.sum(keras.ops.exp(log_p) * (log_p - log_q), axis=-1)


@keras.saving.register_keras_serializable(package="tfslim")
@dataclasses.dataclass(frozen=True)
class BernoulliTargets(_Targets):
    """Mean KL divergence of softened binary attributes, times T^2.

    T^2 (p ln(p / q) + (1 - p) ln((1 - p) / (1 - q))) with p = sigmoid(teacher / T) and q = sigmoid(student / T),
    averaged over independent binary attributes.

    Args:
        temperature: T, above 0.
        weight: weight in the total loss.

    Raises:
        ValueError: as in `SoftTargets`.

    Example:
        >>> BernoulliTargets(temperature=1.0)(np.array([[0.0, 5.0]]), np.array([[0.0, 5.0]]))
        <tf.Tensor: shape=(1,), dtype=float32, numpy=array([0.], dtype=float32)>

    Reference: the softened targets of arXiv 1503.02531 for independent binary outputs.
    """

    temperature: float = 2.0
    weight: float = 1.0
    name = "bernoulli_targets"

    def compare(self, student, teacher):
        teacher, student = teacher / self.temperature, student / self.temperature
        softplus, sigmoid = keras.ops.softplus, keras.ops.sigmoid
        # ln sigmoid(x) = -softplus(-x) and ln(1 - sigmoid(x)) = -softplus(x), which never overflow.
        positive = sigmoid(teacher) * (softplus(-student) - softplus(-teacher))
        negative = sigmoid(-teacher) * (softplus(student) - softplus(teacher))
        return self.temperature**2 * keras.ops.mean(positive + negative, axis=-1)
