"""TF-MOT quantizers for the layers that `int8_scheme` names.

Kernels are quantized per filter, outputs by moving average. TF-MOT's own configurations scale a depthwise kernel as a
whole, lose the kernel of a convolution that a ReLU layer follows, and its layout step for Concatenate replaces those
that keep zeros and clusters by default ones. So each layer here has its own configuration, and no layout step follows.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfslim.quantization.int8.fake_quantize import EARLY_STEPS, SMALLEST_RANGE
from tfslim.quantization.int8.scheme import Scaling
from tfslim.tfmot.packages import tf_keras, tfmot

_quantization: Any = tfmot().quantization.keras


class KernelQuantizer(_quantization.quantizers.Quantizer):
    """Quantizer of a kernel to 8 bits, symmetric around 0.

    The scale follows the largest magnitude that the kernel has now.

    Args:
        scaling: which values share a scale.
        zeros: whether weights that are 0 at the start stay 0.
        clusters: number of distinct values at the start, if equal ones stay equal; 0 if not.
    """

    def __init__(self, scaling: Scaling, zeros: bool, clusters: int):
        self.scaling, self.zeros, self.clusters = scaling, zeros, clusters

    def build(self, tensor_shape, name: str, layer: Any) -> dict:
        """Add variables that record where zeros and clusters are."""
        start = getattr(layer.layer, name).numpy()
        variables = {}
        if self.zeros:
            variables["mask"] = _variable(layer, f"{name}_mask", (start != 0).astype("float32"))
        if self.clusters:
            members = cluster_members(start, self.scaling)
            variables["members"] = _variable(layer, f"{name}_members", members.astype("int32"))
        return variables

    def __call__(self, inputs, training: bool, weights: dict, **kwargs):
        """Return the kernel with values that int8 can represent."""
        if training:
            inputs = self.kept(inputs, weights)
        largest = _largest(tf.stop_gradient(inputs), self.scaling)
        if self.scaling == "tensor":
            return tf.quantization.fake_quant_with_min_max_vars(inputs, -largest, largest, narrow_range=True)
        filters_last = _filters_last(inputs, self.scaling)
        rounded = tf.quantization.fake_quant_with_min_max_vars_per_channel(
            filters_last, -largest, largest, narrow_range=True
        )
        return tf.reshape(rounded, inputs.shape)

    def kept(self, kernel, weights: dict):
        """Return the kernel with its initial zeros and clusters restored.

        Values that were equal at the start are averaged.
        """
        if self.clusters:
            members = tf.reshape(weights["members"], [-1])
            means = tf.math.unsorted_segment_mean(tf.reshape(kernel, [-1]), members, self.clusters)
            kernel = tf.reshape(tf.gather(means, members), kernel.shape)
        return kernel * weights["mask"] if self.zeros else kernel

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {"scaling": self.scaling, "zeros": self.zeros, "clusters": self.clusters}


class RangeQuantizer(_quantization.quantizers.Quantizer):
    """Quantizer of tensors to 8 bits within a moving range.

    The range is the average of the batches' minima and maxima.
    """

    def build(self, tensor_shape, name: str, layer: Any) -> dict:
        """Add the range and the number of batches behind it."""
        return {
            "least": _variable(layer, f"{name}_least", np.zeros((), "float32")),
            "largest": _variable(layer, f"{name}_largest", np.zeros((), "float32")),
            "batches": _variable(layer, f"{name}_batches", np.zeros((), "float32")),
        }

    def __call__(self, inputs, training: bool, weights: dict, **kwargs):
        """Return the tensor with values that int8 can represent."""
        least, largest = weights["least"], weights["largest"]
        if training:
            batches = weights["batches"].assign_add(1.0)
            share = 1.0 / tf.minimum(batches, float(EARLY_STEPS))
            now = tf.stop_gradient(inputs)
            # Zero is always in the range: int8 represents it exactly, and padding needs it.
            least = least.assign(least + share * (tf.minimum(tf.reduce_min(now), 0.0) - least))
            largest = largest.assign(largest + share * (tf.maximum(tf.reduce_max(now), 0.0) - largest))
        largest = tf.maximum(largest, least + SMALLEST_RANGE)
        return tf.quantization.fake_quant_with_min_max_vars(inputs, least, largest)

    def get_config(self) -> dict:
        """Return an empty config, as the constructor takes no arguments."""
        return {}


class Int8Config(_quantization.QuantizeConfig):
    """Quantized parts of one layer, for TF-MOT's wrapper.

    Args:
        weight: attribute of the kernel, or None.
        scaling: which of its values share a scale.
        output: whether the output is quantized.
        zeros: whether the kernel's zeros stay.
        clusters: number of distinct values in the kernel, if equal ones stay equal; 0 if not.
        rescaling: whether the layer is a rescaling written as a convolution.
    """

    def __init__(
        self,
        weight: str | None,
        scaling: Scaling | None,
        output: bool,
        zeros: bool = False,
        clusters: int = 0,
        rescaling: bool = False,
    ):
        self.weight, self.scaling, self.output, self.zeros, self.clusters = weight, scaling, output, zeros, clusters
        self.rescaling = rescaling

    def get_weights_and_quantizers(self, layer: Any) -> list:
        """Return the kernel and its quantizer."""
        if self.weight is None or self.scaling is None:
            return []
        return [(getattr(layer, self.weight), KernelQuantizer(self.scaling, self.zeros, self.clusters))]

    def get_activations_and_quantizers(self, layer: Any) -> list:
        """Return an empty list.

        The output, which comes after a fused activation, is quantized instead.
        """
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list) -> None:
        """Let the layer compute with the rounded kernel."""
        if self.weight is not None:
            for weight in quantize_weights:
                setattr(layer, self.weight, weight)

    def set_quantize_activations(self, layer: Any, quantize_activations: list) -> None:
        """Check that no activations are passed."""
        if quantize_activations:
            raise ValueError(f"{layer.name}: found {len(quantize_activations)} activations, expected none")

    def get_output_quantizers(self, layer: Any) -> list:
        """Return the output's quantizer."""
        return [RangeQuantizer()] if self.output else []

    def get_config(self) -> dict:
        """Return the constructor's arguments."""
        return {
            "weight": self.weight,
            "scaling": self.scaling,
            "output": self.output,
            "zeros": self.zeros,
            "clusters": self.clusters,
            "rescaling": self.rescaling,
        }


class Int8Wrapper(_quantization.QuantizeWrapperV2):
    """TF-MOT's layer wrapper, except that frozen layers stay frozen.

    TF-MOT's own wrapper trains the kernels of frozen layers as well.
    """

    @property
    def trainable_weights(self) -> list:
        """Return the layer's weights, or none if it is frozen."""
        return super().trainable_weights if self.layer.trainable else []

    @property
    def non_trainable_weights(self) -> list:
        """Return ranges, masks and weights of a frozen layer."""
        others = super().non_trainable_weights
        return others if self.layer.trainable else self._dedup_weights(super().trainable_weights + others)


def cluster_members(kernel: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Return the cluster number of each value of a kernel.

    Numbers start at 0, and equal values share one. If a kernel has more than 256 distinct values, as one that was
    clustered filter by filter, only equal values of the same filter do.
    """
    values, members = np.unique(kernel, return_inverse=True)
    if len(values) > 256 and scaling != "tensor":
        members = np.empty(kernel.shape, int)
        count = 0
        for place in filters_of(kernel.shape, scaling):
            found, inverse = np.unique(kernel[place], return_inverse=True)
            members[place] = count + inverse.reshape(kernel[place].shape)
            count += len(found)
    return np.asarray(members).reshape(kernel.shape)


def filters_of(shape: tuple[int, ...], scaling: Scaling) -> list[tuple]:
    """Return indices of each filter's values, which share a scale."""
    if scaling == "tensor":
        return [(...,)]
    if scaling == "depthwise":
        return [(..., channel, multiple) for channel in range(shape[-2]) for multiple in range(shape[-1])]
    return [(..., filter) for filter in range(shape[-1])]


def _filters_last(kernel, scaling: Scaling):
    if scaling == "depthwise":
        height, width, channels, multiplier = kernel.shape
        return tf.reshape(kernel, (height, width, 1, channels * multiplier))
    return kernel


def _largest(kernel, scaling: Scaling):
    """Return the largest magnitude of each filter.

    A filter of zeros takes that of the tensor, so that its bias fits.
    """
    whole = tf.maximum(tf.reduce_max(tf.abs(kernel)), SMALLEST_RANGE)
    if scaling == "tensor":
        return whole
    each = tf.reduce_max(tf.abs(_filters_last(kernel, scaling)), axis=(0, 1, 2))
    return tf.where(each > 0, each, whole)


def _variable(layer: Any, name: str, value: np.ndarray):
    return layer.add_weight(
        name,
        shape=value.shape,
        dtype=value.dtype,
        initializer=tf_keras().initializers.Constant(value),
        trainable=False,
    )
