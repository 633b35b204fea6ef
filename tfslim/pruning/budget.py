"""What a model costs without some of its units, worked out from its channel graph without building it."""

from collections import defaultdict
from functools import cached_property

import keras
import numpy as np

from tfslim.cost import Cost, bits_of, measure
from tfslim.pruning.channel_graph import ChannelGraph
from tfslim.pruning.surgery import kept
from tfslim.pruning.tracing import Slice

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


class Budget:
    """Filters, parameters, bytes and MACs that are left when units go; `gone` is (unit_count,) bool throughout.

    Args:
        graph: the model's channel graph.

    Example:
        >>> Budget(graph).params(np.zeros(graph.unit_count, bool)) == tfslim.measure(model).params
        True
    """

    def __init__(self, graph: ChannelGraph):
        self._graph = graph
        self._slices: dict[int, list[Slice]] = defaultdict(list)
        for part in graph.slices:
            self._slices[id(part.variable)].append(part)

    def filters(self, gone: np.ndarray) -> int:
        """Filters of all layers that are left, those of the model's answers not counted."""
        return sum(int(kept(units, gone).sum()) for units in self._graph.filters.values())

    def params(self, gone: np.ndarray) -> int:
        """Parameters left, as `tfslim.measure` counts them."""
        return sum(self._size(variable, gone) for variable in self._graph.model.weights)

    def bytes(self, gone: np.ndarray) -> int:
        """Bytes of the weights left, as `tfslim.measure` counts them."""
        weights = self._graph.model.weights
        return sum(-(-self._size(variable, gone) * bits_of(variable.dtype) // 8) for variable in weights)

    def macs(self, gone: np.ndarray) -> int:
        """MACs left: those of a layer go with the size of its kernels."""
        total = self._cost.macs
        for macs, kernels, size in self._multiplying:
            left = sum(self._size(kernel, gone) for kernel in kernels)
            total -= macs - round(macs * left / size)
        return total

    def _size(self, variable: keras.Variable, gone: np.ndarray) -> int:
        shape = list(variable.shape)
        for part in self._slices.get(id(variable), ()):
            shape[part.axis] = int(kept(part.units, gone).sum())
        return int(np.prod(shape))

    @cached_property
    def _cost(self) -> Cost:
        return measure(self._graph.model)

    @cached_property
    def _multiplying(self) -> list[tuple[int, list[keras.Variable], int]]:
        """Layers whose kernels get shorter: their MACs, the kernels, and the kernels' size in all."""
        macs = {row.name: row.macs for row in self._cost.layers}
        found = []
        for layer in {id(part.layer): part.layer for part in self._graph.slices}.values():
            kernels = [getattr(layer, name) for name in KERNELS if getattr(layer, name, None) is not None]
            if kernels and macs[layer.name]:
                found.append((macs[layer.name], kernels, sum(int(np.prod(kernel.shape)) for kernel in kernels)))
        return found
