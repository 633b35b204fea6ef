"""The tensors of a model, and what each of them is."""

import dataclasses
from math import prod
from typing import Literal

import keras

from tfslim.quantization.model_variables import held_variables

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
        layer: the layer that it belongs to; of a wrapper, an attention or the like the outermost.
        owner: the innermost layer that it belongs to, such as the one that is wrapped.
        role: "convolution" for the kernel of one, "matrix" for other kernels and tables of two and more axes, "vector"
            for all else: biases, gammas, betas, moving statistics, slopes.
        filter_axes: the axes that number its filters.
    """

    variable: keras.Variable
    layer: keras.layers.Layer
    owner: keras.layers.Layer
    role: Role
    filter_axes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Its number of values."""
        return prod(self.variable.shape)


def tensors(model: keras.Model) -> dict[str, Tensor]:
    """The float variables of a model by their paths, such as "conv1/kernel", each once.

    Paths are the names of `model_variables`: nested models and tfslim's layers are opened, and a copy's are the same.

    Raises:
        ValueError: the model has none.

    Example:
        >>> list(tensors(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="answers")])))
        ['answers/kernel', 'answers/bias']
    """
    # What is held has no more variables than what holds it, and comes after it where it has as many.
    inner_last = sorted(model._flatten_layers(), key=lambda layer: -len(layer.variables))
    owners = {id(variable): layer for layer in inner_last for variable in layer.variables}
    found = {
        path: _tensor(variable, layer, owners[id(variable)])
        for path, (variable, layer) in held_variables(model).items()
        if keras.backend.is_float_dtype(variable.dtype)
    }
    if not found:
        raise ValueError(f"{model.name} has no weights yet; build it, or load them, first")
    return found


def _tensor(variable: keras.Variable, layer: keras.layers.Layer, owner: keras.layers.Layer) -> Tensor:
    axes = len(variable.shape)
    if axes < 2 or not variable.name.endswith(("kernel", "embeddings")):
        return Tensor(variable, layer, owner, "vector", (-1,))
    role = "convolution" if isinstance(owner, CONVOLUTIONS) else "matrix"
    if isinstance(owner, DEPTHWISE) or variable.name == "depthwise_kernel":
        return Tensor(variable, layer, owner, role, (-2, -1))
    return Tensor(variable, layer, owner, role, (-2,) if isinstance(owner, TRANSPOSED) else (-1,))
