"""Cost of a model without some of its units.

It is computed from the channel graph, without building the smaller model.
"""

from collections import defaultdict
from functools import cached_property

import keras
import numpy as np

from tfslim.cost.model_cost import Cost, bits_of, measure
from tfslim.pruning.dependency.channel_graph import ChannelGraph
from tfslim.pruning.dependency.tracing import Slice
from tfslim.pruning.selection import Left
from tfslim.pruning.surgery import kept_mask

__all__ = ["Budget", "target"]

KERNELS = ("kernel", "depthwise_kernel", "pointwise_kernel")


class Budget:
    """Counts of filters, parameters, bytes and MACs after removing units.

    In every method `gone` is (graph.unit_count,) bool, True for units that are removed.

    Args:
        graph: the model's channel graph.

    Example:
        >>> graph = channel_graph(tfslim.models.SlimNet((64, 64, 3)))
        >>> Budget(graph).params(np.zeros(graph.unit_count, bool)) == tfslim.measure(graph.model).params
        True
    """

    def __init__(self, graph: ChannelGraph):
        self._graph = graph
        self._slices: dict[int, list[Slice]] = defaultdict(list)
        for part in graph.slices:
            self._slices[id(part.variable)].append(part)

    def filters(self, gone: np.ndarray) -> int:
        """Return the filters left in all layers, output layers excluded."""
        return sum(int(kept_mask(units, gone).sum()) for units in self._graph.filters.values())

    def params(self, gone: np.ndarray) -> int:
        """Return the parameters left, as `tfslim.measure` counts them."""
        return sum(self._size(variable, gone) for variable in self._graph.model.weights)

    def bytes(self, gone: np.ndarray) -> int:
        """Return the bytes of weights left, as `tfslim.measure` counts."""
        weights = self._graph.model.weights
        return sum(-(-self._size(variable, gone) * bits_of(variable.dtype) // 8) for variable in weights)

    def macs(self, gone: np.ndarray) -> int:
        """Return the MACs left; a layer's shrink with its kernels."""
        total = self._cost.macs
        for macs, kernels, size in self._multiplying:
            left = sum(self._size(kernel, gone) for kernel in kernels)
            total -= macs - round(macs * left / size)
        return total

    def _size(self, variable: keras.Variable, is_removed: np.ndarray) -> int:
        shape = list(variable.shape)
        for part in self._slices.get(id(variable), ()):
            shape[part.axis] = int(kept_mask(part.units, is_removed).sum())
        return int(np.prod(shape))

    @cached_property
    def _cost(self) -> Cost:
        return measure(self._graph.model)

    @cached_property
    def _multiplying(self) -> list[tuple[int, list[keras.Variable], int]]:
        """Return MACs, kernels and total kernel size of prunable layers."""
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
    """Return a pruning target's quantity and limit.

    Args:
        graph: the model's channel graph.
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to keep: a number, or a share of the model's if above 0 and below 1.
        macs: multiply-accumulates to keep, in the same way.
        bytes: bytes of the weights to keep, in the same way.

    Returns:
        A function from a bool mask of removed units to what is left, and the most that may be left.

    Raises:
        ValueError: none or several targets are set, one is out of range, or MACs are requested of a model whose input
            size is not fixed.

    Example:
        >>> graph = channel_graph(tfslim.models.SlimNet((64, 64, 3)))
        >>> left, limit = target(graph, macs=0.5)
        >>> bool(left(np.zeros(graph.unit_count, bool)) > limit)
        True
    """
    targets = {"ratio": ratio, "params": params, "macs": macs, "bytes": bytes}
    given = {name: value for name, value in targets.items() if value is not None}
    if len(given) != 1:
        raise ValueError(f"set exactly one of ratio, params, macs and bytes; found {', '.join(given) or 'none'}")
    ((name, value),) = given.items()
    budget = Budget(graph)
    if name == "ratio":
        if not 0 < value < 1:
            raise ValueError(f"ratio={value}: the share of filters to remove must be above 0 and below 1")
        return budget.filters, graph.filter_count * (1 - value)
    if not value > 0:
        raise ValueError(f"{name}={value}: the amount to keep must be above 0")
    left = getattr(budget, name)
    try:
        whole = left(np.zeros(graph.unit_count, bool))
    except ValueError as error:
        raise ValueError(
            f"{name}={value}: the {name} of {graph.model.name} depend on a size that its inputs leave open; set "
            "ratio, params or bytes instead, or build the model with inputs of a fixed size"
        ) from error
    if value > whole:
        raise ValueError(f"{name}={value:,}: more than the {whole:,} that {graph.model.name} has")
    return left, value * whole if value < 1 else value
