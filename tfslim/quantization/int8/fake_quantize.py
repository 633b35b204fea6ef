"""Layers that compute with int8 roundings.

One rounds a tensor, the other one a layer's kernel.
"""

import keras

from tfslim.quantization.int8.scheme import Scaling

EARLY_STEPS = 1000  # this many batches have equal weight; later ones count for 1/1000 each
SMALLEST_RANGE = 1e-4


@keras.saving.register_keras_serializable("tfslim")
class FakeQuantize(keras.layers.Layer):
    """Layer that rounds a tensor to 8 bits.

    It rounds within a moving range. The range is the average of the training batches' minima and maxima.

    Example:
        >>> FakeQuantize()(keras.Input((8, 8, 3))).shape
        (None, 8, 8, 3)

    Source: Jacob and others, CVPR 2018, section 3.1.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.supports_masking = True

    def build(self, input_shape):
        """Add the range and the number of batches behind it."""
        for name in ("least", "largest", "batches"):
            setattr(self, name, self.add_weight(shape=(), initializer="zeros", trainable=False, name=name))

    def set_range(self, least: float, largest: float) -> None:
        """Set the range, as if measured on one batch."""
        for variable, value in ((self.least, least), (self.largest, largest), (self.batches, 1.0)):
            variable.assign(value)

    def call(self, inputs, training=False):
        if training:
            self.batches.assign(self.batches + 1.0)
            share = 1.0 / keras.ops.minimum(self.batches, float(EARLY_STEPS))
            now = keras.ops.stop_gradient(inputs)
            # Zero is always in the range: int8 represents it exactly, and padding needs it.
            least, largest = (
                keras.ops.minimum(keras.ops.min(now), 0.0),
                keras.ops.maximum(keras.ops.max(now), 0.0),
            )
            self.least.assign(self.least + share * (least - self.least))
            self.largest.assign(self.largest + share * (largest - self.largest))
        least = keras.ops.convert_to_tensor(self.least)
        largest = keras.ops.maximum(keras.ops.convert_to_tensor(self.largest), least + SMALLEST_RANGE)
        return keras.quantizers.fake_quant_with_min_max_vars(inputs, least, largest)

    def compute_output_shape(self, input_shape):
        return input_shape


@keras.saving.register_keras_serializable("tfslim")
class QuantizedKernel(keras.layers.Wrapper):
    """Wrapper that rounds a layer's kernel to 8 bits.

    The rounding is symmetric around 0.

    Args:
        layer: a Conv2D, DepthwiseConv2D, Conv2DTranspose or Dense layer of `keras.layers`.
        scaling: which values of the kernel share a scale.
        rescaling: whether the layer is a rescaling written as a convolution.

    Example:
        >>> QuantizedKernel(keras.layers.Conv2D(8, 3), "filters")(keras.Input((8, 8, 3))).shape
        (None, 6, 6, 8)
    """

    def __init__(self, layer: keras.layers.Layer, scaling: Scaling, rescaling: bool = False, **kwargs):
        super().__init__(layer, **kwargs)
        self.scaling, self.rescaling = scaling, rescaling
        self.activity_regularizer = layer.activity_regularizer  # the wrapped layer itself would apply it too late

    def call(self, inputs):
        if isinstance(inputs, keras.KerasTensor):
            return self.layer(inputs)  # keeps the layer visible in the graph, for `tfslim.measure` and others
        rounded = round_kernel(keras.ops.convert_to_tensor(self.layer.kernel), self.scaling)
        values = [
            [rounded if variable is self.layer.kernel else variable.value for variable in variables]
            for variables in (self.layer.trainable_variables, self.layer.non_trainable_variables)
        ]
        return self.layer.stateless_call(*values, inputs)[0]

    def compute_output_shape(self, input_shape):
        return self.layer.compute_output_shape(input_shape)

    def get_config(self):
        return super().get_config() | {"scaling": self.scaling, "rescaling": self.rescaling}


def round_kernel(kernel: keras.KerasTensor, scaling: Scaling) -> keras.KerasTensor:
    """Round a kernel to int8, scaled by its largest magnitudes.

    Each set of values that shares a scale has its own.
    """
    shape = kernel.shape
    if scaling == "depthwise":
        kernel = keras.ops.reshape(kernel, (*shape[:-2], 1, shape[-2] * shape[-1]))
    magnitude = keras.ops.abs(keras.ops.stop_gradient(kernel))
    whole = keras.ops.maximum(keras.ops.max(magnitude), SMALLEST_RANGE)
    if scaling == "tensor":
        return keras.quantizers.fake_quant_with_min_max_vars(kernel, -whole, whole, narrow_range=True)
    each = keras.ops.max(magnitude, axis=tuple(range(len(kernel.shape) - 1)))
    # A filter of zeros takes the tensor's scale, so that its bias fits.
    largest = keras.ops.where(each > 0, each, whole)
    rounded = keras.quantizers.fake_quant_with_min_max_vars(kernel, -largest, largest, narrow_range=True, axis=-1)
    return keras.ops.reshape(rounded, shape)
