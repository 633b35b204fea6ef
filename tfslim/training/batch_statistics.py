"""Batch normalisation's moving statistics, measured anew for the weights that a model has now."""

from collections.abc import Iterable, Iterator

import keras


def reestimate_statistics(model: keras.Model, batches: Iterable) -> int:
    """Sets each batch normalisation's moving mean and variance to their plain average over `batches`, in place.

    A layer that is called several times gets the average over all its calls; frozen layers stay as they are.

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
    every = {id(layer): layer for layer in _layers(model)}.values()
    norms = [layer for layer in every if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable]
    dropouts = [layer for layer in every if isinstance(getattr(layer, "rate", None), float)]
    rates = [(layer, layer.rate) for layer in dropouts]
    averages = [_Average(layer) for layer in norms]
    empty = True
    try:
        for layer in dropouts:
            layer.rate = 0.0
        for average in averages:
            average.layer.call = average.call
        for batch in batches:
            empty = False
            model(batch[0] if isinstance(batch, tuple | list) else batch, training=True)
    finally:
        for layer, rate in rates:
            layer.rate = rate
        for average in averages:
            average.put_back()
    if empty:
        raise ValueError(f"{model.name}: no batches to take the statistics from")
    return sum(average.updates > 0 for average in averages)


class _Average:
    """Makes a layer's moving average the plain one of all its updates, of which a batch may bring several."""

    def __init__(self, layer: keras.layers.BatchNormalization):
        self.layer, self.updates = layer, 0
        self._momentum, self._call = layer.momentum, layer.call

    def call(self, inputs, training=None, mask=None):
        if training:
            self.updates += 1
            self.layer.momentum = 1 - 1 / self.updates  # 0 for the first, then 1/2, 2/3, ...
        return self._call(inputs, training=training, mask=mask)

    def put_back(self) -> None:
        self.layer.__dict__.pop("call", None)
        self.layer.momentum = self._momentum


def _layers(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _layers(layer)
        else:
            yield layer
