"""Activations that the Edge TPU does not have, in others that it has."""

import keras

from tfslim.graph.activations import activation_name
from tfslim.litert.edgetpu.rewrites.rewrite import Names, apply, named

KERAS_LEAKY_SLOPE = 0.2  # of keras.activations.leaky_relu
# What these give is what the activation is applied to; recurrent layers use it inside.
WITH_ACTIVATION = (
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
    """The name of an activation that `rewritten_activation` writes in others; None for all others."""
    name = activation_name(operation)
    if getattr(operation, "weights", None) and not isinstance(operation, WITH_ACTIVATION):
        return None
    if name in ("hard_silu", "leaky_relu"):
        return name
    if isinstance(operation, keras.layers.ReLU) and operation.negative_slope and not operation.threshold:
        return "leaky_relu"
    return None


def rewritten_activation(
    operation: keras.Operation, x: keras.KerasTensor, names: Names
) -> tuple[keras.KerasTensor, str]:
    """The same function of `x`, and what was put in its place, in words.

    Args:
        operation: one for which `rewritable_activation` gives a name.
        x: (1, ..., C).
        names: free names.
    """
    base = operation.name
    if rewritable_activation(operation) == "hard_silu":
        return _hard_swish(x, base, names), "hard-swish from ReLU, MINIMUM and a product"
    output = _leaky(x, _slope(operation), base, names)
    if isinstance(operation, keras.layers.ReLU) and operation.max_value is not None:
        output = _clipped(output, float(operation.max_value), base, names)
    return output, "leaky ReLU as PReLU with the slope as its weights"


def _hard_swish(x: keras.KerasTensor, base: str, names: Names) -> keras.KerasTensor:
    # With relu6 the converter sees through it and writes HARD_SWISH.
    gate = keras.layers.Rescaling(1 / 6, offset=0.5, name=names.free(f"{base}_gate"))(x)
    gate = keras.layers.ReLU(name=names.free(f"{base}_gate_relu"))(gate)
    gate = _clipped(gate, 1.0, base, names)
    return keras.layers.Multiply(name=names.free(f"{base}_swish"))([x, gate])


def _clipped(x: keras.KerasTensor, largest: float, base: str, names: Names) -> keras.KerasTensor:
    return named(keras.ops.minimum(x, largest), names.free(f"{base}_clip"))


def _leaky(x: keras.KerasTensor, slope: float, base: str, names: Names) -> keras.KerasTensor:
    shared = list(range(1, len(x.shape) - 1)) or None
    start = keras.initializers.Constant(slope)
    return apply(keras.layers.PReLU(alpha_initializer=start, shared_axes=shared, name=names.free(f"{base}_prelu")), x)


def _slope(operation: keras.Operation) -> float:
    if isinstance(operation, (keras.layers.LeakyReLU, keras.layers.ReLU)):
        return float(operation.negative_slope)
    # Of keras.ops.leaky_relu; the function of that name in keras.activations has one of its own.
    return float(getattr(operation, "negative_slope", KERAS_LEAKY_SLOPE))


def clips_after_pool(operation: keras.Operation) -> bool:
    """Whether this is a ReLU that the converter would fuse into the pooling before it."""
    if activation_name(operation) in ("relu", "relu6") and not _has_kernel(operation):
        return True
    return isinstance(operation, keras.layers.ReLU) and not operation.negative_slope and not operation.threshold


def _has_kernel(operation: keras.Operation) -> bool:
    return bool(getattr(operation, "weights", None))


def clip_of(operation: keras.Operation) -> float | None:
    """The largest value that a ReLU lets through; None for any."""
    if isinstance(operation, keras.layers.ReLU):
        return None if operation.max_value is None else float(operation.max_value)
    return 6.0 if activation_name(operation) == "relu6" else None


def relu_apart(operation: keras.Operation, x: keras.KerasTensor, names: Names) -> keras.KerasTensor:
    """A ReLU that stays an operator of its own: a PReLU with slopes of zero, and a MINIMUM where it clips."""
    output = _leaky(x, 0.0, operation.name, names)
    largest = clip_of(operation)
    return output if largest is None else _clipped(output, largest, operation.name, names)
