"""Statistics of sparse and clustered kernels.

They are zeros and distinct values, in a model and in a .tflite file.
"""

import dataclasses
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfslim.litert.flatbuffer.model_file import open_file

__all__ = ["KernelContent", "file_kernels", "model_kernels"]

# Layer class -> attributes of its kernels in Keras 3.
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
_KERNEL_PLACE = 1  # index among the operands


@dataclasses.dataclass(frozen=True)
class KernelContent:
    """Statistics of the values in one kernel.

    Args:
        name: the layer's name; for a file the tensor's, if the layer is unknown.
        size: number of weights.
        zeros: share of weights that are 0.
        values: number of distinct values.
        filter_values: the most distinct values in one filter.
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
    """Count zeros and distinct values in a model's kernels.

    Covered are the kernels that `sparsify` and `cluster` know.

    Args:
        model: a Keras 3 model without nested ones; `tfslim.flatten` opens those.

    Returns:
        One entry per kernel of the layers in KERNELS, named after the layer, and the kernel if the layer has two.

    Example:
        >>> content = model_kernels(tfslim.models.SlimNet())[0]
        >>> content.name, content.size, content.zeros
        ('stem_conv', 14112, 0.0)
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
    """Count zeros and distinct values in a .tflite file's kernels.

    The values are the stored integers.

    Args:
        path: the file.
        layers: names of the layers that have kernels, in the model's order, to name the entries by.

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
            stored = None if kernel is None else kernel.values()
            if operator.name not in _FILTER_AXES or kernel is None or stored is None:
                continue
            values = np.moveaxis(stored, _FILTER_AXES[operator.name], 0)
            # Equal kernels are stored once, under the name of one of them: the result's name is more reliable.
            names = [*(tensor.name for tensor in graph.results(operator)), kernel.name]
            name = _layer_name(names, known) or kernel.name
            found.append(_content(name, values.reshape(len(values), -1)))
    return found


def _content(name: str, filters: np.ndarray) -> KernelContent:
    """Describe a kernel of shape (filters, weights of each)."""
    return KernelContent(
        name,
        filters.size,
        float((filters == 0).mean()),
        len(np.unique(filters)),
        max(len(np.unique(filter)) for filter in filters),
    )


def _scopes(tensors: list[str], layers: Sequence[str]) -> dict[str, str]:
    """Return each layer's scope in the tensors' names.

    This is the layer's name, or the changed one if Keras opened the scope again.
    """
    parts = {part for tensor in tensors for part in tensor.replace(";", "/").split("/")}
    return max((_opened(layers, times) for times in (1, 2, 3)), key=lambda scopes: len(scopes.keys() & parts))


def _opened(layers: Sequence[str], times: int) -> dict[str, str]:
    """Return each layer's last scope after opening scopes several times.

    TensorFlow appends the next free number.

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
    """Return the layer that a tensor's name contains.

    An example of a tensor's name is "model/stem_relu/Relu;model/stem_conv/Conv2D;...".
    """
    for tensor in tensors:
        for part in tensor.replace(";", "/").split("/"):
            if part in scopes:
                return scopes[part]
    return None
