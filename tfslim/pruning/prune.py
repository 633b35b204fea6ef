"""`tfslim.prune_filters`: a smaller model in one call."""

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
from tfslim.report import Report


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
    """Removes the filters of a functional model that count least, and with them all that belongs to them.

    Exactly one of `ratio`, `params`, `macs` and `bytes` says how many. Nested models and tfslim's layers are opened.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to be left: a number, or above 0 and below 1 a share of the model's.
        macs: likewise multiply-accumulates.
        bytes: likewise bytes of the weights.
        importance: "l1", "l2", "bn_scale" or "random", or what `tfslim.pruning.taylor_scores` gives, or scores of your
            own (units,), in the order of `tfslim.pruning.channel_graph`.
        scope: "global" compares filters of all layers; "per-layer" takes an equal share of every layer.
        round_to: layers are left with a multiple of so many filters, as phones and accelerators like; 1 for any number.
        min_filters: the least filters that a layer is left with.
        keep: names of layers that keep all filters.
        prune_outputs: whether the model's own outputs may lose channels, as an embedding may; classes may not.
        how: how norms or gammas of layers tied together become one score: "sum", "mean" or "max". What goes is what
            counts least for all that its going saves, so "sum" is fair to layers with ties and without.
        normalise: divide the norms or gammas of a layer by their mean.
        seed: of "random".
        keep_compiled: compile the result as `model` was, with what its optimizer has gathered.

    Returns:
        A new functional model and a report: what each layer lost, what stays and why, and the cost before and after.

    Raises:
        TypeError: `model` is subclassed or not built.
        ValueError: no or several targets, one that can't be met, an unknown importance, a layer in `keep` that is not
            there, scores that don't fit or are stale, or with `keep_compiled` a loss, say, that is not registered with
            Keras.

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
    gone = select_units(graph, scores, left, limit, scope, round_to, min_filters, for_savings=not random)
    removed = np.flatnonzero(gone)
    smaller = remove_units(graph, removed)
    if keep_compiled:
        smaller.compile_from_config(model.get_compile_config())
        carry_optimizer(model.optimizer, graph, removed, smaller)
    return smaller, prune_report("prune_filters", graph, gone, smaller)


def prune_report(step: str, graph: ChannelGraph, gone: np.ndarray, smaller: keras.Model) -> Report:
    """What removing some units did to a model; `gone` is (graph.unit_count,) bool."""
    counts = {name: (len(units), int(kept_mask(units, gone).sum())) for name, units in graph.filters.items()}
    budget = Budget(graph)
    before, after = measured(graph.model), measured(smaller)
    figures = {
        "filters before": graph.filter_count,
        "filters after": budget.filters(gone),
        "prunable filters": graph.prunable_count,
    }
    if before is None or after is None:
        whole = np.zeros(graph.unit_count, bool)
        figures |= {"parameters before": budget.params(whole), "parameters after": budget.params(gone)}
        figures |= {"weight bytes before": budget.bytes(whole), "weight bytes after": budget.bytes(gone)}
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
        raise ValueError(f"keep_compiled: {model.name} is not compiled")
    try:
        keras.saving.deserialize_keras_object(model.get_compile_config())
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"keep_compiled: Keras can't read back what {model.name} was compiled with; register it with "
            f"keras.saving.register_keras_serializable, or compile the result yourself: {error}"
        ) from error
