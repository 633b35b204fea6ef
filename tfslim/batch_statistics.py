"""Batch normalisation's moving statistics, measured anew for the weights that a model has now."""

from collections.abc import Iterable, Iterator

import keras


def reestimate_statistics(model: keras.Model, batches: Iterable) -> int:
    """Sets each batch normalisation's moving mean and variance to their plain average over `batches`, in place.

    Averaged weights never met the statistics that were tracked while training, which belong to the weights of each
    step; a short training's statistics also keep a share of their initial 0 and 1. Weights stay as they are.

    Args:
        model: functional model; layers of nested models count as well. Dropout is left out while this runs.
        batches: inputs as the model takes them, or (inputs, targets); some thousand examples are plenty.

    Returns:
        The number of layers set.

    Raises:
        ValueError: if there are no batches.

    Example:
        >>> reestimate_statistics(model, training_set.take(30))

    Source: Izmailov and others, "Averaging Weights Leads to Wider Optima and Better Generalization", UAI 2018,
        section 3.2.
    """
    norms = [layer for layer in _layers(model) if isinstance(layer, keras.layers.BatchNormalization)]
    dropouts = [layer for layer in _layers(model) if isinstance(getattr(layer, "rate", None), float)]
    before = [(layer, "momentum", layer.momentum) for layer in norms]
    before += [(layer, "rate", layer.rate) for layer in dropouts]
    count = 0
    try:
        for layer in dropouts:
            layer.rate = 0.0
        for count, batch in enumerate(batches, start=1):
            for layer in norms:
                # 0 for the first batch, then 1/2, 2/3, ...: the moving average becomes the plain one.
                layer.momentum = 1 - 1 / count
            model(batch[0] if isinstance(batch, tuple | list) else batch, training=True)
    finally:
        for layer, name, value in before:
            setattr(layer, name, value)
    if not count:
        raise ValueError(f"{model.name}: no batches to take the statistics from")
    return len(norms)


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer
