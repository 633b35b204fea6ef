"""Whether a channel of zeros stays one on its way through a model."""

import keras

from tfslim.calls import calls
from tfslim.pruning.channel_graph import ChannelGraph
from tfslim.pruning.following_norms import PROPORTIONAL_ACTIVATIONS
from tfslim.pruning.tracing import tensors_of

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


def keeps_zeros(graph: ChannelGraph) -> bool:
    """Whether all that a model makes of its units' channels surely is zero where a channel is.

    Example:
        >>> keeps_zeros(channel_graph(tfslim.models.SqueezeNet()))
        True
    """
    makers = {id(part.layer) for part in graph.slices if part.role == "filters"}
    made = set()
    every = list(calls(graph.model, graph.model.inputs, opened=False))
    for call in every:
        if id(call.operation) in makers or any(id(tensor) in made for tensor in tensors_of(call)):
            if not _keeps(call.operation):
                return False
            made |= {id(output) for output in call.outputs}
    return True


def _keeps(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.Rescaling):
        return not any(keras.tree.flatten(operation.offset))
    if isinstance(operation, keras.layers.Normalization):
        return operation.input_mean is None  # one that is learned is a weight
    if not isinstance(operation, keras.layers.Layer):
        return type(operation).__name__ in OPERATIONS
    return getattr(operation, "activation", None) in ZERO_AT_ZERO
