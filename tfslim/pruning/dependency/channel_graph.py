"""Channel graph: filters that must be removed together.

It also holds the changes that their removal makes.
"""

import dataclasses
import difflib
from collections import defaultdict
from collections.abc import Iterable

import keras
import numpy as np

from tfslim.graph.checks import as_functional
from tfslim.graph.flattening import flatten
from tfslim.graph.traversal import is_graph, iter_layer_calls
from tfslim.layers.composite import Composite
from tfslim.pruning.dependency.rules import follow
from tfslim.pruning.dependency.tracing import Edit, Slice, Tracer
from tfslim.pruning.dependency.zero_propagation import not_surely_zero

__all__ = ["ChannelGraph", "Group", "channel_graph"]

FROZEN = -1  # in place of a unit's number, for channels that must stay
IS_OUTPUT = "is the model's output"


@dataclasses.dataclass(frozen=True)
class Group:
    """Units that are made by the same layers.

    Any number of them can be removed.

    Args:
        units: their numbers, (n,).
        makers: names of the layers that have filters in every unit, in the model's order.
    """

    units: np.ndarray
    makers: tuple[str, ...]

    def __str__(self) -> str:
        return f"{len(self.units)} channels of {' + '.join(self.makers)}"


@dataclasses.dataclass(frozen=True)
class ChannelGraph:
    """Result of `channel_graph`.

    Units are numbered from 0; `FROZEN` stands for channels that must stay.

    Args:
        model: the model with nested models and tfslim's composite layers opened; `slices` refer to its variables.
        slices: axes of variables that get shorter with the units.
        edits: layer settings that follow the number of units.
        measured: numbers of the units over whose channels a layer takes a length.
        groups: the units, grouped by the layers that make them.
        filters: layer name -> the unit of each of its filters; layers whose filters are the model's outputs are left
            out.
        frozen: layer name -> why filters of it must stay.
    """

    model: keras.Model
    slices: list[Slice]
    edits: list[Edit]
    measured: np.ndarray
    groups: list[Group]
    filters: dict[str, np.ndarray]
    frozen: dict[str, str]

    @property
    def filter_count(self) -> int:
        """Return the filters of all layers, output layers excluded."""
        return sum(len(units) for units in self.filters.values())

    @property
    def prunable_count(self) -> int:
        """Return the number of filters that may be removed."""
        return sum(int((units != FROZEN).sum()) for units in self.filters.values())

    @property
    def unit_count(self) -> int:
        """Return the number of units."""
        return sum(len(group.units) for group in self.groups)

    def __str__(self) -> str:
        lines = [f"{self.model.name}: {self.prunable_count:,} of {self.filter_count:,} filters can be removed"]
        lines += [str(group) for group in self.groups]
        lines += [f"{name} stays: {reason}" for name, reason in self.frozen.items()]
        return "\n".join(lines)


def channel_graph(model: keras.Model, prune_outputs: bool = False, keep: Iterable[str] = ()) -> ChannelGraph:
    """Find channels of a model that must be removed together.

    Channels that can't be followed through the model stay.

    Args:
        model: a functional or a built Sequential model.
        prune_outputs: whether channels of the model's outputs may be removed, as those of an embedding.
        keep: names of layers whose filters stay.

    Raises:
        TypeError: `model` is subclassed, and so has no graph, or is not built.
        ValueError: `keep` names a layer that is not in the model or has no filters, or is a single name.

    Example:
        >>> print(channel_graph(tfslim.models.SqueezeNet()).groups[0])
        64 channels of conv1_conv
    """
    flat = opened(model)
    tracer = Tracer()
    for tensor in flat.inputs:
        tracer.set(tensor, tracer.staying(tensor, "is the model's input"))
    for call in iter_layer_calls(flat, flat.inputs, opened=False):
        follow(call, tracer)
    if not prune_outputs:
        tracer.freeze(flat.outputs, IS_OUTPUT, override=True)
    _freeze_measured(flat, tracer)
    _freeze_kept(flat, tracer, keep)
    _freeze_last_filters(tracer)
    return _graph(flat, tracer)


def opened(model: keras.Model) -> keras.Model:
    """Return the model as functional, with nested models opened.

    The result shares the layers of `model`, unless nested models or tfslim's composite layers are opened: then it is a
    copy.

    Raises:
        TypeError: the model has no graph.
    """
    model = as_functional(model)
    if any(isinstance(layer, Composite) or is_graph(layer) for layer in model.layers):
        return flatten(model, keep_unreadable=True)
    return model


def _freeze_measured(model: keras.Model, tracer: Tracer) -> None:
    unsure = not_surely_zero(model, tracer.slices.values()) if tracer.measured else ()
    for each in tracer.measured:
        if id(each.tensor) in unsure:
            why = f"{each.layer} takes a length over these channels, to which a dead one may contribute"
            tracer.units.freeze(each.units, why)


def _freeze_kept(model: keras.Model, tracer: Tracer, keep: Iterable[str]) -> None:
    if isinstance(keep, str):
        raise ValueError(f"keep must be a list of layer names, got {keep!r}; pass [{keep!r}]")
    makers = defaultdict(list)
    for part in tracer.slices.values():
        if part.role == "filters":
            makers[part.layer.name].append(part.units)
    for name in keep:
        if name not in makers:
            near = difflib.get_close_matches(name, makers, n=3, cutoff=0.5)
            hint = f"; did you mean {', '.join(near)}?" if near else ""
            what = "has no filters" if name in {layer.name for layer in model.layers} else "is not a layer of the model"
            raise ValueError(f"keep: {name!r} {what}{hint}")
        for units in makers[name]:
            tracer.units.freeze(units, "is listed in keep")


def _freeze_last_filters(tracer: Tracer) -> None:
    """Freeze filters that are a layer's only one or unit."""
    for part in tracer.slices.values():
        if part.role == "filters" and len(np.unique(tracer.units.find(part.units))) == 1:
            why = "has one filter" if len(part.units) == 1 else "has filters that all go together"
            tracer.units.freeze(part.units, f"{part.layer.name} {why}")


def _graph(model: keras.Model, tracer: Tracer) -> ChannelGraph:
    """Number the removable units in the order of their layers."""
    roots = tracer.units.find(np.arange(len(tracer.units)))
    free = ~tracer.units.frozen()
    made = np.zeros(len(roots), bool)
    order = {layer.name: place for place, layer in enumerate(model.layers)}
    parts = sorted(tracer.slices.values(), key=lambda part: order[part.layer.name])
    for part in parts:
        if part.role == "filters":
            made[roots[part.units]] = True
    number_of = np.full(len(roots), FROZEN)
    chosen = np.unique(roots[free & made[roots]])
    number_of[chosen] = np.arange(len(chosen))
    renumbered = number_of[roots]

    slices = [dataclasses.replace(part, units=renumbered[part.units]) for part in parts]
    measured = np.concatenate([np.empty(0, int), *(renumbered[each.units] for each in tracer.measured)])
    edits = [dataclasses.replace(edit, units=renumbered[edit.units]) for edit in tracer.edits.values()]
    filters, frozen = {}, {}
    for part, old in zip(slices, parts, strict=True):
        if part.role != "filters" or part.layer.name in filters:
            continue
        stays = part.units == FROZEN
        reason = tracer.units.reason(old.units[stays.argmax()]) if stays.any() else None
        if stays.all() and reason == IS_OUTPUT:
            continue
        filters[part.layer.name] = part.units
        if reason:
            frozen[part.layer.name] = reason
    return ChannelGraph(
        model,
        [part for part in slices if (part.units != FROZEN).any()],
        [edit for edit in edits if (edit.units != FROZEN).any()],
        np.setdiff1d(measured, [FROZEN]),
        _groups(filters, len(chosen)),
        filters,
        frozen,
    )


def _groups(filters: dict[str, np.ndarray], count: int) -> list[Group]:
    makers = defaultdict(list)
    for name, units in filters.items():
        for unit in np.unique(units[units != FROZEN]).tolist():
            makers[unit].append(name)
    members = defaultdict(list)
    for unit in range(count):
        members[tuple(makers[unit])].append(unit)
    return [Group(np.array(units), names) for names, units in members.items()]


def keeps_zeros(graph: "ChannelGraph") -> bool:
    """Check that a dropped channel stays zero through the model.

    This holds if everything computed from a unit's channels is certainly zero where the channel is, in training as
    well.

    Example:
        >>> keeps_zeros(channel_graph(tfslim.models.SqueezeNet()))
        True
    """
    return not not_surely_zero(graph.model, graph.slices)
