"""Importance of units from their weights alone."""

from typing import Literal

import keras
import numpy as np

from tfslim.pruning.dependency.channel_graph import FROZEN, ChannelGraph
from tfslim.pruning.dependency.tracing import Slice
from tfslim.pruning.importance.reduction import Aggregation, aggregate

__all__ = ["weight_importance"]

Importance = Literal["l1", "l2", "bn_scale", "random"]
KINDS = ("l1", "l2", "bn_scale", "random")


def weight_importance(
    graph: ChannelGraph,
    kind: Importance = "l2",
    how: Aggregation = "sum",
    normalise: bool = True,
    seed: int = 0,
    alive: np.ndarray | None = None,
) -> np.ndarray:
    """Score units by filter norms, batch normalization factors or randomly.

    Args:
        graph: the model's channel graph.
        kind: "l1" or "l2" norm of a filter's kernel, "bn_scale" for the absolute gamma of batch normalization, or
            "random".
        how: how the scores of the filters of a unit become one.
        normalise: divide the scores of a layer by their mean, as layers' kernels differ in size.
        seed: seed of "random".
        alive: the units in that mean, (graph.unit_count,) bool; by default all.

    Returns:
        (graph.unit_count,) float64, higher for more important units.

    Raises:
        ValueError: `kind` is unknown, "bn_scale" is requested and a unit has no batch normalization, or the weights are
            NaN, infinite or all zero.

    Example:
        >>> graph = channel_graph(tfslim.models.SlimNet((64, 64, 3)))
        >>> weight_importance(graph, "l1").shape == (graph.unit_count,)
        True

    Source: l1: Li and others, "Pruning Filters for Efficient ConvNets", arXiv 1608.08710; bn_scale: Liu and others,
        "Learning Efficient Convolutional Networks through Network Slimming", arXiv 1708.06519.
    """
    if kind == "random":
        return np.random.default_rng(seed).random(graph.unit_count)
    if kind in ("l1", "l2"):
        makers = [(part.units, _norms(part, kind)) for part in graph.slices if _is_kernel(part)]
    elif kind == "bn_scale":
        makers = [(part.units, np.abs(np.asarray(part.variable))) for part in graph.slices if _is_gamma(part)]
        _check_all_scaled(graph, makers)
    else:
        raise ValueError(
            f"importance={kind!r}; expected one of {', '.join(KINDS)}, or scores, such as those of `taylor_scores`"
        )
    return check_scores(graph, aggregate(makers, graph.unit_count, how, normalise, alive))


def check_scores(graph: ChannelGraph, scores: np.ndarray) -> np.ndarray:
    """Return scores as float64 after checking them.

    There must be one finite number per unit, and not all may be 0.

    Raises:
        ValueError: the scores are not like that.
    """
    scores = np.asarray(scores, np.float64)
    if scores.shape != (graph.unit_count,):
        raise ValueError(f"importance: expected {graph.unit_count} scores, one per unit; found shape {scores.shape}")
    if not np.isfinite(scores).all():
        first = np.isfinite(scores).argmin()
        makers = next(" + ".join(group.makers) for group in graph.groups if first in group.units)
        bad = int((~np.isfinite(scores)).sum())
        raise ValueError(
            f"importance: {bad} of {len(scores)} scores are NaN or infinite, the first for a filter of {makers}"
        )
    if len(scores) and not scores.any():
        raise ValueError("importance: all scores are 0, so the units can't be ranked")
    return scores


def _is_kernel(part: Slice) -> bool:
    return part.role == "filters" and len(part.variable.shape) > 1


def _norms(part: Slice, kind: str) -> np.ndarray:
    kernel = np.moveaxis(np.asarray(part.variable, np.float64), part.axis, 0).reshape(len(part.units), -1)
    return np.abs(kernel).sum(1) if kind == "l1" else np.sqrt(np.square(kernel).sum(1))


def _is_gamma(part: Slice) -> bool:
    batch_norm = isinstance(part.layer, keras.layers.BatchNormalization)
    return batch_norm and part.role == "scale" and part.variable is part.layer.gamma


def _check_all_scaled(graph: ChannelGraph, makers: list[tuple[np.ndarray, np.ndarray]]) -> None:
    scaled = np.zeros(graph.unit_count, bool)
    for units, _ in makers:
        scaled[units[units != FROZEN]] = True
    bare = [str(group) for group in graph.groups if not scaled[group.units].all()]
    if bare:
        raise ValueError(
            f"importance='bn_scale': no batch normalization with a gamma follows {bare[0]}"
            f"{f' and {len(bare) - 1} more groups' if len(bare) > 1 else ''}; use 'l2', or add the layers to keep"
        )
