"""Preparation of a Keras model for the Edge TPU compiler."""

import inspect

import keras

from tfslim.cost.model_cost import measure
from tfslim.graph.derived_state import refresh_cached_state
from tfslim.graph.flattening import flatten
from tfslim.graph.layer_copier import copy_operation, take_weights
from tfslim.graph.rebuilding import rebuild
from tfslim.graph.traversal import LayerCall
from tfslim.layers.composite import Composite
from tfslim.litert.edgetpu.keras_linter import diagnose
from tfslim.litert.edgetpu.rewrites import activations
from tfslim.litert.edgetpu.rewrites.convolutions import dense_on_map, pointwise, undilate, ungroup
from tfslim.litert.edgetpu.rewrites.pooled_dense import PooledDenseInput, is_pool, keeps_rows, pools_before_dense
from tfslim.litert.edgetpu.rewrites.rewrite import Names, call_text, with_positional_input
from tfslim.litert.edgetpu.rewrites.shapes import pool_before, subsample_by_pooling, upsample_by_resizing
from tfslim.litert.fixed_model import fixed_float32
from tfslim.report import Report

__all__ = ["prepare_for_edgetpu"]

_REWRITES = (ungroup, undilate, dense_on_map, upsample_by_resizing, subsample_by_pooling)


def prepare_for_edgetpu(model: keras.Model) -> tuple[keras.Model, Report]:
    """Rewrite layers that the Edge TPU compiler refuses.

    A layer is rewritten if supported layers compute the same; outputs stay equal to 1e-5. Dense layers after a global
    pooling become 1x1 convolutions; grouped convolutions become several convolutions and a concatenation, or depthwise
    ones; hard-swish becomes a product with ReLU and MINIMUM; leaky ReLU a PReLU; nearest upsampling a Resizing; unequal
    dilations a kernel with zeros; a slice with steps a pooling; a ReLU after a max pooling moves before it. The batch
    becomes 1, all layers float32, and nested models and tfslim's own layers are flattened.

    Args:
        model: A functional or Sequential model, all sizes but the batch fixed.

    Returns:
        A new functional model, not compiled (`model` is not changed), and a report: in `done` a line for each rewritten
        layer, in `skipped` the layers that the compiler will not map, with the reason.

    Raises:
        TypeError: If it is a Keras 2 model (tf_keras), or its graph of layers can't be read.
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
    packed_inputs = keras.tree.pack_sequence_as(fixed.input, inputs)
    packed_outputs = keras.tree.pack_sequence_as(fixed.output, outputs)
    prepared = keras.Model(packed_inputs, packed_outputs, name=model.name)
    refresh_cached_state(prepared)
    blocking = [finding for finding in diagnose(prepared).findings if finding.blocks]
    return prepared, Report(
        step="prepare for the Edge TPU",
        before=measure(model),
        after=measure(prepared),
        done=rewriting.done,
        skipped={finding.layer: f"{finding.rule.id} {finding.found}" for finding in blocking},
    )


class _Rewriting:
    """Builder of the new graph, call by call."""

    def __init__(self, model: keras.Model):
        self.done: list[str] = []
        self._names = Names({tensor.name for tensor in model.inputs})
        self._pools = pools_before_dense(model)
        self._copies: dict[int, keras.Operation] = {}
        self._kept: list[keras.Operation] = []

    def place(self, call: LayerCall, args: tuple, kwargs: dict):
        call, operation = with_positional_input(call), call.operation
        if len(call.args) > len(args):
            kwargs = dict(kwargs)
            args = (kwargs.pop(next(iter(inspect.signature(operation.call).parameters))),)
        first = args[0] if args else None
        # Layers are called with mask=None and, in inference, with training=False.
        if isinstance(first, PooledDenseInput) and not any(value for value in keras.tree.flatten(kwargs)):
            output = self._place_on_row(call, first)
            if output is not None:
                return output
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
        if activations.fuses_into_pool(operation) and (pool := pool_before(args[0])):
            return self._unfuse_relu(call, pool, args[0])
        for rewrite in _REWRITES:
            made = rewrite(call, args, self._names)
            if made:
                self.done.append(made.done)
                return made.output
        return self._copy(operation)(*args, **kwargs)

    def _rewrite_activation(self, call: LayerCall, args: tuple, kwargs: dict) -> keras.KerasTensor:
        operation, x = call.operation, args[0]
        if getattr(operation, "weights", None):
            # The activation is applied to the layer's output, so the layer is copied without it.
            plain = _without_activation(operation)
            x = self._place_on_tensor(LayerCall(plain, call.path, call.args, call.kwargs, call.outputs), args, kwargs)
        output, description = activations.rewrite_activation(operation, x, self._names)
        self.done.append(f"{call_text(call)}: {description}")
        return output

    def _unfuse_relu(self, call: LayerCall, pool: keras.layers.Layer, pooled: keras.KerasTensor) -> keras.KerasTensor:
        if isinstance(pool, keras.layers.AveragePooling2D):
            self.done.append(f"{call_text(call)}: kept separate from the average pooling before it")
            return activations.separate_relu(call.operation, pooled, self._names)
        node = pool._inbound_nodes[pooled._keras_history.node_index]
        clipped = self._copy(call.operation)(node.input_tensors[0])
        self.done.append(f"{call_text(call)}: moved before the max pooling")
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
            if type(operation) is not keras.layers.Dense or _normalizes_row(operation):
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
            made, description = activations.rewrite_activation(dense, made, self._names)
            self.done.append(f"{call_text(call)}: {description}")
        else:
            made = pointwise(dense, x, self._names)
        self.done.append(f"{call_text(call)}: after a global pooling, as a 1x1 convolution")
        return self._row(made, dense.name)

    def _row(self, made: keras.KerasTensor, name: str) -> PooledDenseInput:
        return PooledDenseInput(
            made, lambda: keras.layers.Reshape((made.shape[-1],), name=self._names.free(f"{name}_row"))(made)
        )

    def _copy(self, operation: keras.Operation, **changes):
        """Return a function that calls an operation's one copy.

        The copy takes its weights at the first call.
        """
        if id(operation) not in self._copies:
            change = (lambda config: config.update(changes)) if changes else None
            self._copies[id(operation)] = copy_operation(operation, self._names.free(operation.name), change)
            self._kept.append(operation)  # so that its id is not reused
        copy = self._copies[id(operation)]

        def call(*args, **kwargs):
            outputs = copy(*args, **kwargs)
            if getattr(operation, "weights", None):
                take_weights(operation, copy)
            return outputs

        return call


def _without_activation(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Copy a layer with weights, without its activation."""
    plain = copy_operation(layer, change=lambda config: config.update(activation="linear"))
    plain.build_from_config(layer.get_build_config())
    take_weights(layer, plain)
    return plain


def _as_tensor(value):
    return value.as_row() if isinstance(value, PooledDenseInput) else value


def _normalizes_row(dense: keras.layers.Dense) -> bool:
    """Return whether a layer's activation sums over the row.

    In a convolution, the sum would still be over the channels.
    """
    return getattr(dense.activation, "__name__", "") in ("softmax", "log_softmax", "sparsemax")
