"""A model rearranged so that each of its steps is one that TFLite computes in int8, with the same outputs.

A batch normalisation that follows no convolution, and a rescaling, become a 1x1 depthwise convolution: one operator
with a scale a channel, where the multiplication and addition that they are would need a range between them.
"""

from collections import Counter
from typing import Any

import keras
import numpy as np

from tfslim.calls import Call, calls
from tfslim.flattening import flatten
from tfslim.macs import DEPTHWISE
from tfslim.pruning.stock import is_as_stock
from tfslim.pruning.tracing import tensors_of
from tfslim.rebuilding import Copies, model_like, rebuild
from tfslim.spelled_out import spelled_out

FOLDING = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)  # take a batch normalisation that follows into themselves
FUSED = ("linear", "relu")  # activations that a convolution may keep
INPUT_SUFFIX = "_quantized"


def int8_layout(model: keras.Model) -> keras.Model:
    """Rebuilds a model in float32 from layers that TFLite has in int8; names and weights of the others stay.

    Args:
        model: a functional or a built Sequential model, of any floats; it is not changed.

    Returns:
        A functional model of stock layers with the same outputs. After each input `x` stands a layer "x_quantized".

    Raises:
        TypeError: `model` is subclassed.
        UnsupportedLayer: an operation of `keras.ops` can't be written as a layer.

    Example:
        >>> [type(layer).__name__ for layer in int8_layout(model).layers]  # of a Rescaling
        ['InputLayer', 'Activation', 'DepthwiseConv2D']
    """
    plain = spelled_out(flatten(model))
    listed = list(calls(plain, plain.inputs, opened=False))
    arranger = _Arranger(plain, listed)
    inputs = [
        keras.Input(
            batch_shape=tensor.shape, dtype=arranger.input_dtype(tensor), name=tensor._keras_history.operation.name
        )
        for tensor in plain.inputs
    ]
    quantized = [_marked(tensor) for tensor in inputs]
    arranged = model_like(plain, inputs, rebuild(plain, quantized, arranger.place))
    arranger.copies.take_weights(arranged)
    for layer, weights in arranger.weights:
        layer.set_weights(weights)
    return arranged


def _marked(tensor: keras.KerasTensor) -> keras.KerasTensor:
    if "float" not in tensor.dtype:
        return tensor
    return keras.layers.Activation(
        "linear", name=f"{tensor._keras_history.operation.name}{INPUT_SUFFIX}", dtype="float32"
    )(tensor)


class _Arranger:
    """What `int8_layout` puts in the place of each call."""

    def __init__(self, model: keras.Model, listed: list[Call]):
        self.copies = Copies()
        self.weights: list[tuple[keras.layers.Layer, list[np.ndarray]]] = []
        self._activations = Counter()
        self._makers = {id(output): call for call in listed for output in call.outputs}
        self._readers = Counter(id(tensor) for call in listed for tensor in tensors_of(call))
        self._readers.update(id(tensor) for tensor in model.outputs)
        self._calls_of = Counter(id(call.operation) for call in listed)
        self._casting = {
            id(t) for call in listed if not isinstance(call.operation, _RESCALING) for t in tensors_of(call)
        }

    def input_dtype(self, tensor: keras.KerasTensor) -> str:
        """float32 for floats, and for pixels that the model only ever rescales: int8 files take floats or int8."""
        return tensor.dtype if id(tensor) in self._casting and "float" not in tensor.dtype else "float32"

    def place(self, call: Call, args: tuple, kwargs: dict):
        layer = call.operation
        alone = is_as_stock(layer) and self._calls_of[id(layer)] == 1
        if alone and isinstance(layer, _RESCALING) and "float" in args[0].dtype:
            return self._rescaled(layer, args[0])
        if alone and isinstance(layer, keras.layers.BatchNormalization) and not self.folds(call):
            return self._lone_norm(layer, args[0], kwargs)
        if alone and isinstance(layer, keras.layers.Average):
            return self._averaged(layer, args[0])
        if alone and isinstance(layer, keras.layers.SeparableConv2D):
            return self._separated(layer, args[0])
        return self._with_own_activation(layer, args, kwargs)

    def folds(self, call: Call) -> bool:
        """Whether the converter can fold this batch normalisation into the convolution before it."""
        (tensor,) = tensors_of(call)[:1]
        maker = self._makers.get(id(tensor))
        if maker is None or not isinstance(maker.operation, FOLDING) or not is_as_stock(maker.operation):
            return False
        single = self._readers[id(tensor)] == 1 and self._calls_of[id(maker.operation)] == 1
        return single and maker.operation.activation is keras.activations.linear

    def _rescaled(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
        scale, offset = _scale_and_offset(layer)
        channels = x.shape[-1]
        if len(x.shape) == 4 and _is_by_channel(scale, channels) and _is_by_channel(offset, channels):
            by_channel = (np.broadcast_to(each.reshape(-1), channels) for each in (scale, offset))
            return self._affine(x, layer.name, *by_channel)
        if not np.any(offset):
            return keras.layers.Rescaling(scale.tolist(), name=layer.name, dtype="float32")(x)
        if np.any(scale != 1.0):
            x = keras.layers.Rescaling(scale.tolist(), name=f"{layer.name}_scale", dtype="float32")(x)
        return keras.layers.Rescaling(1.0, offset=offset.tolist(), name=layer.name, dtype="float32")(x)

    def _affine(
        self, x: keras.KerasTensor, name: str, scale: np.ndarray, offset: np.ndarray | None
    ) -> keras.KerasTensor:
        biased = offset is not None and bool(np.any(offset))
        step = keras.layers.DepthwiseConv2D(
            1, use_bias=biased, trainable=False, name=name, data_format="channels_last", dtype="float32"
        )
        step.is_rescaling = True  # for `int8_plan`, to tell it from the model's own convolutions
        result = step(x)
        kernel = _unlike(scale, len(self.weights)).reshape(1, 1, -1, 1)
        self.weights.append((step, [kernel, _unlike(offset, 0)] if biased else [kernel]))
        return result

    def _lone_norm(
        self, layer: keras.layers.BatchNormalization, x: keras.KerasTensor, kwargs: dict
    ) -> keras.KerasTensor:
        channels, rank = x.shape[-1], len(x.shape)
        axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
        if rank not in (2, 4) or channels is None or axis % rank != rank - 1:
            return self._copy(layer)(x, **kwargs)
        if rank == 2:
            x = keras.layers.Reshape((1, 1, channels), name=f"{layer.name}_image", dtype="float32")(x)
        x = self._affine(x, f"{layer.name}_identity", np.ones(channels), None)
        x = self._copy(layer, axis=-1)(x, **kwargs)
        if rank == 2:
            return keras.layers.Reshape((channels,), name=f"{layer.name}_vector", dtype="float32")(x)
        return x

    def _averaged(self, layer: keras.layers.Layer, tensors: list) -> keras.KerasTensor:
        total = keras.layers.Add(name=f"{layer.name}_sum", dtype="float32")(tensors)
        return self._rescaled(keras.layers.Rescaling(1 / len(tensors), name=layer.name), total)

    def _separated(self, layer: keras.layers.SeparableConv2D, x: keras.KerasTensor) -> keras.KerasTensor:
        deep = keras.layers.DepthwiseConv2D(
            layer.kernel_size,
            layer.strides,
            layer.padding,
            layer.depth_multiplier,
            data_format=layer.data_format,
            dilation_rate=layer.dilation_rate,
            use_bias=False,
            depthwise_regularizer=layer.depthwise_regularizer,
            depthwise_constraint=layer.depthwise_constraint,
            trainable=layer.trainable,
            name=f"{layer.name}_depthwise",
            dtype="float32",
        )
        point = keras.layers.Conv2D(
            layer.filters,
            1,
            data_format=layer.data_format,
            use_bias=layer.use_bias,
            kernel_regularizer=layer.pointwise_regularizer,
            kernel_constraint=layer.pointwise_constraint,
            bias_regularizer=layer.bias_regularizer,
            bias_constraint=layer.bias_constraint,
            activity_regularizer=None if _has_activation(layer) else layer.activity_regularizer,
            trainable=layer.trainable,
            name=layer.name,
            dtype="float32",
        )
        result = point(deep(x))
        depthwise, *rest = layer.get_weights()
        self.weights += [(deep, [depthwise]), (point, rest)]
        return self._activated(layer, result)

    def _with_own_activation(self, layer: keras.layers.Layer, args: tuple, kwargs: dict):
        fused = isinstance(layer, (*FOLDING, *DEPTHWISE, keras.layers.Conv2DTranspose, keras.layers.Dense))
        name = getattr(getattr(layer, "activation", None), "__name__", "linear")
        if not fused or name in FUSED or not is_as_stock(layer):
            return self._copy(layer)(*args, **kwargs)
        return self._activated(
            layer, self._copy(layer, activation="linear", activity_regularizer=None)(*args, **kwargs)
        )

    def _activated(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
        if not _has_activation(layer):
            return x
        name = f"{layer.name}_{layer.activation.__name__}"
        self._activations[name] += 1
        times = self._activations[name]  # a layer that is called again has its activation again
        name = name if times == 1 else f"{name}_{times}"
        regularizer = layer.activity_regularizer  # of what the activation gives
        return keras.layers.Activation(layer.activation, name=name, activity_regularizer=regularizer, dtype="float32")(
            x
        )

    def _copy(self, layer: keras.layers.Layer, **changes: Any) -> keras.layers.Layer:
        if layer.compute_dtype in _OTHER_FLOATS:
            changes["dtype"] = "float32"
        return self.copies.of(layer, **changes)


_RESCALING = (keras.layers.Rescaling, keras.layers.Normalization)
_OTHER_FLOATS = ("float16", "bfloat16", "float64")  # the roundings of int8 are trained, and exported, in float32


def _has_activation(layer: keras.layers.Layer) -> bool:
    return layer.activation is not keras.activations.linear


def _unlike(values: np.ndarray, number: int) -> np.ndarray:
    """The values with one of them moved by the last bits, another one or farther for each number.

    TensorFlow 2.21's converter keeps equal kernels once and folds a batch normalisation into all that share it, and
    where all of a bias are alike it divides each by the first channel's scale.
    """
    moved = np.array(values, "float32")
    for _ in range(number // len(moved) + 1):
        moved[number % len(moved)] = np.nextafter(moved[number % len(moved)], np.float32(np.inf))
    return moved


def _scale_and_offset(layer: keras.layers.Layer) -> tuple[np.ndarray, np.ndarray]:
    """What the layer multiplies by and then adds, each in the shape in which it is broadcast."""
    if isinstance(layer, keras.layers.Rescaling):
        return np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(v), "float64") for v in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    return (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)


def _is_by_channel(values: np.ndarray, channels: int | None) -> bool:
    """Whether there is one value, or one a channel along the last axis."""
    return channels is not None and values.size in (1, channels) and values.shape[-1:] in ((), (values.size,))
