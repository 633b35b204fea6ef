"""Moving statistics of batch normalization for a model's present weights."""

from collections.abc import Iterable, Iterator

import keras


def reestimate_statistics(model: keras.Model, batches: Iterable) -> int:
    """Set batch normalizations' moving statistics to their averages, in place.

    Averaged weights do not fit the statistics that were tracked during training, which belong to the weights of each
    step; after a short training the statistics also keep a share of their initial 0 and 1. The average is the plain
    one over `batches`; for a layer that is called several times, over all its calls. Weights and frozen layers stay
    unchanged.

    Args:
        model: functional model; layers of nested models are included. Dropout is off while this runs.
        batches: inputs as the model takes them, or (inputs, targets); some thousand examples are enough.

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
        raise ValueError(f"{model.name}: found no batches to measure the statistics on; give at least one")
    return sum(average.updates > 0 for average in averages)


class _Average:
    """Layer's moving average turned into the average of all updates."""

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
