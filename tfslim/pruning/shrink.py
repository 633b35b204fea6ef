"""Cutting out what training with pruning has left dead."""

import keras
import numpy as np

from tfslim.pruning.channel_graph import ChannelGraph, channel_graph
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
        ValueError: all filters of a layer are dead.

    Example:
        >>> model.fit(x, y, epochs=20, callbacks=[TaylorPruning(ratio=0.4, every=50, drops=20)])
        >>> smaller, report = shrink(model)
    """
    graph = channel_graph(model)
    gone = dead_units(graph)
    smaller = remove_units(graph, np.flatnonzero(gone))
    report = prune_report("shrink", graph, gone, smaller)
    if not gone.any():
        report.done.append("no filter is dead: nothing was removed")
    return smaller, report


def dead_units(graph: ChannelGraph) -> np.ndarray:
    """Which units have nothing but zeros in what makes and scales them, (unit_count,) bool."""
    alive = np.zeros(graph.unit_count + 1, bool)
    for part in graph.slices:
        if part.role in ("filters", "scale"):
            others = tuple(axis for axis in range(len(part.variable.shape)) if axis != part.axis)
            alive[part.units[np.any(np.asarray(part.variable) != 0, axis=others)]] = True
    return ~alive[:-1]
