"""What sparsity and clustering leave in kernels: zeros and different values, in a model and in a .tflite file."""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfslim.litert.flatbuffer.model_file import open_file

# Layer -> its kernels, as attributes of Keras 3.
KERNELS = {
    "Conv1D": ("kernel",),
    "Conv2D": ("kernel",),
    "Conv2DTranspose": ("kernel",),
    "Dense": ("kernel",),
    "DepthwiseConv2D": ("kernel",),
    "SeparableConv2D": ("depthwise_kernel", "pointwise_kernel"),
}
# Operator -> axis of its kernel that numbers the filters.
_FILTER_AXES = {"CONV_2D": 0, "DEPTHWISE_CONV_2D": 3, "TRANSPOSE_CONV": 0, "FULLY_CONNECTED": 0}
_KERNEL_PLACE = 1  # among the operands


@dataclasses.dataclass(frozen=True)
class KernelContent:
    """The values in one kernel.

    Args:
        name: the layer's; in a file the tensor's where no layer is known.
        size: number of weights.
        zeros: share of them that are 0.
        values: how many different ones there are.
        filter_values: the most different ones that one filter has.
    """

    name: str
    size: int
    zeros: float
    values: int
    filter_values: int

    def __str__(self) -> str:
        return (
            f"{self.name}: {self.size:,} weights, {self.zeros:.1%} zeros, {self.values} values, at most "
            f"{self.filter_values} a filter"
        )


def model_kernels(model: keras.Model) -> list[KernelContent]:
    """Counts zeros and values of the kernels of a Keras 3 model that `sparsify` and `cluster` know.

    Args:
        model: a model whose layers are not nested; `tfslim.flatten` opens those that are.

    Returns:
        One content a kernel of the layers in KERNELS, by the layer's name, and by that of the kernel where it has two.

    Example:
        >>> model_kernels(model)[0].zeros
        0.7
    """
    found = []
    for layer in model.layers:
        for attribute in KERNELS.get(type(layer).__name__, ()):
            kernel = keras.ops.convert_to_numpy(getattr(layer, attribute))
            depthwise = "Depthwise" in type(layer).__name__ or attribute.startswith("depthwise")
            if depthwise or "Transpose" in type(layer).__name__:
                kernel = np.moveaxis(kernel, -2, -1)
            filters = kernel.reshape(-1, kernel.shape[-1]).T
            name = layer.name if attribute == "kernel" else f"{layer.name} {attribute}"
            found.append(_content(name, filters))
    return found


def file_kernels(path: str | Path, layers: Sequence[str] = ()) -> list[KernelContent]:
    """Counts zeros and values of every kernel in a .tflite file; its values are the integers that are stored.

    Args:
        path: the file.
        layers: names of the layers that have kernels, by which these are called, in the model's order.

    Raises:
        ModelFileError: the file is damaged.

    Example:
        >>> print(*file_kernels("face.tflite"), sep="\\n")  # doctest: +SKIP
        stem_conv: 216 weights, 70.4% zeros, 16 values, at most 9 a filter
    """
    found = []
    graphs = open_file(path).graphs
    known = _scopes([tensor.name for graph in graphs for tensor in graph.tensors], layers)
    for graph in graphs:
        for operator in graph.operators:
            kernel = graph.operand(operator, _KERNEL_PLACE)
            if operator.name not in _FILTER_AXES or kernel is None or kernel.values() is None:
                continue
            values = np.moveaxis(kernel.values(), _FILTER_AXES[operator.name], 0)
            # Equal kernels are stored once, under the name of one of them: the result's name is more to be trusted.
            names = [*(tensor.name for tensor in graph.results(operator)), kernel.name]
            name = _layer_name(names, known) or kernel.name
            found.append(_content(name, values.reshape(len(values), -1)))
    return found


def _content(name: str, filters: np.ndarray) -> KernelContent:
    """`filters` is (filters, weights of each)."""
    return KernelContent(
        name,
        filters.size,
        float((filters == 0).mean()),
        len(np.unique(filters)),
        max(len(np.unique(filter)) for filter in filters),
    )


def _scopes(tensors: list[str], layers: Sequence[str]) -> dict[str, str]:
    """What stands for each layer in the tensors' names: its own, or what that became where Keras opened it again."""
    parts = {part for tensor in tensors for part in tensor.replace(";", "/").split("/")}
    return max((_opened(layers, times) for times in (1, 2, 3)), key=lambda scopes: len(scopes.keys() & parts))


def _opened(layers: Sequence[str], times: int) -> dict[str, str]:
    """Each layer's last scope, where each is opened so many times: TensorFlow adds the next number that is free.

    Example:
        >>> _opened(["conv2d", "conv2d_1"], 2)
        {'conv2d_1': 'conv2d', 'conv2d_1_2': 'conv2d_1'}
    """
    taken = Counter()

    def opened(name: str) -> str:
        number = taken[name]
        taken[name] += 1
        if not number:
            return name
        while f"{name}_{number}" in taken:
            number += 1
        taken[f"{name}_{number}"] = 1
        return f"{name}_{number}"

    return {[opened(layer) for _ in range(times)][-1]: layer for layer in layers}


def _layer_name(tensors: list[str], scopes: dict[str, str]) -> str | None:
    """The layer whose name is part of a tensor's: "model/stem_relu/Relu;model/stem_conv/Conv2D;..."."""
    for tensor in tensors:
        for part in tensor.replace(";", "/").split("/"):
            if part in scopes:
                return scopes[part]
    return None
