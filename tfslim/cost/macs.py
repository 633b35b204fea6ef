"""Multiply-accumulates per layer call: the counting rules of `tfslim.measure`."""

import inspect
from math import prod

import keras

__all__ = ["UnknownExtent", "layer_macs"]

CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
SEPARABLE = (keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)

# Stock layers and keras.ops operations that multiply matrices and have no rule here.
# fmt: off
LAYERS_WITHOUT_A_RULE = frozenset({
    "AdditiveAttention", "Attention", "Bidirectional", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D", "Dot", "FlaxLayer",
    "GRU", "GroupQueryAttention", "JaxLayer", "LSTM", "MelSpectrogram", "RNN", "ReversibleEmbedding", "SimpleRNN",
    "SpectralNormalization", "STFTSpectrogram", "TFSMLayer", "TimeDistributed", "TorchModuleWrapper",
})
OPERATIONS_WITHOUT_A_RULE = frozenset({
    "AssociativeScan", "CDist", "Cholesky", "CholeskyInverse", "Cond", "Conv", "ConvTranspose", "Convolve",
    "Corrcoef", "Correlate", "DepthwiseConv", "Det", "Dot", "DotProductAttention", "Eig", "Eigh", "Einsum", "FFT",
    "FFT2", "ForiLoop", "GaussianBlur", "IFFT2", "IRFFT", "ISTFT", "Inner", "Inv", "JVP", "Kron", "Logdet", "Lstsq",
    "LuFactor", "Map", "Matmul", "MatrixRank", "Outer", "Pinv", "Qr", "RFFT", "SSIM", "STFT", "SVD", "Scan",
    "SeparableConv", "Slogdet", "Solve", "SolveTriangular", "Switch", "Tensordot", "Vdot", "VectorizedMap",
    "WhileLoop",
})
# fmt: on

Shape = tuple[int | None, ...]


def layer_macs(layer: keras.Operation, args: tuple, kwargs: dict, output_shape: Shape) -> int | None:
    """Count the multiply-accumulates of one layer call per example.

    Axis 0 is the batch and counts as 1. `tfslim.measure` states the rules.

    Args:
        layer: the layer that is called, or an operation of `keras.ops`.
        args: positional arguments of the call, with KerasTensors in place of tensors.
        kwargs: keyword arguments of the call, likewise.
        output_shape: shape of the first output.

    Returns:
        The count, or None if no rule covers the layer.

    Raises:
        UnknownExtent: if an axis that the count needs has no fixed length.
    """
    if not isinstance(layer, keras.layers.Layer):
        return None if type(layer).__name__ in OPERATIONS_WITHOUT_A_RULE else 0
    if isinstance(layer, keras.layers.MultiHeadAttention):
        return _attention(layer, args, kwargs, output_shape)
    tensors = [value for value in keras.tree.flatten((args, kwargs)) if isinstance(value, keras.KerasTensor)]
    if isinstance(layer, keras.layers.Dense):
        return _extent(output_shape[1:]) * _extent(tensors[0].shape[-1:])
    if isinstance(layer, keras.layers.EinsumDense):
        return _einsum_dense(layer.equation, tensors[0].shape, output_shape)
    if isinstance(layer, CONVOLUTIONS + TRANSPOSED + DEPTHWISE + SEPARABLE):
        return _convolution(layer, tensors[0].shape, output_shape)
    return None if type(layer).__name__ in LAYERS_WITHOUT_A_RULE else 0


class UnknownExtent(ValueError):
    """Error for a needed axis whose length is unknown."""


def _convolution(layer, input_shape: Shape, output_shape: Shape) -> int:
    first = layer.data_format == "channels_first"
    channels = input_shape[1 if first else -1]
    taps = prod(layer.kernel_size)
    if isinstance(layer, TRANSPOSED):
        inputs = _extent(input_shape[2:] if first else input_shape[1:-1])
        return inputs * taps * channels * layer.filters
    outputs = _extent(output_shape[2:] if first else output_shape[1:-1])
    if isinstance(layer, DEPTHWISE):
        return outputs * taps * channels * layer.depth_multiplier
    if isinstance(layer, SEPARABLE):
        depthwise = channels * layer.depth_multiplier
        return outputs * (taps * depthwise + depthwise * layer.filters)
    return outputs * taps * (channels // layer.groups) * layer.filters


def _einsum_dense(equation: str, input_shape: Shape, output_shape: Shape) -> int:
    """Count one multiply-accumulate per combination of all indices."""
    operands, result = equation.replace(" ", "").split("->")
    summed = operands.split(",")[0]
    extents = dict(_indices(result, output_shape)) | dict(_indices(summed, input_shape))
    extents[_indices(summed, input_shape)[0][0]] = 1
    return _extent(tuple(extents.values()))


def _indices(letters: str, shape: Shape) -> list[tuple[str | int, int | None]]:
    """Pair each index with its extent; number an ellipsis' axes."""
    if "..." not in letters:
        return list(zip(letters, shape, strict=True))
    left, right = letters.split("...")
    names = [*left, *range(len(shape) - len(left) - len(right)), *right]
    return list(zip(names, shape, strict=True))


def _attention(layer, args: tuple, kwargs: dict, output_shape: Shape) -> int:
    call = inspect.signature(layer.call).bind(*args, **kwargs).arguments
    query, value = call["query"].shape, call["value"].shape
    key = value if call.get("key") is None else call["key"].shape
    config = layer.get_config()
    heads, key_dim, value_dim = config["num_heads"], config["key_dim"], config["value_dim"]
    axes = config["attention_axes"] or range(1, len(value) - 1)
    queries, values = _extent(query[1:-1]), _extent(value[1:-1])
    attended = _extent(tuple(value[axis] for axis in axes))
    projections = queries * query[-1] * heads * key_dim + values * heads * (key[-1] * key_dim + value[-1] * value_dim)
    if config.get("use_gate"):
        projections += queries * query[-1] * heads * value_dim
    made = value_dim * _extent(output_shape[len(query) - 1 :])
    return projections + queries * heads * (attended * (key_dim + value_dim) + made)


def _extent(shape: Shape) -> int:
    sizes = [size for size in shape if size is not None]
    if len(sizes) < len(shape):
        raise UnknownExtent(f"shape {shape}")
    return prod(sizes)
