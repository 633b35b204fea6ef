"""Whether a channel of zeros stays one on its way through a model."""

import keras

from tfslim.pruning.following_norms import PROPORTIONAL_ACTIVATIONS

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


def keeps_zeros(model: keras.Model) -> bool:
    """Whether every operation of a model surely makes zeros of zeros, its own weights for a channel left out.

    Example:
        >>> keeps_zeros(tfslim.models.SqueezeNet())
        True
    """
    return all(_keeps(operation) for operation in model.operations)


def _keeps(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.Rescaling):
        return not any(keras.tree.flatten(operation.offset))
    if isinstance(operation, keras.layers.Normalization):
        return operation.input_mean is None  # one that is learned is a weight
    if not isinstance(operation, keras.layers.Layer):
        return type(operation).__name__ in OPERATIONS
    return getattr(operation, "activation", None) in ZERO_AT_ZERO
