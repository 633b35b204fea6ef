"""Losses: many binary attributes at once with balanced answers, and identities with margins."""

import math
from collections.abc import Sequence

import keras

__all__ = ["BalancedBinaryCrossentropy", "MarginCrossentropy"]


@keras.saving.register_keras_serializable(package="tfslim")
class BalancedBinaryCrossentropy(keras.losses.Loss):
    """Binary cross-entropy from logits in which the two answers of every attribute count equally.

    With the positive rate p of an attribute, an image weighs w+ = (1 / 2p)^t where the label is 1 and
    w- = (1 / 2(1-p))^t where it is 0, both divided by p w+ + (1-p) w-, so that an attribute's weights have the mean 1
    over the images whatever t is. At t = 1 positives and negatives have half the weight each; t = 0 is plain binary
    cross-entropy, and what lies between tempers the weights of rare answers. Called on labels and logits of shape
    (N, A), it gives the mean over the attributes for each image, reduced as Keras' losses are.

    Args:
        positive_rates: A shares in 0..1, each attribute's share of positive labels in the training part.
        exponent: t, in 0..1.
        smallest_rate: rates are clipped to this and 1 minus this, so that an attribute that hardly ever (or nearly
            always) occurs doesn't outweigh all others.
        reduction: as for every Keras loss.
        name: the loss' name.
        dtype: the dtype to compute in.

    Raises:
        ValueError: if a rate is not in 0..1, the exponent not in 0..1 or the smallest rate not in (0, 0.5], or when
            called with another number of attributes than there are rates.

    Example:
        >>> loss = tfslim.losses.BalancedBinaryCrossentropy(positive_rates=train.attributes.mean(axis=0), exponent=0.5)
        >>> model.compile("adam", loss)

    Reference: class-balanced weights as in scikit-learn's class_weight="balanced" (n / (2 n_class)), tempered.
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
                raise ValueError(f"positive_rates[{index}] is {rate}, expected a share in 0..1")
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
        # The number of images may be open in a graph, so that only the attributes can be compared.
        attributes = [tuple(tensor.shape[1:]) for tensor in (labels, logits)]
        if attributes != [(len(self.positive_rates),)] * 2:
            raise ValueError(
                f"{self.name}: labels {tuple(labels.shape)} and logits {tuple(logits.shape)} must both be "
                f"(N, {len(self.positive_rates)}), as there are {len(self.positive_rates)} positive_rates"
            )
        positive = keras.ops.convert_to_tensor(self.positive_weights, logits.dtype)
        negative = keras.ops.convert_to_tensor(self.negative_weights, logits.dtype)
        # -log sigmoid(x) = softplus(-x) and -log(1 - sigmoid(x)) = softplus(x): no exponential can overflow.
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
    """Cross-entropy over identities that asks the right one's logit to lead by a margin.

    With logits s cos(t), t the angle between features and class weights, the right class' logit becomes
    s (cos(t + angular_margin) - additive_margin) before the softmax: ArcFace with an angular margin alone, CosFace
    (additive-margin softmax) with an additive one, and plain cross-entropy, for any logits, with neither. Where
    t + angular_margin would pass pi, the logit goes on falling as s (cos(t) - angular_margin sin(angular_margin)).
    Called on identities (N,) or (N, 1) and logits (N, C), it gives one value an image, reduced as Keras' losses are.

    Args:
        scale: s; the `scale` of `tfslim.identity.normalised_classifier(unit_weights=True)`, not a learned one.
        angular_margin: radians in 0..pi/2; ArcFace takes 0.5.
        additive_margin: 0..1; CosFace takes 0.35.
        label_smoothing: share of each target that is spread over all classes, 0..1.
        reduction: as for every Keras loss.
        name: the loss' name.
        dtype: the dtype to compute in.

    Raises:
        ValueError: an argument out of its range.

    Example:
        >>> model = tfslim.identity.normalised_classifier(trunk, 200, scale=16.0, unit_weights=True)
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
        right = keras.ops.one_hot(keras.ops.cast(keras.ops.reshape(y_true, [-1]), "int32"), classes, dtype=logits.dtype)
        if self.angular_margin or self.additive_margin:
            logits = logits - self.scale * right * self._lead(logits / self.scale)
        targets = (1 - self.label_smoothing) * right + self.label_smoothing / classes
        return keras.ops.sum(targets * (keras.ops.logsumexp(logits, axis=-1, keepdims=True) - logits), axis=-1)

    def _lead(self, cosine):
        """By how much each cosine would fall if its class were the right one."""
        # Rounded cosines may pass 1, and the root's slope has no bound there.
        cosine = keras.ops.clip(cosine, -1 + 1e-6, 1 - 1e-6)
        sine = keras.ops.sqrt(1 - cosine * cosine)
        turned = cosine * math.cos(self.angular_margin) - sine * math.sin(self.angular_margin)
        beyond = cosine - self.angular_margin * math.sin(self.angular_margin)
        turned = keras.ops.where(cosine > math.cos(math.pi - self.angular_margin), turned, beyond)
        return cosine - turned + self.additive_margin

    def get_config(self):
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "scale": self.scale,
            "angular_margin": self.angular_margin,
            "additive_margin": self.additive_margin,
            "label_smoothing": self.label_smoothing,
        }
