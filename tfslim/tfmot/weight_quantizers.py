"""How TF-MOT quantises the layers that `int8_plan` names: kernels with a scale a filter, outputs by moving average.

TF-MOT's own configurations scale a depthwise kernel as a whole, forget the kernel of a convolution that a ReLU layer
follows, and its layout step for Concatenate puts default ones in the place of those that keep zeros and clusters. So
each layer here gets one of these, and no layout step follows.
"""

from typing import Any

import numpy as np
import tensorflow as tf

from tfslim.quantization.int8.fake_quantize import EARLY_STEPS, SMALLEST_RANGE
from tfslim.quantization.int8.scheme import Scaling
from tfslim.tfmot.packages import tf_keras, tfmot

_quantization = tfmot().quantization.keras


class KernelQuantizer(_quantization.quantizers.Quantizer):
    """Rounds a kernel to 8 bits, symmetric around 0, at the largest value that it has now.

    Args:
        scaling: which values share a scale.
        zeros: whether what is 0 at the start stays 0.
        clusters: how many values there are at the start, if those that are equal stay equal; 0 if not.
    """

    def __init__(self, scaling: Scaling, zeros: bool, clusters: int):
        self.scaling, self.zeros, self.clusters = scaling, zeros, clusters

    def build(self, tensor_shape, name: str, layer: Any) -> dict:
        """Adds what is kept beside the kernel: where zeros and clusters are."""
        start = getattr(layer.layer, name).numpy()
        variables = {}
        if self.zeros:
            variables["mask"] = _variable(layer, f"{name}_mask", (start != 0).astype("float32"))
        if self.clusters:
            members = cluster_members(start, self.scaling)
            variables["members"] = _variable(layer, f"{name}_members", members.astype("int32"))
        return variables

    def __call__(self, inputs, training: bool, weights: dict, **kwargs):
        """The kernel as int8 can hold it."""
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
        """The kernel with equal values where they were equal at the start, and zeros where they were zeros."""
        if self.clusters:
            members = tf.reshape(weights["members"], [-1])
            means = tf.math.unsorted_segment_mean(tf.reshape(kernel, [-1]), members, self.clusters)
            kernel = tf.reshape(tf.gather(means, members), kernel.shape)
        return kernel * weights["mask"] if self.zeros else kernel

    def get_config(self) -> dict:
        """The arguments."""
        return {"scaling": self.scaling, "zeros": self.zeros, "clusters": self.clusters}


class RangeQuantizer(_quantization.quantizers.Quantizer):
    """Rounds a tensor to 8 bits between the averages of the batches' least and largest values."""

    def build(self, tensor_shape, name: str, layer: Any) -> dict:
        """Adds the range and the number of batches that it comes from."""
        return {
            "least": _variable(layer, f"{name}_least", np.float32(0)),
            "largest": _variable(layer, f"{name}_largest", np.float32(0)),
            "batches": _variable(layer, f"{name}_batches", np.float32(0)),
        }

    def __call__(self, inputs, training: bool, weights: dict, **kwargs):
        """The tensor as int8 can hold it."""
        least, largest = weights["least"], weights["largest"]
        if training:
            batches = weights["batches"].assign_add(1.0)
            share = 1.0 / tf.minimum(batches, float(EARLY_STEPS))
            now = tf.stop_gradient(inputs)
            # Zero is always among the values that int8 has, and padding needs it.
            least = least.assign(least + share * (tf.minimum(tf.reduce_min(now), 0.0) - least))
            largest = largest.assign(largest + share * (tf.maximum(tf.reduce_max(now), 0.0) - largest))
        largest = tf.maximum(largest, least + SMALLEST_RANGE)
        return tf.quantization.fake_quant_with_min_max_vars(inputs, least, largest)

    def get_config(self) -> dict:
        """The arguments, of which there are none."""
        return {}


class Int8Config(_quantization.QuantizeConfig):
    """What of one layer is quantised, for TF-MOT's wrapper.

    Args:
        weight: attribute of the kernel, or None.
        scaling: which of its values share a scale.
        output: whether the output is quantised.
        zeros: whether the kernel's zeros stay.
        clusters: how many values the kernel has, if equal ones stay equal; 0 if not.
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
        """The kernel and its quantizer."""
        if self.weight is None:
            return []
        return [(getattr(layer, self.weight), KernelQuantizer(self.scaling, self.zeros, self.clusters))]

    def get_activations_and_quantizers(self, layer: Any) -> list:
        """None: the output, which comes after a fused activation, is quantised in its place."""
        return []

    def set_quantize_weights(self, layer: Any, quantize_weights: list) -> None:
        """Lets the layer compute with the rounded kernel."""
        for weight in quantize_weights:
            setattr(layer, self.weight, weight)

    def set_quantize_activations(self, layer: Any, quantize_activations: list) -> None:
        """Takes none, as `get_activations_and_quantizers` names none."""
        if quantize_activations:
            raise ValueError(f"{layer.name}: found {len(quantize_activations)} activations, expected none")

    def get_output_quantizers(self, layer: Any) -> list:
        """The output's quantizer."""
        return [RangeQuantizer()] if self.output else []

    def get_config(self) -> dict:
        """The arguments."""
        return {
            "weight": self.weight,
            "scaling": self.scaling,
            "output": self.output,
            "zeros": self.zeros,
            "clusters": self.clusters,
            "rescaling": self.rescaling,
        }


class Int8Wrapper(_quantization.QuantizeWrapperV2):
    """TF-MOT's wrapper, which else trains the kernels of frozen layers as well."""

    @property
    def trainable_weights(self) -> list:
        """Those of the layer, if it is not frozen."""
        return super().trainable_weights if self.layer.trainable else []

    @property
    def non_trainable_weights(self) -> list:
        """The others: ranges, masks, what a frozen layer holds."""
        others = super().non_trainable_weights
        return others if self.layer.trainable else self._dedup_weights(super().trainable_weights + others)


def cluster_members(kernel: np.ndarray, scaling: Scaling) -> np.ndarray:
    """Number of the cluster that each value of a kernel belongs to, from 0: equal values belong together.

    Where a kernel has more than 256 values, as one that was clustered filter by filter, only those of a filter do.
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
    """Indices of each filter's values: those that share a scale."""
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
    """The largest magnitude of each filter; a filter of zeros gets the tensor's, so that its bias still fits."""
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
