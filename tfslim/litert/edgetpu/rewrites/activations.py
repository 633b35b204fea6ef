"""Rewrites of activations that the Edge TPU does not have."""

import keras

from tfslim.graph.activations import activation_name
from tfslim.litert.edgetpu.rewrites.rewrite import Names, apply, name_output

__all__ = ["fuses_into_pool", "rewritable_activation", "rewrite_activation", "separate_relu"]

_KERAS_LEAKY_SLOPE = 0.2  # of keras.activations.leaky_relu
# These apply the activation to their output; recurrent layers apply it inside.
_WITH_ACTIVATION = (
    keras.layers.Dense,
    keras.layers.EinsumDense,
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)


def rewritable_activation(operation: keras.Operation) -> str | None:
    """Name the activation if `rewrite_activation` supports it, else None."""
    name = activation_name(operation)
    if getattr(operation, "weights", None) and not isinstance(operation, _WITH_ACTIVATION):
        return None
    if name in ("hard_silu", "leaky_relu"):
        return name
    if isinstance(operation, keras.layers.ReLU) and operation.negative_slope and not operation.threshold:
        return "leaky_relu"
    return None


def rewrite_activation(operation: keras.Operation, x: keras.KerasTensor, names: Names) -> tuple[keras.KerasTensor, str]:
    """Apply an activation by layers that the Edge TPU has.

    Args:
        operation: a layer or operation for which `rewritable_activation` returns a name.
        x: the activation's input, (1, ..., C).
        names: free names.

    Returns:
        The activation's output, and a description of the replacement.
    """
    base = operation.name
    if rewritable_activation(operation) == "hard_silu":
        return _hard_swish(x, base, names), "hard-swish as ReLU, MINIMUM and a product"
    output = _leaky_relu(x, _slope(operation), base, names)
    if isinstance(operation, keras.layers.ReLU) and operation.max_value is not None:
        output = _minimum(output, float(operation.max_value), base, names)
    return output, "leaky ReLU as PReLU with the slope as its weights"


def _hard_swish(x: keras.KerasTensor, base: str, names: Names) -> keras.KerasTensor:
    # The converter would recognize relu6 here and write HARD_SWISH.
    gate = keras.layers.Rescaling(1 / 6, offset=0.5, name=names.free(f"{base}_gate"))(x)
    gate = keras.layers.ReLU(name=names.free(f"{base}_gate_relu"))(gate)
    gate = _minimum(gate, 1.0, base, names)
    return keras.layers.Multiply(name=names.free(f"{base}_swish"))([x, gate])


def fuses_into_pool(operation: keras.Operation) -> bool:
    """Return whether a ReLU would fuse into the pooling before."""
    if activation_name(operation) in ("relu", "relu6") and not getattr(operation, "weights", None):
        return True
    return isinstance(operation, keras.layers.ReLU) and not operation.negative_slope and not operation.threshold


def separate_relu(operation: keras.Operation, x: keras.KerasTensor, names: Names) -> keras.KerasTensor:
    """Apply a ReLU that the converter does not fuse.

    It is a PReLU with slopes of zero, and a MINIMUM if the ReLU has a largest value.
    """
    output = _leaky_relu(x, 0.0, operation.name, names)
    largest = _max_value(operation)
    return output if largest is None else _minimum(output, largest, operation.name, names)


def _minimum(x: keras.KerasTensor, largest: float, base: str, names: Names) -> keras.KerasTensor:
    return name_output(keras.ops.minimum(x, largest), names.free(f"{base}_clip"))


def _leaky_relu(x: keras.KerasTensor, slope: float, base: str, names: Names) -> keras.KerasTensor:
    shared = list(range(1, len(x.shape) - 1)) or None
    alpha = keras.initializers.Constant(slope)
    return apply(keras.layers.PReLU(alpha_initializer=alpha, shared_axes=shared, name=names.free(f"{base}_prelu")), x)


def _slope(operation: keras.Operation) -> float:
    if isinstance(operation, (keras.layers.LeakyReLU, keras.layers.ReLU)):
        return float(operation.negative_slope)
    # The operation keras.ops.leaky_relu holds its slope; keras.activations.leaky_relu has a fixed one.
    return float(getattr(operation, "negative_slope", _KERAS_LEAKY_SLOPE))


def _max_value(operation: keras.Operation) -> float | None:
    if isinstance(operation, keras.layers.ReLU):
        return None if operation.max_value is None else float(operation.max_value)
    return 6.0 if activation_name(operation) == "relu6" else None
