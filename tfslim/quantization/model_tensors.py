"""The tensors of a model and their roles."""

import dataclasses
from collections.abc import Iterator
from math import prod
from typing import Literal

import keras

from tfslim.graph.checks import check_keras_model
from tfslim.graph.traversal import is_graph
from tfslim.layers.composite import Composite


def model_variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the variables of a model's layers by name.

    Moving statistics and seeds are included; each variable appears once. Names are those of the models and layers that
    hold the variable, and its own: "backbone/conv1/kernel". A layer with several variables of one name numbers them:
    "attention/kernel", "attention/kernel_1". `variable.path` won't do: it may differ between a model and its copy.

    Example:
        >>> list(model_variables(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="answers")])))
        ['answers/kernel', 'answers/bias']
    """
    return {name: variable for name, (variable, _) in held_variables(model).items()}


def held_variables(model: keras.Model) -> dict[str, tuple[keras.Variable, keras.layers.Layer]]:
    """Return variables as `model_variables` does, each with its layer."""
    named, known = {}, set()
    for path, layer in _leaves(model, ""):
        for variable in layer.variables:
            if id(variable) not in known:
                known.add(id(variable))
                named[_free(f"{path}/{variable.name}", named)] = variable, layer
    return named


def _leaves(model: keras.Model, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for layer in model.layers:
        path = prefix + layer.name
        if is_graph(layer):
            yield from _leaves(layer, f"{path}/")
        elif isinstance(layer, Composite) and layer.built:
            yield from _leaves(layer.body, f"{path}/")
        else:
            yield path, layer


def _free(name: str, taken: dict) -> str:
    number, free = 0, name
    while free in taken:
        number += 1
        free = f"{name}_{number}"
    return free


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
class WeightTensor:
    """A float variable of a model.

    Args:
        variable: the variable.
        layer: the layer that it belongs to; the outermost one for a wrapper, an attention layer and the like.
        owner: the innermost layer that it belongs to, such as the one that is wrapped.
        role: "convolution" for the kernel of one, "matrix" for other kernels and tables of two or more axes, "vector"
            for everything else: biases, gammas, betas, moving statistics, slopes.
        filter_axes: the axes that number its filters.
    """

    variable: keras.Variable
    layer: keras.layers.Layer
    owner: keras.layers.Layer
    role: Role
    filter_axes: tuple[int, ...]

    @property
    def size(self) -> int:
        """Return the number of values."""
        return prod(self.variable.shape)


def weight_tensors(model: keras.Model) -> dict[str, WeightTensor]:
    """Return a model's float variables by path, such as "conv1/kernel".

    Each variable appears once. Paths are the names of `model_variables`: nested models and tfslim's composite layers
    are opened, and a copy of the model has the same paths.

    Raises:
        TypeError: this is not a keras.Model.
        ValueError: the model has no float variables.

    Example:
        >>> list(weight_tensors(keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="answers")])))
        ['answers/kernel', 'answers/bias']
    """
    check_keras_model(model)
    # A held layer has no more variables than its holder, and comes after it if it has as many.
    inner_last = sorted(model._flatten_layers(), key=lambda layer: -len(layer.variables))
    owners = {id(variable): layer for layer in inner_last for variable in layer.variables}
    found = {
        path: _tensor(variable, layer, owners[id(variable)])
        for path, (variable, layer) in held_variables(model).items()
        if keras.backend.is_float_dtype(variable.dtype)
    }
    if not found:
        raise ValueError(f"{model.name} has no weights; build the model or load its weights first")
    return found


def _tensor(variable: keras.Variable, layer: keras.layers.Layer, owner: keras.layers.Layer) -> WeightTensor:
    axes = len(variable.shape)
    if axes < 2 or not variable.name.endswith(("kernel", "embeddings")):
        return WeightTensor(variable, layer, owner, "vector", (-1,))
    role: Role = "convolution" if isinstance(owner, CONVOLUTIONS) else "matrix"
    if isinstance(owner, DEPTHWISE) or variable.name == "depthwise_kernel":
        return WeightTensor(variable, layer, owner, role, (-2, -1))
    return WeightTensor(variable, layer, owner, role, (-2,) if isinstance(owner, TRANSPOSED) else (-1,))
