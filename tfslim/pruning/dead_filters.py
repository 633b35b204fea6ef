"""Removal of filters that training with pruning has left dead."""

from collections.abc import Callable

import keras
import numpy as np

from tfslim.pruning.dependency.channel_graph import ChannelGraph, channel_graph, keeps_zeros
from tfslim.pruning.dependency.tracing import Slice
from tfslim.pruning.prune import prune_report
from tfslim.pruning.surgery import remove_units
from tfslim.report import Report

__all__ = ["shrink"]


def shrink(model: keras.Model) -> tuple[keras.Model, Report]:
    """Remove filters whose weights are all zero.

    Such filters are left by `TaylorPruning`, for example.

    Args:
        model: a functional or a built Sequential model; it is not changed.

    Returns:
        A new functional model with the same outputs, and a report.

    Raises:
        TypeError: `model` is subclassed or not built.

    Example:
        >>> graph = channel_graph(tfslim.models.SlimNet((64, 64, 3)))
        >>> silence(graph, graph.groups[0].units[:8])
        >>> smaller, report = shrink(graph.model)
        >>> smaller.count_params() < graph.model.count_params()
        True
    """
    graph = channel_graph(model)
    removed_mask = dead_units(graph)
    all_dead = []
    for name, units in graph.filters.items():
        if (units >= 0).all() and removed_mask[units].all():
            removed_mask[units[0]] = False
            all_dead.append(name)
    smaller = remove_units(graph, np.flatnonzero(removed_mask))
    report = prune_report("shrink", graph, removed_mask, smaller)
    report.skipped.update({name: "all its filters are dead; one is kept, as a layer needs one" for name in all_dead})
    if not removed_mask.any():
        report.done.append("no filter is dead: nothing was removed")
    return smaller, report


def dead_units(graph: ChannelGraph) -> np.ndarray:
    """Find units that contribute nothing to the outputs.

    All weights that make and scale such a unit are zero, and so are all that read it, unless its zeros stay zero on
    their way through the model.

    Returns:
        (graph.unit_count,) bool
    """
    made = _any(graph, lambda part: part.role in ("filters", "scale"))
    read = _any(graph, lambda part: part.role == "inputs")
    # A gamma of zero cancels the shift by the mean.
    shifted = _any(graph, lambda part: part.role == "mean" and getattr(part.layer, "gamma", None) is None)
    measured = np.isin(np.arange(graph.unit_count), graph.measured)
    if not keeps_zeros(graph):
        return ~made & ~read & ~(measured & shifted)
    return ~made & ~((read | measured) & shifted)


def _any(graph: ChannelGraph, chosen: Callable[[Slice], bool]) -> np.ndarray:
    """Return which units are nonzero in the chosen slices."""
    found = np.zeros(graph.unit_count + 1, bool)
    for part in graph.slices:
        if chosen(part):
            others = tuple(axis for axis in range(len(part.variable.shape)) if axis != part.axis)
            found[part.units[np.any(np.asarray(part.variable) != 0, axis=others)]] = True
    return found[:-1]
