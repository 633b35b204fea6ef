"""Following channels through a model: which unit each index of each tensor's and variable's axis belongs to."""

import dataclasses
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np

from tfslim.pruning.dependency.units import Units

Role = Literal["filters", "inputs", "scale", "mean", "variance"]


@dataclasses.dataclass(frozen=True)
class Channels:
    """The units of a tensor's channels.

    Args:
        axis: of the channels, counted from the batch, which is 0.
        units: number of the unit of each index of that axis.
    """

    axis: int
    units: np.ndarray


@dataclasses.dataclass
class Slice:
    """An axis of a variable that gets shorter with the channels.

    Args:
        layer: whose variable it is.
        variable: the variable.
        axis: of the variable, from 0.
        role: "filters" for an axis along which a kernel or bias makes channels, "inputs" for one along which a kernel
            reads them, "scale" for learned factors and offsets of normalisation and PReLU, "mean" and "variance" for
            statistics.
        units: number of the unit of each index.
    """

    layer: keras.layers.Layer
    variable: keras.Variable
    axis: int
    role: Role
    units: np.ndarray


@dataclasses.dataclass(frozen=True)
class Measured:
    """Channels that a layer takes a length over: each that is not 0 changes all others.

    Args:
        layer: its name.
        tensor: whose channels they are.
        units: number of the unit of each channel.
    """

    layer: str
    tensor: keras.KerasTensor
    units: np.ndarray


Kept = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass
class Edit:
    """A setting of a layer or operation that follows the number of channels.

    Args:
        operation: whose `get_config()` it is about.
        units: number of the unit of each index that the setting counts.
        change: changes the config, given which of `units` are kept.
        place: where the setting, if it is a list, has that number.
    """

    operation: keras.Operation
    units: np.ndarray
    change: Callable[[dict, np.ndarray], None]
    place: int = 0


class Tracer:
    """What is known while a model's calls are gone through in order."""

    def __init__(self):
        self.units = Units()
        self.slices: dict[tuple[int, int], Slice] = {}
        self.edits: dict[tuple[int, str], Edit] = {}
        self.measured: list[Measured] = []
        self._channels: dict[int, Channels | None] = {}
        self._alive = []  # so that an id stays its tensor's

    def channels(self, tensor: keras.KerasTensor) -> Channels | None:
        """Where a tensor's channels are; None where it has none that can be told apart."""
        return self._channels.get(id(tensor))

    def along(self, tensor: keras.KerasTensor, axis: int) -> Channels | None:
        """A tensor's channels if they are along this axis; a tensor of which all stays has staying ones along any."""
        channels = self.channels(tensor)
        if channels is not None and channels.axis == axis:
            return channels
        reason = self.staying_reason(tensor)
        if reason is None or not 0 < axis < len(tensor.shape) or tensor.shape[axis] is None:
            return None
        units = self.units.new(tensor.shape[axis])
        self.units.freeze(units, reason)
        return Channels(axis, units)

    def staying_reason(self, tensor: keras.KerasTensor) -> str | None:
        """Why all channels of a tensor must stay, or None if some may go."""
        channels = self.channels(tensor)
        if channels is None:
            return "has no channels that can be told apart"
        if any(self.units.reason(unit) is None for unit in channels.units):
            return None
        return self.units.reason(channels.units[0])

    def set(self, tensor: keras.KerasTensor, channels: Channels | None) -> None:
        self._alive.append(tensor)
        self._channels[id(tensor)] = channels

    def staying(self, tensor: keras.KerasTensor, reason: str) -> Channels | None:
        """Channels along a tensor's last axis that must stay."""
        if len(tensor.shape) < 2 or tensor.shape[-1] is None:
            return None
        units = self.units.new(tensor.shape[-1])
        self.units.freeze(units, reason)
        return Channels(len(tensor.shape) - 1, units)

    def freeze(self, tensors: list[keras.KerasTensor], reason: str, told: bool = False) -> None:
        for tensor in tensors:
            channels = self.channels(tensor)
            if channels is not None:
                self.units.freeze(channels.units, reason, told)

    def bind(self, layer: keras.layers.Layer, variable: keras.Variable | None, axis: int, role: Role, units) -> None:
        """Notes whose channels an axis of a variable holds; where a layer is called again, both must go together."""
        if variable is None:
            return
        axis %= len(variable.shape)
        known = self.slices.get((id(variable), axis))
        if known is None:
            self.slices[id(variable), axis] = Slice(layer, variable, axis, role, np.asarray(units))
        else:
            self.units.unite(known.units, np.asarray(units))

    def made(self, layer: keras.layers.Layer, variable: keras.Variable, axis: int) -> np.ndarray:
        """The units that a kernel makes along an axis: new ones, or those of the layer's first call."""
        known = self.slices.get((id(variable), axis % len(variable.shape)))
        units = self.units.new(variable.shape[axis]) if known is None else known.units
        self.bind(layer, variable, axis, "filters", units)
        return units

    def edit(
        self,
        operation: keras.Operation,
        key: str,
        units: np.ndarray,
        change: Callable[[dict, np.ndarray], None],
        place: int = 0,
    ) -> None:
        """Notes a setting that follows the channels; where a layer is called again, both calls must agree."""
        known = self.edits.setdefault((id(operation), key), Edit(operation, np.asarray(units), change, place))
        if known.units.shape == np.shape(units) and known.place == place:
            self.units.unite(known.units, np.asarray(units))
        else:
            reason = f"{operation.name} is called on several shapes"
            self.units.freeze(known.units, reason)
            self.units.freeze(np.asarray(units), reason)
