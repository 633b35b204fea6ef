"""Parameters, multiply-accumulates and bytes of a model and its layers."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from math import prod

import keras

from tfslim._support.text import text_table
from tfslim.cost.macs import Shape, UnknownExtent, layer_macs
from tfslim.graph.checks import check_graph_model
from tfslim.graph.traversal import LayerCall, iter_layer_calls

__all__ = ["Cost", "LayerCost", "measure"]


@dataclasses.dataclass(frozen=True)
class LayerCost:
    """Cost of one layer.

    `macs` is the sum over all its `calls`; parameters and bytes (by dtype) count once.
    """

    name: str
    kind: str
    output_shape: Shape
    calls: int
    params: int
    trainable_params: int
    macs: int
    bytes: dict[str, int]


@dataclasses.dataclass(frozen=True)
class Cost:
    """Cost of a model, as returned by `tfslim.measure`.

    `macs` counts one example. `bytes` holds the uncompressed weight bytes by dtype. `uncounted` names the layers that
    no counting rule covers, whose multiply-accumulates are not in `macs`. `str(cost)` is a short table, `cost.table()`
    a table with one row per layer.
    """

    name: str
    params: int
    trainable_params: int
    macs: int
    bytes: dict[str, int]
    layers: list[LayerCost]
    uncounted: list[str]

    @property
    def total_bytes(self) -> int:
        """Return the total bytes of all weights."""
        return sum(self.bytes.values())

    def to_dict(self) -> dict:
        """Convert to dictionaries, lists, strings and integers for JSON."""
        layers = [{**row, "output_shape": list(row["output_shape"])} for row in map(dataclasses.asdict, self.layers)]
        return {**dataclasses.asdict(self), "layers": layers, "total_bytes": self.total_bytes}

    def __str__(self) -> str:
        by_dtype = ", ".join(f"{dtype} {count:,}" for dtype, count in self.bytes.items())
        rows = [
            ["parameters", f"{self.params:,}", ""],
            ["  trainable", f"{self.trainable_params:,}", ""],
            ["MACs", f"{self.macs:,}", f"{self.macs / 1e6:,.2f} M per example"],
            ["weight bytes", f"{self.total_bytes:,}", by_dtype if len(self.bytes) > 1 else "".join(self.bytes)],
        ]
        text = f"{self.name}\n" + text_table(rows, align="<><")
        if self.uncounted:
            text += f"\nwithout the MACs of: {', '.join(self.uncounted)}"
        return text

    def table(self) -> str:
        """Format a table of the layers with parameters or multiply-accumulates.

        The last row is the total.
        """
        head = ["layer", "kind", "output", "calls", "parameters", "MACs", "bytes"]
        rows = [
            [
                layer.name,
                layer.kind,
                "x".join("?" if extent is None else str(extent) for extent in layer.output_shape[1:]),
                str(layer.calls),
                f"{layer.params:,}",
                "not counted" if layer.name in self.uncounted else f"{layer.macs:,}",
                f"{sum(layer.bytes.values()):,}",
            ]
            for layer in self.layers
            if layer.params or layer.macs or layer.name in self.uncounted
        ]
        total = ["total", "", "", "", f"{self.params:,}", f"{self.macs:,}", f"{self.total_bytes:,}"]
        return text_table(rows, head=head, total=total, align="<<<>>>>")


def measure(model: keras.Model, input_shapes: Sequence[int] | Mapping[str, Sequence[int]] | None = None) -> Cost:
    """Count parameters, multiply-accumulates (MACs) and bytes by layer.

    The rules, per example (axis 0 is the batch and counts as 1):

    - Convolution: output positions x kernel positions x (input channels / groups) x filters, padded positions
      included; strides and dilation only matter through the size of the output.
    - Depthwise: output positions x kernel positions x input channels x depth_multiplier. Separable: that and
      output positions x (input channels x depth_multiplier) x filters.
    - Transposed convolution: input positions x kernel positions x input channels x filters.
    - Dense: outputs x input features. EinsumDense: the product of the extents of all its indices.
    - MultiHeadAttention: its projections, queries x keys for the scores, scores x values.
    - Biases, normalization, activations, pooling, resizing, merging, embedding lookups and all other elementwise work
      count as zero, as in the papers.
    - Any other matrix multiplication (recurrent layers, `keras.ops.matmul`, ...) is not counted; the layer is listed
      in `Cost.uncounted`.

    MACs count once per call of a layer, parameters once per layer. Nested models, and custom layers made of Keras
    layers or `keras.ops`, are expanded. The model is not changed or run.

    Args:
        model: a functional or built Sequential model.
        input_shapes: the input shape to count with if the model leaves an extent open
            (`keras.Input((None, None, 3))`), without the batch axis: (height, width, channels) for one input, or a
            dictionary from input name to shape.

    Returns:
        A `Cost`.

    Raises:
        TypeError: if `model` is not a Keras model with a graph of layers.
        ValueError: if the count needs an open extent (the message names the layer and the input), or if `input_shapes`
            does not match the model's inputs.

    Example:
        >>> print(tfslim.measure(tfslim.models.SlimNet()))
        slimnet
        parameters        583,976
          trainable       571,304
        MACs          244,349,952  244.35 M per example
        weight bytes    2,335,904  float32
    """
    around = "measure a model around it: x = keras.Input(shape); tfslim.measure(keras.Model(x, model(x)))"
    check_graph_model(model, advice=around)
    inputs = _inputs(model, input_shapes)
    tally = _Tally(_open_extent_advice(inputs))
    for call in iter_layer_calls(model, inputs):
        tally.add(call)
    return Cost(
        name=model.name,
        params=_size(model.weights),
        trainable_params=_size(model.trainable_weights),
        macs=sum(tally.macs.values()),
        bytes=_bytes(model.weights),
        layers=tally.rows(model),
        uncounted=tally.uncounted,
    )


def measured(model: keras.Model) -> Cost | None:
    """Return the cost, or None if extents are unknown."""
    try:
        return measure(model)
    except ValueError:
        return None


class _Tally:
    """Sum of the calls of each layer."""

    def __init__(self, advice: str):
        self.advice = advice
        self.seen: dict[int, tuple[LayerCall, int]] = {}
        self.macs: dict[int, int] = {}
        self.uncounted: list[str] = []

    def add(self, call: LayerCall) -> None:
        key = id(call.operation)
        first, times = self.seen.get(key, (call, 0))
        self.seen[key] = (first, times + 1)
        try:
            macs = 0 if call.composite else self._count(call)
        except UnknownExtent as error:
            raise ValueError(
                f"the MACs of {first.path!r} depend on an extent that is unknown ({error}). {self.advice}"
            ) from None
        if macs is None and first.path not in self.uncounted:
            self.uncounted.append(first.path)
        self.macs[key] = self.macs.get(key, 0) + (macs or 0)

    def rows(self, model: keras.Model) -> list[LayerCost]:
        claimed: set[int] = set()
        # Weights belong to the innermost layer that holds them, so composite layers come last.
        order = sorted(self.seen, key=lambda key: self.seen[key][0].composite)
        weights = {key: _unclaimed(getattr(self.seen[key][0].operation, "weights", []), claimed) for key in order}
        rows = [
            LayerCost(
                name=call.path,
                kind=type(call.operation).__name__,
                output_shape=tuple(call.outputs[0].shape) if call.outputs else (),
                calls=times,
                params=_size(weights[key]),
                trainable_params=_size([weight for weight in weights[key] if weight.trainable]),
                macs=self.macs[key],
                bytes=_bytes(weights[key]),
            )
            for key, (call, times) in self.seen.items()
            if isinstance(call.operation, keras.layers.Layer)
        ]
        left = _unclaimed(model.weights, claimed)
        if left:
            trainable = _size([weight for weight in left if weight.trainable])
            kind = type(model).__name__
            rows.append(LayerCost(model.name, kind, (), 0, _size(left), trainable, 0, _bytes(left)))
        return rows

    @staticmethod
    def _count(call: LayerCall) -> int | None:
        if call.opaque:
            return None
        return layer_macs(call.operation, call.args, call.kwargs, call.outputs[0].shape)


def _inputs(model: keras.Model, shapes) -> list[keras.KerasTensor]:
    if shapes is None:
        return model.inputs
    names = [tensor.name for tensor in model.inputs]
    if not isinstance(shapes, Mapping):
        if len(names) != 1:
            raise ValueError(
                f"{model.name} has {len(names)} inputs; pass input_shapes as a dictionary with the keys "
                f"{', '.join(names)}"
            )
        shapes = {names[0]: shapes}
    unknown = sorted(set(shapes) - set(names))
    if unknown:
        raise ValueError(
            f"input_shapes names {', '.join(unknown)}, but the inputs of {model.name} are {', '.join(names)}"
        )
    return [_with_shape(tensor, shapes.get(tensor.name, tensor.shape[1:])) for tensor in model.inputs]


def _with_shape(tensor: keras.KerasTensor, shape: Sequence[int | None]) -> keras.KerasTensor:
    declared, shape = tensor.shape[1:], tuple(shape)
    if len(shape) != len(declared) or any(d not in (None, s) for s, d in zip(shape, declared, strict=True)):
        raise ValueError(f"input_shapes: got {shape} for {tensor.name}, but the model expects {declared}")
    return keras.KerasTensor((tensor.shape[0], *shape), tensor.dtype, name=tensor.name)


def _open_extent_advice(inputs: list[keras.KerasTensor]) -> str:
    unknown = [tensor for tensor in inputs if None in tensor.shape[1:]]
    if not unknown:
        return (
            "All inputs have fixed shapes, so a layer before it does not report its output shape: set output_shape on "
            "a Lambda, define compute_output_shape on a custom layer. The MACs of a shape that depends on the data "
            "can't be counted."
        )
    found = ", ".join(f"{tensor.name} {tensor.shape[1:]}" for tensor in unknown)
    letters = ", ".join("..." if extent is None else str(extent) for extent in unknown[0].shape[1:])
    shape = f"({letters},)" if len(unknown[0].shape) == 2 else f"({letters})"
    shapes = shape if len(inputs) == 1 else f'{{"{unknown[0].name}": {shape}}}'
    return f"Input shapes left open: {found}. Pass them: tfslim.measure(model, input_shapes={shapes})"


def _unclaimed(weights: Iterable, claimed: set[int]) -> list:
    new = [weight for weight in weights if id(weight) not in claimed]
    claimed.update(id(weight) for weight in new)
    return new


def _size(weights: Iterable) -> int:
    return sum(prod(weight.shape) for weight in weights)


def _bytes(weights: Iterable) -> dict[str, int]:
    bits: dict[str, int] = {}
    for weight in weights:
        dtype = keras.backend.standardize_dtype(weight.dtype)
        bits[dtype] = bits.get(dtype, 0) + prod(weight.shape) * bits_of(dtype)
    return {dtype: -(-count // 8) for dtype, count in bits.items()}


def bits_of(dtype: str) -> int:
    """Return the bits per element of a dtype.

    bfloat16 has 16 and float8_e4m3fn 8; bool has 8, as numpy and the frameworks store a byte per element.
    """
    width = re.search(r"\d+", dtype)
    return int(width.group()) if width else 8
