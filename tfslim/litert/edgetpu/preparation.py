"""A model rewritten so that the Edge TPU compiler takes it, with the same outputs."""

import inspect

import keras

from tfslim.cost.model_cost import measure
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.flattening import flatten
from tfslim.graph.layer_copier import copy_operation, take_weights
from tfslim.graph.rebuilding import rebuild
from tfslim.graph.traversal import LayerCall
from tfslim.layers.composite import Composite
from tfslim.litert.conversion.fixed_model import fixed_float32
from tfslim.litert.edgetpu.keras_linter import diagnose
from tfslim.litert.edgetpu.rewrites import activations
from tfslim.litert.edgetpu.rewrites.convolutions import dense_on_map, pointwise, undilate, ungroup
from tfslim.litert.edgetpu.rewrites.pooled_dense import PooledDenseInput, is_pool, keeps_rows, pools_before_dense
from tfslim.litert.edgetpu.rewrites.rewrite import Names, by_place, called
from tfslim.litert.edgetpu.rewrites.shapes import pick_by_pooling, pool_before, upsample_by_resizing
from tfslim.report import Report

_REWRITES = (ungroup, undilate, dense_on_map, upsample_by_resizing, pick_by_pooling)


def prepare_for_edgetpu(model: keras.Model) -> tuple[keras.Model, Report]:
    """Rewrites what the Edge TPU compiler refuses and others can compute exactly; outputs stay equal to 1e-5.

    Dense layers after a global pooling become 1x1 convolutions; grouped convolutions parts put together again, or
    depthwise ones; hard-swish a product with ReLU and MINIMUM; leaky ReLU a PReLU; nearest up-sampling a Resizing;
    unequal dilations a kernel with zeros; a slice with steps a pooling; a ReLU behind a pooling goes before it. The
    batch becomes 1, all layers float32, nested models and tfslim's own layers are opened.

    Args:
        model: A functional or Sequential model, all sizes but the batch fixed.

    Returns:
        A new functional model, not compiled (`model` is not changed), and a report: in `done` a line for each layer
        that was rewritten, in `skipped` the layers that the compiler will not map, with the reason.

    Raises:
        TypeError: If the model's graph cannot be read.
        ValueError: If an input has an open size.

    Example:
        >>> ready, report = tfslim.litert.prepare_for_edgetpu(model)  # doctest: +SKIP
        >>> print(report)  # doctest: +SKIP
    """
    fixed = fixed_float32(model)
    if any(isinstance(layer, (Composite, keras.Model)) for layer in fixed.layers):
        fixed = flatten(fixed, keep_unreadable=True)
    rewriting = _Rewriting(fixed)
    inputs = [
        keras.Input(batch_shape=(1, *tensor.shape[1:]), dtype=tensor.dtype, name=tensor.name) for tensor in fixed.inputs
    ]
    outputs = [_as_tensor(output) for output in rebuild(fixed, inputs, rewriting.place)]
    given = keras.tree.pack_sequence_as(fixed.input, inputs)
    given_back = keras.tree.pack_sequence_as(fixed.output, outputs)
    prepared = keras.Model(given, given_back, name=model.name)
    refresh_cached_state(prepared)
    left = diagnose(prepared)
    return prepared, Report(
        step="prepare for the Edge TPU",
        before=measure(model),
        after=measure(prepared),
        done=rewriting.done,
        skipped={finding.layer: f"{finding.rule.id} {finding.found}" for finding in left.findings if finding.blocks},
    )


class _Rewriting:
    """Puts each call, or what is written in its place, in a new graph."""

    def __init__(self, model: keras.Model):
        self.done: list[str] = []
        self._names = Names({tensor.name for tensor in model.inputs})
        self._pools = pools_before_dense(model)
        self._copies: dict[int, keras.Operation] = {}
        self._kept: list[keras.Operation] = []

    def place(self, call: LayerCall, args: tuple, kwargs: dict):
        call, operation = by_place(call), call.operation
        if len(call.args) > len(args):
            kwargs = dict(kwargs)
            args = (kwargs.pop(next(iter(inspect.signature(operation.call).parameters))),)
        first = args[0] if args else None
        # Layers are called with a mask of None and, in inference, with training=False.
        if isinstance(first, PooledDenseInput) and not any(value for value in keras.tree.flatten(kwargs)):
            kept = self._place_on_row(call, first)
            if kept is not None:
                return kept
        args, kwargs = keras.tree.map_structure(_as_tensor, (args, kwargs))
        if not args:
            return self._copy(operation)(**kwargs)
        if id(operation) in self._pools and is_pool(operation):
            return self._opened_pool(operation, args[0])
        return self._place_on_tensor(call, args, kwargs)

    def _place_on_tensor(self, call: LayerCall, args: tuple, kwargs: dict):
        operation = call.operation
        if activations.rewritable_activation(operation):
            return self._rewrite_activation(call, args, kwargs)
        if activations.clips_after_pool(operation) and (pool := pool_before(args[0])):
            return self._relu_around(call, pool, args[0])
        for rewrite in _REWRITES:
            made = rewrite(call, args, self._names)
            if made:
                self.done.append(made.done)
                return made.output
        return self._copy(operation)(*args, **kwargs)

    def _rewrite_activation(self, call: LayerCall, args: tuple, kwargs: dict) -> keras.KerasTensor:
        operation, x = call.operation, args[0]
        if getattr(operation, "weights", None):
            # A layer with weights that applies the activation to what it gives.
            plain = _without_activation(operation)
            x = self._place_on_tensor(LayerCall(plain, call.path, call.args, call.kwargs, call.outputs), args, kwargs)
        output, how = activations.rewritten_activation(operation, x, self._names)
        self.done.append(f"{called(call)}: {how}")
        return output

    def _relu_around(self, call: LayerCall, pool: keras.layers.Layer, pooled: keras.KerasTensor) -> keras.KerasTensor:
        if isinstance(pool, keras.layers.AveragePooling2D):
            self.done.append(f"{called(call)}: kept apart from the average pooling before it")
            return activations.relu_apart(call.operation, pooled, self._names)
        node = pool._inbound_nodes[pooled._keras_history.node_index]
        clipped = self._copy(call.operation)(node.input_tensors[0])
        self.done.append(f"{called(call)}: before the max pooling, not after it")
        return copy_operation(pool, self._names.free(pool.name))(clipped)

    def _opened_pool(self, pool: keras.layers.Layer, x: keras.KerasTensor) -> PooledDenseInput:
        name = self._names.free(f"{pool.name}_map")
        kept = copy_operation(pool, name, lambda config: config.update(keepdims=True))(x)
        return PooledDenseInput(kept, lambda: self._copy(pool)(x))

    def _place_on_row(self, call: LayerCall, row: PooledDenseInput) -> PooledDenseInput | keras.KerasTensor | None:
        operation = call.operation
        if isinstance(operation, keras.layers.Reshape) and tuple(call.outputs[0].shape[1:]) == tuple(row.map.shape[1:]):
            return row.map
        if not keeps_rows(call):
            return None
        if isinstance(operation, keras.layers.Dense):
            if type(operation) is not keras.layers.Dense or _sums(operation):
                return None
            return self._dense_on_row(call, row.map)
        if isinstance(operation, keras.layers.BatchNormalization):
            made = self._copy(operation, axis=-1)(row.map)
        else:
            made = self._place_on_tensor(LayerCall(operation, call.path, (row.map,), {}, call.outputs), (row.map,), {})
        return self._row(made, operation.name)

    def _dense_on_row(self, call: LayerCall, x: keras.KerasTensor) -> PooledDenseInput:
        dense = call.operation
        if activations.rewritable_activation(dense):
            made = pointwise(_without_activation(dense), x, self._names)
            made, how = activations.rewritten_activation(dense, made, self._names)
            self.done.append(f"{called(call)}: {how}")
        else:
            made = pointwise(dense, x, self._names)
        self.done.append(f"{called(call)}: after a global pooling as a 1x1 convolution")
        return self._row(made, dense.name)

    def _row(self, made: keras.KerasTensor, name: str) -> PooledDenseInput:
        return PooledDenseInput(
            made, lambda: keras.layers.Reshape((made.shape[-1],), name=self._names.free(f"{name}_row"))(made)
        )

    def _copy(self, operation: keras.Operation, **changes):
        """A function that calls the one copy of an operation, which takes its weights at the first call."""
        if id(operation) not in self._copies:
            change = (lambda config: config.update(changes)) if changes else None
            self._copies[id(operation)] = copy_operation(operation, self._names.free(operation.name), change)
            self._kept.append(operation)  # so that no other operation gets its id
        copy = self._copies[id(operation)]

        def call(*args, **kwargs):
            outputs = copy(*args, **kwargs)
            if getattr(operation, "weights", None):
                take_weights(operation, copy)
            return outputs

        return call


def _without_activation(layer: keras.layers.Layer) -> keras.layers.Layer:
    """A layer with weights that applies an activation to what it computes, without that activation."""
    plain = copy_operation(layer, change=lambda config: config.update(activation="linear"))
    plain.build_from_config(layer.get_build_config())
    take_weights(layer, plain)
    return plain


def _as_tensor(value):
    return value.as_row() if isinstance(value, PooledDenseInput) else value


def _sums(dense: keras.layers.Dense) -> bool:
    """Whether its activation sums over the row, which in a convolution would still be over the channels."""
    return getattr(dense.activation, "__name__", "") in ("softmax", "log_softmax", "sparsemax")
