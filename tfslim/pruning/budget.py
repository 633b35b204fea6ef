"""What a model costs without some of its units, worked out from its channel graph without building it."""

from collections import defaultdict
from functools import cached_property

import keras
import numpy as np

from tfslim.cost.model_cost import Cost, bits_of, measure
from tfslim.pruning.dependency.channel_graph import ChannelGraph
from tfslim.pruning.dependency.tracing import Slice
from tfslim.pruning.selection import Left
from tfslim.pruning.surgery import kept_mask

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
        return sum(int(kept_mask(units, gone).sum()) for units in self._graph.filters.values())

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
            shape[part.axis] = int(kept_mask(part.units, gone).sum())
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


def target(
    graph: ChannelGraph,
    ratio: float | None = None,
    params: float | None = None,
    macs: float | None = None,
    bytes: float | None = None,
) -> tuple[Left, float]:
    """What is counted, and how much of it may be left.

    Args:
        graph: the model's channel graph.
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to be left: a number, or above 0 and below 1 a share of the model's.
        macs: likewise multiply-accumulates.
        bytes: likewise bytes of the weights.

    Returns:
        A function, which units go -> what is left, and the most that may be left.

    Raises:
        ValueError: none or several are given, one is out of its range, or MACs are asked of a model whose images' size
            is open.

    Example:
        >>> left, limit = target(graph, macs=0.5)
    """
    asked = {"ratio": ratio, "params": params, "macs": macs, "bytes": bytes}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) != 1:
        raise ValueError(f"give one of ratio, params, macs and bytes; found {', '.join(given) or 'none'}")
    ((name, value),) = given.items()
    budget = Budget(graph)
    if name == "ratio":
        if not 0 < value < 1:
            raise ValueError(f"ratio={value}: the share of filters to remove lies above 0 and below 1")
        return budget.filters, graph.filter_count * (1 - value)
    if not value > 0:
        raise ValueError(f"{name}={value}: what is to be left is above 0")
    left = getattr(budget, name)
    try:
        whole = left(np.zeros(graph.unit_count, bool))
    except ValueError as error:
        raise ValueError(
            f"{name}={value}: the {name} of {graph.model.name} depend on a size that its inputs leave open; ask for "
            "ratio, params or bytes, or build the model with inputs of a fixed size"
        ) from error
    if value > whole:
        raise ValueError(f"{name}={value:,}: more than the {whole:,} that {graph.model.name} has")
    return left, value * whole if value < 1 else value
