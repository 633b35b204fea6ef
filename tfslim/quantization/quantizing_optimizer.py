"""An optimizer around another: it trains float weights, and gives the model their values in few bits."""

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


@keras.saving.register_keras_serializable(package="tfslim")
class QuantizingOptimizer(OptimizerWrapper):
    """Trains a model whose weights are values of codebooks all the while.

    Each weight of the plan has a float twin here. The model runs forwards and backwards on the snapped weight, the
    inner optimizer moves the twin by that gradient, straight through the rounding, and the weight becomes the twin's
    new snapped value. Constraints and exclusions from weight decay hold for the twin. So `fit`, a Distiller and any
    backend train in few bits without a change to the model, which stays plain. When training is done,
    `tfslim.quantize_weights(model, optimizer.plan)` gives exact codebook values, and those of what is not trained, such
    as moving statistics.

    Args:
        inner: the optimizer that trains. A LossScaleOptimizer goes around this one, not into it.
        model: the model that is trained, with the float weights to start from. Its weights are snapped at once, those
            of frozen layers too, which then stay as they are.
        plan: each tensor's codec by its path, as `plan_codecs` and `allocate_bits` give it. What the plan leaves
            float32 is trained as ever, and statistics move as ever.

    Raises:
        ValueError: `inner` is a LossScaleOptimizer or averages weights, the plan doesn't fit the model or has log
            min-max with rule "floor", or a weight isn't float32.

    Example:
        >>> plan = plan_codecs(model, "ternary", scope="convolutions")
        >>> optimizer = QuantizingOptimizer(keras.optimizers.AdamW(1e-3), model, plan)
        >>> model.compile(optimizer, "mse")  # puts a LossScaleOptimizer around it in mixed_float16
        >>> model.fit(x, y)
        >>> model, report = tfslim.quantize_weights(model, optimizer.plan)

    Source: Courbariaux, Bengio and David, "BinaryConnect", arXiv 1511.00363, algorithm 1; Bengio, Leonard and
        Courville, arXiv 1308.3432, for the straight-through estimator.
    """

    def __init__(self, inner: keras.optimizers.Optimizer, model: keras.Model, plan: Mapping[str, Codec]):
        super().__init__(inner)
        if inner.use_ema:
            raise ValueError("an average of weights has no few bits: use an inner optimizer without use_ema")
        found = weight_tensors(model)
        astray = sorted(found.keys() ^ plan.keys())
        if astray:
            raise ValueError(f"{astray[0]}: is not in both {model.name} and the plan")
        for path, codec in plan.items():
            if isinstance(codec, LogMinMax) and codec.rule == "floor":
                raise ValueError(
                    f"{path}: the levels of rule 'floor' stop short of the largest magnitude, so that snapping "
                    "what was trained once more would change it: take 'exact_zero' or 'nearest'"
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
        astray = self._snaps.keys() - {id(variable) for variable in variables}
        if astray:
            raise ValueError(
                f"{len(astray)} of the {len(self._snaps)} weights to be snapped are not among the variables to be "
                "trained; give the model that is compiled, or that is in it"
            )
        for variable in variables:
            if id(variable) in self._snaps:
                # Not assigned: TensorFlow may be tracing a step here, which would then assign it every time.
                start = keras.initializers.Constant(self._start.pop(id(variable)))
                twin = self._twins[id(variable)] = self.add_variable_from_reference(variable, "float", start)
                # What Keras asks of the variable that it is given.
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
