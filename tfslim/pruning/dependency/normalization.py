"""Normalizations that follow a layer.

One may hide the strength of the layer's channels from the loss.
"""

from collections import defaultdict

import keras

from tfslim.cost.macs import DEPTHWISE
from tfslim.graph.traversal import iter_layer_calls, tensors_of
from tfslim.pruning.dependency.elementwise_rules import WINDOW_LAYERS
from tfslim.pruning.dependency.reshape_rules import GLOBAL_POOLING

NORMS = (keras.layers.BatchNormalization, keras.layers.GroupNormalization)
# Functions that scale each channel's output in proportion to its input.
PROPORTIONAL_ACTIVATIONS = (None, keras.activations.linear, keras.activations.relu, keras.activations.leaky_relu)
PROPORTIONAL_LAYERS = (
    *WINDOW_LAYERS,
    *GLOBAL_POOLING,
    keras.layers.Concatenate,
    keras.layers.Dropout,
    keras.layers.Flatten,
    keras.layers.Identity,
    keras.layers.LeakyReLU,
    keras.layers.Permute,
    keras.layers.PReLU,
    keras.layers.Reshape,
    keras.layers.SpatialDropout1D,
    keras.layers.SpatialDropout2D,
    keras.layers.SpatialDropout3D,
)


class FollowingNorms:
    """Normalization that follows each layer of a model.

    Args:
        model: functional model without nested ones.

    Example:
        >>> FollowingNorms(model).only(model.get_layer("conv1")).name
        'conv1_bn'
    """

    def __init__(self, model: keras.Model):
        self._calls = list(iter_layer_calls(model, model.inputs, opened=False))
        self._readers = defaultdict(list)
        for call in self._calls:
            for tensor in tensors_of(call):
                self._readers[id(tensor)].append(call)
        self._answers = {id(tensor) for tensor in model.outputs}

    def only(self, layer: keras.layers.Layer) -> keras.layers.Layer | None:
        """Return the normalization that alone reads a layer's outputs.

        The result is None if anything else reads them.
        """
        outputs = self._outputs(layer)
        found = {id(call.operation): call.operation for tensor in outputs for call in self._readers[id(tensor)]}
        single_reader = len(found) == 1 and not self._answers & {id(tensor) for tensor in outputs}
        operation = next(iter(found.values())) if single_reader else None
        return operation if isinstance(operation, NORMS) else None

    def hide(self, layer: keras.layers.Layer) -> bool:
        """Check whether normalization follows on all paths from a layer.

        Then scaling the layer's output leaves the loss unchanged.
        """
        if getattr(layer, "activation", None) not in PROPORTIONAL_ACTIVATIONS:
            return False
        waiting = self._outputs(layer)
        while waiting:
            tensor = waiting.pop()
            if id(tensor) in self._answers or not self._readers[id(tensor)]:
                return False
            for call in self._readers[id(tensor)]:
                if isinstance(call.operation, NORMS):
                    continue
                if not _proportional(call.operation):
                    return False
                waiting += call.outputs
        return True

    def _outputs(self, layer: keras.layers.Layer) -> list[keras.KerasTensor]:
        return [output for call in self._calls if call.operation is layer for output in call.outputs]


def _proportional(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.ReLU):
        return operation.max_value is None and not operation.threshold
    if isinstance(operation, keras.layers.Activation):
        return operation.activation in PROPORTIONAL_ACTIVATIONS
    if isinstance(operation, DEPTHWISE):
        return not operation.use_bias and operation.activation in PROPORTIONAL_ACTIVATIONS
    return isinstance(operation, PROPORTIONAL_LAYERS) or type(operation).__name__ == "Concatenate"
