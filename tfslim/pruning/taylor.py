"""Taylor scores of a model without training it."""

from collections.abc import Callable, Iterable

import keras

from tfslim.pruning.dependency.channel_graph import channel_graph
from tfslim.pruning.importance.reduction import Aggregation
from tfslim.pruning.importance.scores import Scores, checksum
from tfslim.pruning.pruning_optimizer import Form, PruningOptimizer
from tfslim.pruning.surgery import remove_units

__all__ = ["taylor_scores"]


def taylor_scores(
    model: keras.Model,
    batches: Iterable[tuple],
    loss: keras.losses.Loss | Callable | str,
    form: Form = "activation",
    how: Aggregation = "sum",
    normalise: bool = False,
    prune_outputs: bool = False,
    keep: Iterable[str] = (),
) -> Scores:
    """Score a model's filters on batches by Taylor expansion.

    Use them as `tfslim.prune_filters(model, importance=scores)`. Layers run as in training: dropout drops, and batch
    normalization uses the batches' own statistics.

    Args:
        model: a functional or a built Sequential model; it is not changed.
        batches: a finite iterable of (inputs, targets) or (inputs, targets, sample weights).
        loss: as `compile` takes it.
        form: "activation" or "weight"; see `PruningOptimizer`.
        how: how the scores of layers tied together become one: "sum", "mean" or "max".
        normalise: divide a layer's scores by their mean.
        prune_outputs: as for `prune_filters`.
        keep: as for `prune_filters`.

    Returns:
        The scores, valid for this model with its present weights and the same `prune_outputs` and `keep`.

    Raises:
        ValueError: `batches` is empty, or scores are NaN or all zero.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3), classes=2)
        >>> batches = [(np.ones((4, 64, 64, 3)), np.eye(2)[[0, 1, 0, 1]])]
        >>> scores = taylor_scores(model, batches, keras.losses.BinaryCrossentropy(from_logits=True))
        >>> smaller, report = tfslim.prune_filters(model, 0.3, importance=scores)
    """
    scored = channel_graph(model)
    copy = remove_units(scored, [])
    graph = channel_graph(copy, prune_outputs, keep)
    optimizer = PruningOptimizer(keras.optimizers.SGD(0.0), graph, form)
    copy.compile(optimizer, loss)
    for x, y, *weights in batches:
        copy.train_on_batch(x, y, *weights)
    return Scores(optimizer.scores(how, normalise), graph.filters, checksum(scored.model))
