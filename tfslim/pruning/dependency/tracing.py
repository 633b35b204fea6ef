"""Tracing of channels through a model.

It finds the unit of each index of each tensor's and variable's axis.
"""

import dataclasses
from collections.abc import Callable
from typing import Literal

import keras
import numpy as np

from tfslim.pruning.dependency.units import Units

Role = Literal["filters", "inputs", "scale", "mean", "variance"]


@dataclasses.dataclass(frozen=True)
class Channels:
    """Units of a tensor's channels.

    Args:
        axis: the channel axis, counted from the batch, which is 0.
        units: unit number of each index of that axis.
    """

    axis: int
    units: np.ndarray


@dataclasses.dataclass
class Slice:
    """A variable's axis that shrinks with the channels.

    Args:
        layer: owner of the variable.
        variable: the variable.
        axis: axis of the variable, from 0.
        role: "filters" for an axis along which a kernel or bias makes channels, "inputs" for one along which a kernel
            reads them, "scale" for learned factors and offsets of normalization and PReLU, "mean" and "variance" for
            statistics.
        units: unit number of each index.
    """

    layer: keras.layers.Layer
    variable: keras.Variable
    axis: int
    role: Role
    units: np.ndarray


@dataclasses.dataclass(frozen=True)
class Measured:
    """Channels that a layer takes a length over.

    Each that is not 0 changes all others.

    Args:
        layer: name of the layer.
        tensor: the tensor that has the channels.
        units: unit number of each channel.
    """

    layer: str
    tensor: keras.KerasTensor
    units: np.ndarray


Kept = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass
class Edit:
    """A layer setting that follows the number of channels.

    Args:
        operation: the layer or operation whose `get_config()` has the setting.
        units: unit number of each index that the setting counts.
        change: changes the config, given which of `units` are kept.
        place: index of the number within the setting, if that is a list.
    """

    operation: keras.Operation
    units: np.ndarray
    change: Callable[[dict, np.ndarray], None]
    place: int = 0


class Tracer:
    """Slices, edits and frozen units, collected during a trace."""

    def __init__(self):
        self.units = Units()
        self.slices: dict[tuple[int, int], Slice] = {}
        self.edits: dict[tuple[int, str], Edit] = {}
        self.measured: list[Measured] = []
        self._channels: dict[int, Channels | None] = {}
        self._alive = []  # references that keep tensor ids unique

    def channels(self, tensor: keras.KerasTensor) -> Channels | None:
        """Return a tensor's channels.

        The result is None if it has no distinguishable channels.
        """
        return self._channels.get(id(tensor))

    def along(self, tensor: keras.KerasTensor, axis: int) -> Channels | None:
        """Return a tensor's channels if they lie along this axis.

        A tensor whose channels are all frozen has frozen channels along any axis.
        """
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
        """Return why all channels of a tensor must stay.

        The result is None if some may be removed.
        """
        channels = self.channels(tensor)
        if channels is None:
            return "has no channels that can be told apart"
        if any(self.units.reason(unit) is None for unit in channels.units):
            return None
        return self.units.reason(channels.units[0])

    def set(self, tensor: keras.KerasTensor, channels: Channels | None) -> None:
        """Record the channels of a tensor."""
        self._alive.append(tensor)
        self._channels[id(tensor)] = channels

    def staying(self, tensor: keras.KerasTensor, reason: str) -> Channels | None:
        """Return new frozen channels along a tensor's last axis."""
        if len(tensor.shape) < 2 or tensor.shape[-1] is None:
            return None
        units = self.units.new(tensor.shape[-1])
        self.units.freeze(units, reason)
        return Channels(len(tensor.shape) - 1, units)

    def freeze(self, tensors: list[keras.KerasTensor], reason: str, override: bool = False) -> None:
        """Freeze all channels of some tensors."""
        for tensor in tensors:
            channels = self.channels(tensor)
            if channels is not None:
                self.units.freeze(channels.units, reason, override)

    def bind(self, layer: keras.layers.Layer, variable: keras.Variable | None, axis: int, role: Role, units) -> None:
        """Record which channels an axis of a variable holds.

        If a layer is called again, the channels of both calls are united.
        """
        if variable is None:
            return
        axis %= len(variable.shape)
        known = self.slices.get((id(variable), axis))
        if known is None:
            self.slices[id(variable), axis] = Slice(layer, variable, axis, role, np.asarray(units))
        else:
            self.units.unite(known.units, np.asarray(units))

    def made(self, layer: keras.layers.Layer, variable: keras.Variable, axis: int) -> np.ndarray:
        """Return the units that a kernel makes along an axis.

        They are new units, or those of the layer's first call.
        """
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
        """Record a setting that follows the channels.

        If a layer is called again, both calls must agree.
        """
        known = self.edits.setdefault((id(operation), key), Edit(operation, np.asarray(units), change, place))
        if known.units.shape == np.shape(units) and known.place == place:
            self.units.unite(known.units, np.asarray(units))
        else:
            reason = f"{operation.name} is called on several shapes"
            self.units.freeze(known.units, reason)
            self.units.freeze(np.asarray(units), reason)
