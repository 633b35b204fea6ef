"""Rows (1, C) that come from a global pooling kept as maps (1, 1, 1, C), so that dense layers become convolutions."""

import dataclasses
from collections.abc import Callable

import keras

from tfslim.graph.activations import activation_name, has_own_activation
from tfslim.graph.traversal import LayerCall, iter_layer_calls

GLOBAL_POOLS = (keras.layers.GlobalAveragePooling2D, keras.layers.GlobalMaxPooling2D)
# These do to a map what they do to a row; others get the row.
ELEMENTWISE = (
    keras.layers.Activation,
    keras.layers.ReLU,
    keras.layers.LeakyReLU,
    keras.layers.ELU,
    keras.layers.Dropout,
    keras.layers.BatchNormalization,
)


@dataclasses.dataclass(frozen=True)
class PooledDenseInput:
    """A row as a map of one pixel; `as_row` makes the row, where something needs it."""

    map: keras.KerasTensor
    as_row: Callable[[], keras.KerasTensor]


def pools_before_dense(model: keras.Model) -> set[int]:
    """The global poolings (by their id) whose row reaches a dense layer through elementwise layers alone."""
    sources: dict[int, set[int]] = {}
    found = set()
    for call in iter_layer_calls(model, model.inputs, opened=False):
        operation = call.operation
        given = [
            value for value in keras.tree.flatten((call.args, call.kwargs)) if isinstance(value, keras.KerasTensor)
        ]
        if is_pool(operation):
            sources[id(call.outputs[0])] = {id(operation)}
        elif isinstance(operation, (*ELEMENTWISE, keras.layers.Dense)):
            before = sources.get(id(given[0]), set())
            found |= before if isinstance(operation, keras.layers.Dense) else set()
            sources[id(call.outputs[0])] = before
    return found


def is_pool(operation: keras.Operation) -> bool:
    """Whether this is a global pooling to a row."""
    return isinstance(operation, GLOBAL_POOLS) and not operation.keepdims and operation.data_format == "channels_last"


def keeps_rows(call: LayerCall) -> bool:
    """Whether a call on a `PooledDenseInput` returns one: elementwise and dense layers that do not sum over the row,
    and the Reshape to (1, 1, C) of a squeeze-and-excite block."""
    operation = call.operation
    if has_own_activation(operation):
        return False  # it may look at several numbers of the row
    if isinstance(operation, keras.layers.BatchNormalization):
        return operation.axis in (-1, 1)
    if isinstance(operation, keras.layers.Activation):
        return activation_name(operation) not in ("softmax", "log_softmax", "glu", "sparsemax")
    return isinstance(operation, (*ELEMENTWISE, keras.layers.Dense))
