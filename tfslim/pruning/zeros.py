"""Whether a channel of zeros stays one on its way through a model."""

import keras

from tfslim.calls import Call, calls
from tfslim.macs import CONVOLUTIONS, DEPTHWISE, SEPARABLE, TRANSPOSED
from tfslim.pruning.channel_graph import ChannelGraph
from tfslim.pruning.elementwise import MERGING_LAYERS
from tfslim.pruning.following_norms import PROPORTIONAL_ACTIVATIONS, PROPORTIONAL_LAYERS
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
# What reads all channels, so that those it makes are others.
READERS = (*CONVOLUTIONS, *TRANSPOSED, *SEPARABLE, keras.layers.Dense)
ACTIVATED = (*READERS, *DEPTHWISE, keras.layers.Activation)
# In training too, which noise that is added would not be. The offset of a normalisation is silenced with its channel.
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


def keeps_zeros(graph: ChannelGraph) -> bool:
    """Whether all that a model makes of its units' channels surely is zero where a channel is, in training as well.

    Example:
        >>> keeps_zeros(channel_graph(tfslim.models.SqueezeNet()))
        True
    """
    makers = {id(part.layer) for part in graph.slices if part.role == "filters"}
    shifters = {id(part.layer) for part in graph.slices if part.role == "mean"}
    made = set()
    every = list(calls(graph.model, graph.model.inputs, opened=False))
    for call in every:
        makes = id(call.operation) in makers
        if not makes and isinstance(call.operation, READERS):
            continue
        if makes or any(id(tensor) in made for tensor in tensors_of(call)):
            if not _keeps(call, shifters):
                return False
            made |= {id(output) for output in call.outputs}
    return True


def _keeps(call: Call, shifters: set[int]) -> bool:
    """Whether this call does; `shifters` are the ids of layers whose mean is a weight of each channel."""
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
        # One channel that is spread over others, such as a map added to all, has a value where these are zero.
        return len({tensor.shape for tensor in tensors_of(call)}) == 1
    return isinstance(operation, KEEPING_LAYERS)
