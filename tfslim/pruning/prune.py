"""`tfslim.prune_filters`: structured pruning in one call."""

from collections.abc import Iterable
from typing import Literal

import keras
import numpy as np

from tfslim.cost.model_cost import measured
from tfslim.pruning.budget import Budget, target
from tfslim.pruning.dependency.channel_graph import ChannelGraph, channel_graph
from tfslim.pruning.importance.reduction import Aggregation
from tfslim.pruning.importance.scores import Scores
from tfslim.pruning.importance.weights import Importance, check_scores, weight_importance
from tfslim.pruning.selection import select_units
from tfslim.pruning.surgery import carry_optimizer, kept_mask, remove_units
from tfslim.report import Figure, Report

__all__ = ["prune_filters"]

__all__ = ["prune_filters"]


def prune_filters(
    model: keras.Model,
    ratio: float | None = None,
    *,
    params: float | None = None,
    macs: float | None = None,
    bytes: float | None = None,
    importance: Importance | Scores | np.ndarray = "l2",
    scope: Literal["global", "per-layer"] = "global",
    round_to: int = 8,
    min_filters: int = 1,
    keep: Iterable[str] = (),
    prune_outputs: bool = False,
    how: Aggregation = "sum",
    normalise: bool = True,
    seed: int = 0,
    keep_compiled: bool = False,
) -> tuple[keras.Model, Report]:
    """Remove a model's least important filters.

    Everything that depends on a filter is removed with it. Set exactly one of `ratio`, `params`, `macs` and `bytes`.
    Nested models and tfslim's composite layers are opened.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to keep: a number, or a share of the model's if above 0 and below 1.
        macs: multiply-accumulates to keep, in the same way.
        bytes: bytes of the weights to keep, in the same way.
        importance: "l1", "l2", "bn_scale" or "random"; or the result of `tfslim.pruning.taylor_scores`; or your own
            scores (units,), in the order of `tfslim.pruning.channel_graph`.
        scope: "global" compares filters of all layers; "per-layer" takes an equal share of every layer.
        round_to: every layer keeps a multiple of this many filters, which phones and accelerators prefer; 1 for any
            number.
        min_filters: the fewest filters that a layer keeps.
        keep: names of layers that keep all filters.
        prune_outputs: whether the model's own outputs may lose channels: reasonable for an embedding, not for classes.
        how: how the norms or gammas of layers tied together become one score: "sum", "mean" or "max". Units with the
            lowest score for everything that their removal saves are removed first, so "sum" is fair to layers with and
            without ties.
        normalise: divide the norms or gammas of a layer by their mean.
        seed: seed of "random".
        keep_compiled: compile the result as `model` was, with the state of its optimizer.

    Returns:
        A new functional model and a report: what each layer lost, what stays and why, and the cost before and after.

    Raises:
        TypeError: `model` is subclassed or not built.
        ValueError: none or several targets are set, or one can't be met; the importance is unknown; `keep` names a
            layer that is not in the model; scores don't fit or are stale; or `keep_compiled` is set and a loss, for
            example, is not registered with Keras.

    Example:
        >>> smaller, report = tfslim.prune_filters(tfslim.models.SlimNet(), ratio=0.3)
        >>> smaller.count_params() < 400_000
        True
    """
    graph = channel_graph(model, prune_outputs, keep)
    if keep_compiled:
        _check_compiled(model)
    left, limit = target(graph, ratio, params, macs, bytes)
    if isinstance(importance, str):
        scores = weight_importance(graph, importance, how, normalise, seed)
    else:
        scores = importance.of(graph) if isinstance(importance, Scores) else check_scores(graph, importance)
    random = isinstance(importance, str) and importance == "random"
    removed_mask = select_units(graph, scores, left, limit, scope, round_to, min_filters, for_savings=not random)
    removed = np.flatnonzero(removed_mask)
    smaller = remove_units(graph, removed)
    if keep_compiled:
        smaller.compile_from_config(model.get_compile_config())
        carry_optimizer(model.optimizer, graph, removed, smaller)
    return smaller, prune_report("prune_filters", graph, removed_mask, smaller)


def prune_report(step: str, graph: ChannelGraph, removed_mask: np.ndarray, smaller: keras.Model) -> Report:
    """Report what removing units did to a model.

    Args:
        step: name of the function that removed them.
        graph: channel graph of the original model.
        removed_mask: (graph.unit_count,) bool, True for removed units.
        smaller: the pruned model.
    """
    counts = {name: (len(units), int(kept_mask(units, removed_mask).sum())) for name, units in graph.filters.items()}
    budget = Budget(graph)
    before, after = measured(graph.model), measured(smaller)
    figures: dict[str, Figure] = {
        "filters before": graph.filter_count,
        "filters after": budget.filters(removed_mask),
        "prunable filters": graph.prunable_count,
    }
    if before is None or after is None:
        whole = np.zeros(graph.unit_count, bool)
        figures |= {"parameters before": budget.params(whole), "parameters after": budget.params(removed_mask)}
        figures |= {"weight bytes before": budget.bytes(whole), "weight bytes after": budget.bytes(removed_mask)}
    return Report(
        step,
        before=before,
        after=after,
        done=[f"{name}: {before} -> {after} filters" for name, (before, after) in counts.items() if after < before],
        skipped=dict(graph.frozen),
        figures=figures,
    )


def _check_compiled(model: keras.Model) -> None:
    if not model.compiled:
        raise ValueError(f"keep_compiled needs a compiled model; compile {model.name} first")
    try:
        keras.saving.deserialize_keras_object(model.get_compile_config())
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"keep_compiled: Keras can't deserialize the compile settings of {model.name}; register its own classes "
            f"with keras.saving.register_keras_serializable, or compile the result yourself: {error}"
        ) from error
