"""Optimizer wrapper for training with quantized values.

It trains float weights while the model holds their quantized values.
"""

from collections.abc import Mapping

import keras
import numpy as np

from tfslim._support.optimizer_wrapper import OptimizerWrapper
from tfslim.quantization.codecs.fake_quantize import fake_quantize, fixed
from tfslim.quantization.codecs.floats import Float32
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.registry import Codec
from tfslim.quantization.model_tensors import WeightTensor, weight_tensors
from tfslim.quantization.weights import values_of

__all__ = ["QuantizingOptimizer"]


@keras.saving.register_keras_serializable(package="tfslim")
class QuantizingOptimizer(OptimizerWrapper):
    """Optimizer for a model whose weights stay values of codebooks.

    Each weight of the plan has a float twin here. The model runs forwards and backwards on the quantized weight, the
    inner optimizer moves the twin by that gradient, straight through the rounding, and the weight becomes the twin's
    new quantized value. Constraints and exclusions from weight decay apply to the twin. So `fit`, a Distiller and any
    backend train in few bits without a change to the model, which stays plain. After training,
    `tfslim.quantize_weights(model, optimizer.plan)` returns exact codebook values, and quantizes what is not trained,
    such as moving statistics.

    Args:
        inner: the optimizer that trains. A LossScaleOptimizer goes around this one, not into it.
        model: the model that is trained, with the float weights to start from. Its weights are quantized at once, also
            those of frozen layers, which then stay as they are.
        plan: each tensor's codec by path, as returned by `plan_codecs` and `allocate_bits`. Tensors that the plan
            leaves float32 are trained as usual, and statistics move as usual.

    Raises:
        ValueError: `inner` is a LossScaleOptimizer or averages weights, the plan doesn't fit the model or has log
            min-max with rule "floor", or a weight isn't float32.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, name="hidden"), keras.layers.Dense(2)])
        >>> plan = plan_codecs(model, "ternary")
        >>> optimizer = QuantizingOptimizer(keras.optimizers.AdamW(1e-3), model, plan)
        >>> model.compile(optimizer, "mse")  # puts a LossScaleOptimizer around it in mixed_float16
        >>> history = model.fit(np.ones((32, 4)), np.ones((32, 2)), verbose=0)
        >>> model, report = tfslim.quantize_weights(model, optimizer.plan)

    Source: Courbariaux, Bengio and David, "BinaryConnect", arXiv 1511.00363, algorithm 1; Bengio, Leonard and
        Courville, arXiv 1308.3432, for the straight-through estimator.
    """

    def __init__(self, inner: keras.optimizers.Optimizer, model: keras.Model, plan: Mapping[str, Codec]):
        super().__init__(inner)
        if inner.use_ema:
            raise ValueError("averaged weights are not values of a codebook; use an inner optimizer without use_ema")
        found = weight_tensors(model)
        unmatched = sorted(found.keys() ^ plan.keys())
        if unmatched:
            raise ValueError(f"{unmatched[0]}: is not in both {model.name} and the plan; make the plan from this model")
        for path, codec in plan.items():
            if isinstance(codec, LogMinMax) and codec.rule == "floor":
                raise ValueError(
                    f"{path}: the levels of rule 'floor' stop short of the largest magnitude, so quantizing trained "
                    "weights again would change them; use rule 'exact_zero' or 'nearest'"
                )
        self.plan, self._snaps, self._start, self._twins = {}, {}, {}, {}
        for path, codec in plan.items():
            values = values_of(path, found[path])
            try:
                self.plan[path] = fixed(codec, values)
                self._start_snapped(found[path], self.plan[path], values)
            except ValueError as error:
                raise ValueError(f"{path}: {error}") from None

    def _start_snapped(self, tensor: WeightTensor, codec: Codec, values: np.ndarray) -> None:
        variable = tensor.variable
        moves = not variable.trainable and tensor.owner.trainable
        if moves or isinstance(codec, Float32):
            return
        if variable.trainable:
            self._snaps[id(variable)] = fake_quantize(codec, values, tensor.filter_axes)
            self._start[id(variable)] = values
        variable.assign(codec.decode(codec.encode(values, tensor.filter_axes)))

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        untrained = self._snaps.keys() - {id(variable) for variable in variables}
        if untrained:
            raise ValueError(
                f"{len(untrained)} of the {len(self._snaps)} weights to quantize are not among the variables to be "
                "trained; pass the compiled model, or a model inside it"
            )
        for variable in variables:
            if id(variable) in self._snaps:
                # Not assigned: TensorFlow may be tracing a step here, which would then assign it every time.
                start = keras.initializers.Constant(self._start.pop(id(variable)))
                twin = self._twins[id(variable)] = self.add_variable_from_reference(variable, "float", start)
                # Attributes that Keras reads from the variable that it is given.
                twin.constraint = variable.constraint
                if not self.inner_optimizer._use_weight_decay(variable):
                    self.inner_optimizer._exclude_from_weight_decay.add(self.inner_optimizer._var_key(twin))
        self.inner_optimizer.build([self._twins.get(id(variable), variable) for variable in variables])
        super().build(variables)

    def apply(self, grads, trainable_variables=None) -> None:
        if not self.built:
            self.build(list(trainable_variables))
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        self.inner_optimizer.apply(list(grads), [self._twins.get(id(variable), variable) for variable in variables])
        for variable in variables:
            if id(variable) in self._twins:
                self.assign(variable, self._snaps[id(variable)](self._twins[id(variable)]))
