"""Cutting out what training with pruning has left dead."""

from collections.abc import Callable

import keras
import numpy as np

from tfslim.pruning.dependency.channel_graph import ChannelGraph, channel_graph, keeps_zeros
from tfslim.pruning.dependency.tracing import Slice
from tfslim.pruning.prune import prune_report
from tfslim.pruning.surgery import remove_units
from tfslim.report import Report


def shrink(model: keras.Model) -> tuple[keras.Model, Report]:
    """Removes the filters whose weights are all zero, such as those that `TaylorPruning` has dropped.

    Args:
        model: a functional or a built Sequential model; it is not changed.

    Returns:
        A new functional model with the same outputs, and a report.

    Raises:
        TypeError: `model` is subclassed or not built.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[TaylorPruning(ratio=0.4, every=50, drops=20)])
        >>> smaller, report = shrink(model)
    """
    graph = channel_graph(model)
    gone = dead_units(graph)
    whole = []
    for name, units in graph.filters.items():
        if (units >= 0).all() and gone[units].all():
            gone[units[0]] = False
            whole.append(name)
    smaller = remove_units(graph, np.flatnonzero(gone))
    report = prune_report("shrink", graph, gone, smaller)
    report.skipped.update({name: "all its filters are dead; one is kept, as a layer needs one" for name in whole})
    if not gone.any():
        report.done.append("no filter is dead: nothing was removed")
    return smaller, report


def dead_units(graph: ChannelGraph) -> np.ndarray:
    """Which units do nothing: zeros make and scale them, and either zeros read them or a zero stays one on its way.

    Returns:
        (graph.unit_count,) bool
    """
    made = _any(graph, lambda part: part.role in ("filters", "scale"))
    read = _any(graph, lambda part: part.role == "inputs")
    # A gamma of zero takes away what the mean has shifted.
    shifted = _any(graph, lambda part: part.role == "mean" and getattr(part.layer, "gamma", None) is None)
    measured = np.isin(np.arange(graph.unit_count), graph.measured)
    if not keeps_zeros(graph):
        return ~made & ~read & ~(measured & shifted)
    return ~made & ~((read | measured) & shifted)


def _any(graph: ChannelGraph, chosen: Callable[[Slice], bool]) -> np.ndarray:
    """Whether each unit has something other than zero in the chosen slices."""
    found = np.zeros(graph.unit_count + 1, bool)
    for part in graph.slices:
        if chosen(part):
            others = tuple(axis for axis in range(len(part.variable.shape)) if axis != part.axis)
            found[part.units[np.any(np.asarray(part.variable) != 0, axis=others)]] = True
    return found[:-1]
