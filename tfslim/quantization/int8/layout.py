"""Rewriting of a model into TFLite's int8 layers.

The outputs stay the same. A batch normalization that doesn't follow a convolution, and a rescaling, become a 1x1
depthwise convolution: one operator with a scale per channel, while separate multiplication and addition would need a
range between them.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from tfslim.cost.macs import DEPTHWISE
from tfslim.graph.decomposition import decompose_operations
from tfslim.graph.flattening import flatten
from tfslim.graph.layer_copier import LayerCopier, UnsupportedLayer
from tfslim.graph.rebuilding import model_like, rebuild
from tfslim.graph.stock_layers import is_as_stock
from tfslim.graph.traversal import LayerCall, iter_layer_calls, tensors_of

RESCALING = (keras.layers.Rescaling, keras.layers.Normalization)


def perturb_last_bit(values: np.ndarray, number: int) -> np.ndarray:
    """Return the values with one changed in its last bits.

    Each number changes another value, or changes it more. TensorFlow 2.21's converter stores equal kernels once and
    folds a batch normalization into all that share it, and if all values of a bias are equal it divides each by the
    first channel's scale.
    """
    moved = np.array(values, "float32")
    for _ in range(number // len(moved) + 1):
        moved[number % len(moved)] = np.nextafter(moved[number % len(moved)], np.float32(np.inf))
    return moved


def scale_and_offset(layer: keras.layers.Layer) -> tuple[np.ndarray, np.ndarray]:
    """Return the factor and the offset of a rescaling layer.

    Each has the shape in which it is broadcast.
    """
    if isinstance(layer, keras.layers.Rescaling):
        return np.asarray(layer.scale, "float64"), np.asarray(layer.offset, "float64")
    mean, variance = (np.asarray(keras.ops.convert_to_numpy(v), "float64") for v in (layer.mean, layer.variance))
    deviation = np.maximum(np.sqrt(variance), keras.backend.epsilon())
    return (deviation, mean) if layer.invert else (1 / deviation, -mean / deviation)


def is_by_channel(values: np.ndarray, channels: int | None) -> bool:
    """Check for a single value, or one per last-axis channel."""
    return channels is not None and values.size in (1, channels) and values.shape[-1:] in ((), (values.size,))


FOLDING = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)  # absorb a batch normalization that follows
FUSED = (keras.activations.linear, keras.activations.relu)  # activations that a convolution may keep
INPUT_SUFFIX = "_quantized"


def rewrite_for_int8(model: keras.Model) -> keras.Model:
    """Rebuild a model from layers that TFLite has in int8.

    The result computes in float32. Names and weights of the other layers stay.

    Args:
        model: a functional or a built Sequential model, of any float dtype; it is not changed.

    Returns:
        A functional model of stock layers with the same outputs. Each input `x` is followed by a layer "x_quantized".

    Raises:
        TypeError: `model` is subclassed.
        UnsupportedLayer: an operation of `keras.ops` can't be written as a layer, or TFLite's converter refuses
            a layer.

    Example:
        >>> [type(layer).__name__ for layer in rewrite_for_int8(model).layers]  # of a Rescaling
        ['InputLayer', 'Activation', 'DepthwiseConv2D']
    """
    plain = decompose_operations(flatten(model))
    listed = list(iter_layer_calls(plain, plain.inputs, opened=False))
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
    """Replacements of `rewrite_for_int8`, one for each call."""

    def __init__(self, model: keras.Model, listed: list[LayerCall]):
        self.copies = LayerCopier()
        self.weights: list[tuple[keras.layers.Layer, list[np.ndarray]]] = []
        self._names = Counter()
        self._steps: dict[tuple, keras.layers.Layer] = {}
        self._makers = {id(output): call for call in listed for output in call.outputs}
        self._readers = defaultdict(list)
        for reader, tensor in [(call.operation, tensor) for call in listed for tensor in tensors_of(call)]:
            self._readers[id(tensor)].append(reader)
        for tensor in model.outputs:
            self._readers[id(tensor)].append(None)
        self._calls_of = defaultdict(list)
        for call in listed:
            self._calls_of[id(call.operation)].append(call)
        self._casting = {
            id(t) for call in listed if not isinstance(call.operation, RESCALING) for t in tensors_of(call)
        }

    def input_dtype(self, tensor: keras.KerasTensor) -> str:
        """Return the dtype of a rewritten input.

        It is float32 for floats, and for pixels that the model only rescales: int8 files take floats or int8.
        """
        return tensor.dtype if id(tensor) in self._casting and "float" not in tensor.dtype else "float32"

    def place(self, call: LayerCall, args: tuple, kwargs: dict):
        layer, stock = call.operation, is_as_stock(call.operation)
        _check_interpolation(layer)
        if stock and isinstance(layer, RESCALING) and "float" in args[0].dtype:
            return self._rescaled(layer, args[0], *scale_and_offset(layer))
        if stock and isinstance(layer, keras.layers.BatchNormalization) and not self.folds(call):
            return self._lone_norm(layer, args[0], kwargs)
        if stock and isinstance(layer, keras.layers.Average):
            return self._averaged(layer, args[0])
        if stock and isinstance(layer, keras.layers.SeparableConv2D):
            return self._separated(layer, args[0])
        return self._with_own_activation(layer, args, kwargs)

    def folds(self, call: LayerCall) -> bool:
        """Check whether the converter folds a normalization into its convolution.

        It can't if something else reads the convolution too, at this or another of its calls.
        """
        norm, (tensor,) = call.operation, tensors_of(call)[:1]
        maker = self._makers.get(id(tensor))
        if maker is None or not isinstance(maker.operation, FOLDING) or not is_as_stock(maker.operation):
            return False
        outputs = [made.outputs[0] for made in self._calls_of[id(maker.operation)]]
        alone = all([id(reader) for reader in self._readers[id(output)]] == [id(norm)] for output in outputs)
        linear = maker.operation.activation is keras.activations.linear
        return alone and linear and normalizes_last_axis(norm, len(tensor.shape))

    def _step(self, layer: keras.layers.Layer, part: Any, made: Callable[[str], Any], name: str) -> Any:
        """Return the layers that replace a part of a layer.

        They are created once, however often the layer is called; `made` receives a name for them.
        """
        key = (id(layer), name, part)
        if key not in self._steps:
            self._steps[key] = made(self._numbered(name))
        return self._steps[key]

    def _numbered(self, name: str) -> str:
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}_{self._names[name]}"

    def _rescaled(
        self, layer: keras.layers.Layer, x: keras.KerasTensor, scale: np.ndarray, offset: np.ndarray
    ) -> keras.KerasTensor:
        channels, biased = x.shape[-1], bool(np.any(offset))
        if len(x.shape) == 4 and is_by_channel(scale, channels) and is_by_channel(offset, channels):
            by_channel = [np.broadcast_to(each.reshape(-1), channels) for each in (scale, offset)]
            return self._affine(layer, x, layer.name, by_channel[0], by_channel[1], layer.activity_regularizer)

        def multiplied(name: str) -> keras.layers.Layer:
            regularizer = None if biased else layer.activity_regularizer
            return keras.layers.Rescaling(scale.tolist(), name=name, activity_regularizer=regularizer, dtype="float32")

        def added(name: str) -> keras.layers.Layer:
            regularizer = layer.activity_regularizer
            return keras.layers.Rescaling(
                1.0, offset=offset.tolist(), name=name, activity_regularizer=regularizer, dtype="float32"
            )

        part = scale.tobytes()  # an average's scale depends on the number of tensors
        if not biased:
            return self._step(layer, part, multiplied, layer.name)(x)
        if np.any(scale != 1.0):
            x = self._step(layer, part, multiplied, f"{layer.name}_scale")(x)
        return self._step(layer, part, added, layer.name)(x)

    def _affine(
        self,
        layer: keras.layers.Layer,
        x: keras.KerasTensor,
        name: str,
        scale: np.ndarray,
        offset: np.ndarray | None,
        regularizer: keras.regularizers.Regularizer | None = None,
    ) -> keras.KerasTensor:
        biased = offset is not None and bool(np.any(offset))

        def made(name: str) -> keras.layers.Layer:
            step = keras.layers.DepthwiseConv2D(
                1,
                use_bias=biased,
                trainable=False,
                activity_regularizer=regularizer,
                name=name,
                data_format="channels_last",
                dtype="float32",
            )
            step.is_rescaling = True  # distinguishes it in `int8_scheme` from the model's own convolutions
            kernel = perturb_last_bit(scale, len(self.weights)).reshape(1, 1, -1, 1)
            bias = [perturb_last_bit(offset, 0)] if offset is not None and biased else []
            self.weights.append((step, [kernel, *bias]))
            return step

        return self._step(layer, (x.shape[-1], scale.tobytes()), made, name)(x)

    def _lone_norm(
        self, layer: keras.layers.BatchNormalization, x: keras.KerasTensor, kwargs: dict
    ) -> keras.KerasTensor:
        channels, rank = x.shape[-1], len(x.shape)
        if rank not in (2, 4) or channels is None or not normalizes_last_axis(layer, rank):
            return self._copy(layer)(x, **kwargs)
        if rank == 2:
            x = self._reshaped(layer, x, (1, 1, channels), f"{layer.name}_image")
        x = self._affine(layer, x, f"{layer.name}_identity", np.ones(channels), None)
        x = self._copy(layer, axis=-1)(x, **kwargs)
        return self._reshaped(layer, x, (channels,), f"{layer.name}_vector") if rank == 2 else x

    def _reshaped(
        self, layer: keras.layers.Layer, x: keras.KerasTensor, shape: tuple[int, ...], name: str
    ) -> keras.KerasTensor:
        return self._step(layer, shape, lambda name: keras.layers.Reshape(shape, name=name, dtype="float32"), name)(x)

    def _averaged(self, layer: keras.layers.Layer, tensors: list) -> keras.KerasTensor:
        number, name = len(tensors), f"{layer.name}_sum"
        total = self._step(layer, number, lambda name: keras.layers.Add(name=name, dtype="float32"), name)(tensors)
        return self._rescaled(layer, total, np.array(1 / number), np.array(0.0))

    def _separated(self, layer: keras.layers.SeparableConv2D, x: keras.KerasTensor) -> keras.KerasTensor:
        deep, point = self._step(layer, None, lambda name: self._separate_steps(layer, name), layer.name)
        return self._activated(layer, point(deep(x)))

    def _separate_steps(self, layer: keras.layers.SeparableConv2D, name: str) -> tuple:
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
            name=name,
            dtype="float32",
        )
        depthwise, *rest = layer.get_weights()
        self.weights += [(deep, [depthwise]), (point, rest)]
        return deep, point

    def _with_own_activation(self, layer: keras.layers.Layer, args: tuple, kwargs: dict):
        others = (keras.layers.Conv1D, keras.layers.Conv2DTranspose, keras.layers.Dense)
        fused = isinstance(layer, (*FOLDING, *DEPTHWISE, *others))
        if not fused or layer.activation in FUSED or not is_as_stock(layer):
            return self._copy(layer)(*args, **kwargs)
        return self._activated(
            layer, self._copy(layer, activation="linear", activity_regularizer=None)(*args, **kwargs)
        )

    def _activated(self, layer: keras.layers.Layer, x: keras.KerasTensor) -> keras.KerasTensor:
        if not _has_activation(layer):
            return x
        # A layer that is called again has its activation applied again.
        name = self._numbered(f"{layer.name}_{activation_label(layer)}")
        regularizer = layer.activity_regularizer  # applies to the activation's output
        return keras.layers.Activation(layer.activation, name=name, activity_regularizer=regularizer, dtype="float32")(
            x
        )

    def _copy(self, layer: keras.layers.Layer, **changes: Any) -> keras.layers.Layer:
        if layer.compute_dtype in _OTHER_FLOATS:
            changes["dtype"] = "float32"
        return self.copies.of(layer, **changes)


_OTHER_FLOATS = ("float16", "bfloat16", "float64")  # the roundings of int8 are trained, and exported, in float32


def activation_label(layer: keras.layers.Layer) -> str:
    """Return the name of a layer's activation, or its class."""
    return getattr(layer.activation, "__name__", type(layer.activation).__name__)


def _has_activation(layer: keras.layers.Layer) -> bool:
    return layer.activation is not keras.activations.linear


def normalizes_last_axis(layer: keras.layers.BatchNormalization, rank: int) -> bool:
    """Check whether a batch normalization works on the last axis.

    TFLite's always do. `rank` is the number of axes of its input.
    """
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    return axis % rank == rank - 1


def _check_interpolation(layer: keras.layers.Layer) -> None:
    """Raise UnsupportedLayer for interpolations that TFLite has no operator for.

    The converter would refuse the whole model.
    """
    if not isinstance(layer, (keras.layers.Resizing, keras.layers.UpSampling2D)):
        return
    antialias = getattr(layer, "antialias", False)
    if antialias or layer.interpolation not in ("bilinear", "nearest"):
        how = f"{layer.interpolation!r} and with antialias" if antialias else repr(layer.interpolation)
        raise UnsupportedLayer(layer.name, type(layer).__name__, f"TFLite resizes 'bilinear' or 'nearest', not {how}")
