"""The tensors of a model, and what each of them is."""

import dataclasses
from collections.abc import Iterator
from math import prod
from typing import Literal

import keras

from tfslim.layers.composite import Composite

Role = Literal["convolution", "matrix", "vector"]
CONVOLUTIONS = (
    keras.layers.Conv1D,
    keras.layers.Conv2D,
    keras.layers.Conv3D,
    keras.layers.Conv1DTranspose,
    keras.layers.Conv2DTranspose,
    keras.layers.Conv3DTranspose,
    keras.layers.DepthwiseConv1D,
    keras.layers.DepthwiseConv2D,
    keras.layers.SeparableConv1D,
    keras.layers.SeparableConv2D,
)
TRANSPOSED = (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
DEPTHWISE = (keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A variable of a model.

    Args:
        variable: the variable.
        layer: the layer that it belongs to.
        role: "convolution" for the kernel of one, "matrix" for other kernels and tables of two and more axes, "vector"
            for all else: biases, gammas, betas, moving statistics, slopes.
        filter_axes: the axes that number its filters.
    """

    variable: keras.Variable
    layer: keras.layers.Layer
    role: Role
    filter_axes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its number of values."""
        return prod(self.variable.shape)


def tensors(model: keras.Model) -> dict[str, Tensor]:
    """The float variables of a model by their paths, such as "conv1/kernel", each once.

    Nested models and tfslim's layers are opened.

    Raises:
        ValueError: two variables have one path, or the model has none.

    Example:
        >>> list(tensors(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="answers")])))
        ['answers/kernel', 'answers/bias']
    """
    found = {}
    for layer in _leaves(model):
        for variable in layer.weights:
            if not keras.backend.is_float_dtype(variable.dtype):
                continue
            before = found.setdefault(variable.path, _tensor(variable, layer))
            if before.variable is not variable:
                raise ValueError(
                    f"two variables of {model.name} are called {variable.path!r}; use tfslim.flatten(model), which "
                    "gives every layer a name of its own"
                )
    if not found:
        raise ValueError(f"{model.name} has no weights yet; build it, or load them, first")
    return found


def _leaves(model: keras.Model) -> Iterator[keras.layers.Layer]:
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        elif isinstance(layer, Composite) and layer.built:
            yield from _leaves(layer.body)
        else:
            yield layer


def _tensor(variable: keras.Variable, layer: keras.layers.Layer) -> Tensor:
    axes = len(variable.shape)
    if axes < 2 or not variable.name.endswith(("kernel", "embeddings")):
        return Tensor(variable, layer, "vector", (-1,))
    role = "convolution" if isinstance(layer, CONVOLUTIONS) else "matrix"
    if isinstance(layer, DEPTHWISE) or variable.name == "depthwise_kernel":
        return Tensor(variable, layer, role, (-2, -1))
    return Tensor(variable, layer, role, (-2,) if isinstance(layer, TRANSPOSED) else (-1,))
