"""Rewrite of dense layers after a global pooling into convolutions.

For that, a row (1, C) after a global pooling is kept as a map (1, 1, 1, C).
"""

import dataclasses
from collections.abc import Callable

import keras

from tfslim.graph.activations import activation_name, has_own_activation
from tfslim.graph.traversal import LayerCall, iter_layer_calls, tensors_of

__all__ = ["PooledDenseInput", "is_pool", "keeps_rows", "pools_before_dense"]

_GLOBAL_POOLS = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
# These treat a map as they treat a row; other layers get the row.
_ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Dropout,
    keras.layers.BatchNormalization,
)


@dataclasses.dataclass(frozen=True)
class PooledDenseInput:
    """Row kept as a map of one pixel.

    `as_row` returns the row.
    """

    map: keras.KerasTensor
    as_row: Callable[[], keras.KerasTensor]


def pools_before_dense(model: keras.Model) -> set[int]:
    """Find global poolings with a dense layer behind elementwise layers.

    Args:
        model: a functional model.

    Returns:
        The ids of the pooling layers.
    """
    sources: dict[int, set[int]] = {}
    pools = set()
    for call in iter_layer_calls(model, model.inputs, opened=False):
        operation = call.operation
        if is_pool(operation):
            sources[id(call.outputs[0])] = {id(operation)}
        elif isinstance(operation, (*_ELEMENTWISE, keras.layers.Dense)):
            before = sources.get(id(tensors_of(call)[0]), set())
            pools |= before if isinstance(operation, keras.layers.Dense) else set()
            sources[id(call.outputs[0])] = before
    return pools


def is_pool(operation: keras.Operation) -> bool:
    """Return whether this is a global pooling to a row."""
    return isinstance(operation, _GLOBAL_POOLS) and not operation.keepdims and operation.data_format == "channels_last"


def keeps_rows(call: LayerCall) -> bool:
    """Return whether a call on a `PooledDenseInput` can return one.

    Elementwise and dense layers can, unless they sum over the row.
    """
    operation = call.operation
    if has_own_activation(operation):
        return False  # it may combine several numbers of the row
    if isinstance(operation, keras.layers.BatchNormalization):
        return operation.axis in (-1, 1)
    if isinstance(operation, keras.layers.Activation):
        return activation_name(operation) not in ("softmax", "log_softmax", "glu", "sparsemax")
    return isinstance(operation, (*_ELEMENTWISE, keras.layers.Dense))
