"""Losses for face attributes (class-balanced) and identities (with margins)."""

import math
from collections.abc import Sequence

from tfslim._support.extras import naming_extra

with naming_extra(__name__):
    import keras

__all__ = ["BalancedBinaryCrossentropy", "MarginCrossentropy"]


@keras.saving.register_keras_serializable(package="tfslim")
class BalancedBinaryCrossentropy(keras.losses.Loss):
    """Binary cross-entropy from logits, balanced between positives and negatives.

    For an attribute with positive rate p, an image has the weight w+ = (1 / 2p)^t if its label is 1 and
    w- = (1 / 2(1-p))^t if it is 0, both divided by p w+ + (1-p) w-, so the weights of an attribute average 1 for every
    t. With t = 1 positives and negatives each carry half of the weight, t = 0 is plain binary cross-entropy, and values
    between temper the weights of rare labels. For labels and logits of shape (N, A) the loss of an image is the mean
    over its attributes, reduced like every Keras loss.

    Args:
        positive_rates: A floats in 0..1, the fraction of positive labels of each attribute in the training set.
        exponent: t, in 0..1.
        smallest_rate: rates are clipped to [smallest_rate, 1 - smallest_rate], so that a very rare or very common
            attribute does not outweigh all others.
        reduction: as in every Keras loss.
        name: name of the loss.
        dtype: dtype of the computation.

    Raises:
        ValueError: if a rate or the exponent is outside 0..1 or `smallest_rate` outside (0, 0.5]; on a call, if the
            number of attributes differs from the number of rates.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3), classes=2)
        >>> model.compile("adam", tfslim.losses.BalancedBinaryCrossentropy(positive_rates=[0.48, 0.04], exponent=0.5))

    Reference: scikit-learn's class_weight="balanced", n / (2 n_class), with the exponent added.
    """

    def __init__(
        self,
        positive_rates: Sequence[float],
        exponent: float = 1.0,
        smallest_rate: float = 0.005,
        reduction: str | None = "sum_over_batch_size",
        name: str = "balanced_binary_crossentropy",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.positive_rates = [float(rate) for rate in positive_rates]
        self.exponent = float(exponent)
        self.smallest_rate = float(smallest_rate)
        for index, rate in enumerate(self.positive_rates):
            if not 0 <= rate <= 1:
                raise ValueError(f"positive_rates[{index}] is {rate}, expected a fraction in 0..1")
        if not 0 <= self.exponent <= 1:
            raise ValueError(f"exponent is {exponent}, expected 0 (no balance) to 1 (full balance)")
        if not 0 < self.smallest_rate <= 0.5:
            raise ValueError(f"smallest_rate is {smallest_rate}, expected more than 0 and at most 0.5")
        pairs = [self._weights(rate) for rate in self.positive_rates]
        self.positive_weights = [positive for positive, _ in pairs]
        self.negative_weights = [negative for _, negative in pairs]

    def _weights(self, rate: float) -> tuple[float, float]:
        rate = min(max(rate, self.smallest_rate), 1 - self.smallest_rate)
        positive, negative = (0.5 / rate) ** self.exponent, (0.5 / (1 - rate)) ** self.exponent
        mean = rate * positive + (1 - rate) * negative
        return positive / mean, negative / mean

    def call(self, y_true, y_pred):
        labels, logits = keras.ops.cast(y_true, y_pred.dtype), y_pred
        # The batch size may be unknown in a graph, so only the attributes are compared.
        attributes = [tuple(tensor.shape[1:]) for tensor in (labels, logits)]
        if attributes != [(len(self.positive_rates),)] * 2:
            raise ValueError(
                f"{self.name}: labels {tuple(labels.shape)} and logits {tuple(logits.shape)} must both be "
                f"(N, {len(self.positive_rates)}), one column for each of {len(self.positive_rates)} positive_rates"
            )
        positive = keras.ops.convert_to_tensor(self.positive_weights, logits.dtype)
        negative = keras.ops.convert_to_tensor(self.negative_weights, logits.dtype)
        # -log sigmoid(x) = softplus(-x) and -log(1 - sigmoid(x)) = softplus(x), which never overflow.
        losses = positive * labels * keras.ops.softplus(-logits) + negative * (1 - labels) * keras.ops.softplus(logits)
        return keras.ops.mean(losses, axis=-1)

    def get_config(self):
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "positive_rates": self.positive_rates,
            "exponent": self.exponent,
            "smallest_rate": self.smallest_rate,
        }


@keras.saving.register_keras_serializable(package="tfslim")
class MarginCrossentropy(keras.losses.Loss):
    """Cross-entropy over identities with an angular or additive margin.

    For logits s cos(t), where t is the angle between features and class weights, the logit of the true class becomes
    s (cos(t + angular_margin) - additive_margin) before the softmax: ArcFace with an angular margin only, CosFace
    (additive-margin softmax) with an additive margin only, and plain cross-entropy for any logits with neither. Beyond
    t + angular_margin = pi the logit continues to fall as s (cos(t) - angular_margin sin(angular_margin)). For labels
    (N,) or (N, 1) and logits (N, C) the loss is one value per image, reduced like every Keras loss.

    Args:
        scale: s, the `scale` of `tfslim.identity.normalized_classifier(unit_weights=True)`; not a learned scale.
        angular_margin: radians in 0..pi/2; 0.5 in ArcFace.
        additive_margin: 0..1; 0.35 in CosFace.
        label_smoothing: fraction of each target that is distributed over all classes, 0..1.
        reduction: as in every Keras loss.
        name: name of the loss.
        dtype: dtype of the computation.

    Raises:
        ValueError: if an argument is out of range.

    Example:
        >>> trunk = tfslim.models.VGG11((64, 64, 3), classes=2, module="flame")
        >>> model = tfslim.identity.normalized_classifier(trunk, 200, scale=16.0, unit_weights=True)
        >>> model.compile("adam", tfslim.losses.MarginCrossentropy(16.0, angular_margin=0.3))

    Reference: ArcFace, arXiv 1801.07698, equation 4; CosFace, arXiv 1801.09414, equation 4.
    """

    def __init__(
        self,
        scale: float = 1.0,
        angular_margin: float = 0.0,
        additive_margin: float = 0.0,
        label_smoothing: float = 0.0,
        reduction: str | None = "sum_over_batch_size",
        name: str = "margin_crossentropy",
        dtype: str | None = None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        ranges = {
            "angular_margin": (angular_margin, math.pi / 2),
            "additive_margin": (additive_margin, 1.0),
            "label_smoothing": (label_smoothing, 1.0),
        }
        for argument, (value, highest) in ranges.items():
            if not 0 <= value <= highest:
                raise ValueError(f"{argument} is {value}, expected 0 to {highest:.4g}")
        if not scale > 0:
            raise ValueError(f"scale is {scale}, expected more than 0")
        self.scale, self.label_smoothing = float(scale), float(label_smoothing)
        self.angular_margin, self.additive_margin = float(angular_margin), float(additive_margin)

    def call(self, y_true, y_pred):
        logits, classes = y_pred, y_pred.shape[-1]
        labels = keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32")
        one_hot = keras.ops.one_hot(labels, classes, dtype=logits.dtype)
        if self.angular_margin or self.additive_margin:
            logits = logits - self.scale * one_hot * self._margin(logits / self.scale)
        targets = (1 - self.label_smoothing) * one_hot + self.label_smoothing / classes
        return keras.ops.sum(targets * (keras.ops.logsumexp(logits, axis=-1, keepdims=True) - logits), axis=-1)

    def _margin(self, cosine):
        """Return how far the margin lowers each cosine."""
        # A cosine may exceed 1 by rounding, and the gradient of the square root is unbounded there.
        cosine = keras.ops.clip(cosine, -1 + 1e-6, 1 - 1e-6)
        sine = keras.ops.sqrt(1 - cosine * cosine)
        rotated = cosine * math.cos(self.angular_margin) - sine * math.sin(self.angular_margin)
        beyond = cosine - self.angular_margin * math.sin(self.angular_margin)
        rotated = keras.ops.where(cosine > math.cos(math.pi - self.angular_margin), rotated, beyond)
        return cosine - rotated + self.additive_margin

    def get_config(self):
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "scale": self.scale,
            "angular_margin": self.angular_margin,
            "additive_margin": self.additive_margin,
            "label_smoothing": self.label_smoothing,
        }
