"""Zero propagation: channels that stay zero through a model."""

from collections.abc import Iterable

import keras

from tfslim.cost.macs import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED
from tfslim.graph.traversal import LayerCall, iter_layer_calls, tensors_of
from tfslim.pruning.dependency.elementwise_rules import MERGING_LAYERS
from tfslim.pruning.dependency.normalization import PROPORTIONAL_ACTIVATIONS, PROPORTIONAL_LAYERS
from tfslim.pruning.dependency.tracing import Slice

ZERO_AT_ZERO = (
    *PROPORTIONAL_ACTIVATIONS,
    keras.activations.elu,
    keras.activations.gelu,
    keras.activations.hard_silu,
    keras.activations.relu6,
    keras.activations.selu,
    keras.activations.silu,
    keras.activations.tanh,
)
OPERATIONS = frozenset({
    "Abs", "Absolute", "Concatenate", "Gelu", "GetItem", "HardSilu", "Max", "Mean", "Multiply", "Relu", "Relu6",
    "Reshape", "Silu", "Tanh", "Transpose",
})  # fmt: skip
# Layers that read all channels and make new ones.
READERS = (*CONVOLUTIONS, *TRANSPOSED, *SEPARABLE, keras.layers.Dense)
ACTIVATED = (*READERS, *DEPTHWISE, keras.layers.Activation)
# In training too, unlike additive noise. The offset of a normalization is silenced with its channel.
KEEPING_LAYERS = (
    *PROPORTIONAL_LAYERS,
    keras.layers.ActivityRegularization,
    keras.layers.BatchNormalization,
    keras.layers.ELU,
    keras.layers.GaussianDropout,
    keras.layers.GroupNormalization,
    keras.layers.Multiply,
    keras.layers.RMSNormalization,
    keras.layers.UnitNormalization,
)


def not_surely_zero(model: keras.Model, slices: Iterable[Slice]) -> set[int]:
    """Find tensors that may be nonzero in a dead channel.

    A dead channel is one whose making weights are all zero. Training mode is covered as well.

    Args:
        model: a functional model, of which nothing is opened.
        slices: where its weights make channels.

    Returns:
        The tensors' ids.
    """
    slices = list(slices)
    makers = {id(part.layer) for part in slices if part.role == "filters"}
    shifters = {id(part.layer) for part in slices if part.role == "mean"}
    zero, unsure = set(), set()
    for call in iter_layer_calls(model, model.inputs, opened=False):
        makes = id(call.operation) in makers
        if not makes and isinstance(call.operation, READERS):
            continue
        tensors = tensors_of(call)
        nonzero = not makes and any(id(tensor) in unsure for tensor in tensors)
        if not makes and not nonzero and not any(id(tensor) in zero for tensor in tensors):
            continue
        if nonzero and _is_product(call.operation):
            nonzero = not any(id(tensor) in zero and tensor.shape == call.outputs[0].shape for tensor in tensors)
        (zero if _keeps(call, shifters) and not nonzero else unsure).update(id(output) for output in call.outputs)
    return unsure


def _is_product(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.layers.Multiply) or type(operation).__name__ == "Multiply"


def _keeps(call: LayerCall, shifters: set[int]) -> bool:
    """Check whether a call maps zero channels to zero.

    `shifters` are the ids of layers whose mean is a weight of each channel.
    """
    operation = call.operation
    if not isinstance(operation, keras.layers.Layer):
        return type(operation).__name__ in OPERATIONS and not getattr(operation, "initial", None)
    if isinstance(operation, ACTIVATED):
        return operation.activation in ZERO_AT_ZERO
    if isinstance(operation, keras.layers.ReLU):
        return not (operation.threshold and operation.negative_slope)
    if isinstance(operation, keras.layers.Rescaling):
        return not any(keras.tree.flatten(operation.offset))
    if isinstance(operation, keras.layers.Normalization):
        return id(operation) in shifters
    if isinstance(operation, keras.layers.Resizing):
        return not operation.fill_value
    if isinstance(operation, MERGING_LAYERS) and not isinstance(operation, keras.layers.Multiply):
        # A single channel broadcast over others, such as a map added to all, is nonzero where these are zero.
        return len({tensor.shape for tensor in tensors_of(call)}) == 1
    return isinstance(operation, KEEPING_LAYERS)
