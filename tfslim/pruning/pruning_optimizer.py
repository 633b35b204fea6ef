"""An optimizer around another: it scores filters by the gradients that pass through, and holds dropped ones at zero."""

from typing import Literal

import keras
import numpy as np

from tfslim.pruning.aggregation import Aggregation, aggregate
from tfslim.pruning.channel_graph import STAYS, ChannelGraph
from tfslim.pruning.gates import along_channels, gates, own_weights
from tfslim.pruning.importance import check_scores

Form = Literal["activation", "weight"]
HELD = ("filters", "scale", "inputs")


class PruningOptimizer(keras.optimizers.Optimizer):
    """Adds up Taylor scores while another optimizer trains a model, and holds dropped units at zero.

    The gradients of all filters' gates fall out of the weights' own (`tfslim.pruning.gates`), so a step costs hardly
    more. After the inner optimizer's step the weights of dropped units are set to zero again: neither momentum nor
    weight decay nor an average brings them back.

    Args:
        inner: the optimizer that trains. A LossScaleOptimizer goes around this one, not into it.
        graph: channel graph of the model that is trained, of that model's own variables.
        form: "activation": the square of a gate's gradient, that is of activation x gradient summed over image and
            batch; "weight": the sum of the squares of weight x gradient over a filter's weights.

    Raises:
        ValueError: `form` is unknown, or `inner` is a LossScaleOptimizer.

    Example:
        >>> graph = channel_graph(model)
        >>> optimizer = PruningOptimizer(keras.optimizers.AdamW(1e-3), graph)
        >>> model.compile(optimizer, "mse")
        >>> model.fit(x, y)
        >>> optimizer.drop(np.argsort(optimizer.scores())[:8])

    Source: Molchanov and others, "Importance Estimation for Neural Network Pruning", arXiv 1906.10771, equations 7 and
        8, and section 3.2 for gates.
    """

    def __init__(self, inner: keras.optimizers.Optimizer, graph: ChannelGraph, form: Form = "activation"):
        if form not in ("activation", "weight"):
            raise ValueError(f"form={form!r}; expected 'activation' or 'weight'")
        if isinstance(inner, keras.optimizers.LossScaleOptimizer):
            raise ValueError("a LossScaleOptimizer goes around a PruningOptimizer, not into it")
        super().__init__(learning_rate=0.0)
        self.inner_optimizer = inner
        self.graph = graph
        self.form = form
        self._gates = gates(graph) if form == "activation" else own_weights(graph)
        self._held = [part for part in graph.slices if part.role in HELD and part.variable.trainable]

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        count = self.graph.unit_count
        self.alive = self.add_variable((count + 1,), "ones", "float32", name="alive")  # the last is what always stays
        self.steps = self.add_variable((), "zeros", "float32", name="steps")
        self._sums = [
            self.add_variable((len(gate.units),), "zeros", "float32", name=f"{gate.layer}_score")
            for gate in self._gates
        ]
        self.inner_optimizer.build(variables)
        super().build(variables)

    @property
    def variables(self) -> list[keras.Variable]:
        return self._variables + self.inner_optimizer.variables

    def apply(self, grads, trainable_variables=None) -> None:
        if not self.built:
            self.build(list(trainable_variables))
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        gradients = {id(variable): gradient for variable, gradient in zip(variables, grads, strict=True)}
        weight = self.form == "weight"
        for gate, total in zip(self._gates, self._sums, strict=True):
            score = along_channels(gate, lambda variable: gradients.get(id(variable)), squared=weight)
            total.assign_add(score if weight else keras.ops.square(score))
        self.steps.assign_add(1.0)
        self.inner_optimizer.apply(grads, trainable_variables)
        self.hold()

    def hold(self) -> None:
        """Sets the weights of dropped units to zero."""
        for part in self._held:
            shape = [1] * len(part.variable.shape)
            shape[part.axis] = -1
            places = np.where(part.units == STAYS, self.graph.unit_count, part.units)
            mask = keras.ops.cast(keras.ops.take(self.alive, places), part.variable.dtype)
            part.variable.assign(part.variable * keras.ops.reshape(mask, shape))

    def scores(self, how: Aggregation = "mean", normalise: bool = False) -> np.ndarray:
        """The units' scores since the start or the last drop: means over the steps, (unit_count,) float64.

        Args:
            how: how the scores of the layers that make a unit become one.
            normalise: divide a layer's scores by their mean first.

        Raises:
            ValueError: no step was taken since, or scores are NaN or all zero.
        """
        if not self.built or not float(self.steps):
            raise ValueError("there are no scores: no training step was taken since the start or the last drop")
        makers = [
            (gate.units, np.asarray(total, np.float64) / float(self.steps))
            for gate, total in zip(self._gates, self._sums, strict=True)
        ]
        return check_scores(self.graph, aggregate(makers, self.graph.unit_count, how, normalise))

    @property
    def dropped(self) -> np.ndarray:
        """Which units are held at zero, (unit_count,) bool."""
        return np.asarray(self.alive)[:-1] == 0

    def drop(self, units: np.ndarray) -> None:
        """Holds more units at zero, and begins to score anew: the scores were those of another network."""
        alive = np.array(self.alive)
        alive[np.asarray(units, np.int64)] = 0
        self.alive.assign(alive)
        self.hold()
        for variable in (self.steps, *self._sums):
            variable.assign(keras.ops.zeros_like(variable))

    @property
    def learning_rate(self):
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, learning_rate):
        self.inner_optimizer.learning_rate = learning_rate

    @property
    def iterations(self):
        return self.inner_optimizer.iterations

    @property
    def use_ema(self) -> bool:
        return self.inner_optimizer.use_ema

    @use_ema.setter
    def use_ema(self, value: bool) -> None:
        # Keras sets it while a base optimizer is made; the average is the inner one's.
        pass

    def finalize_variable_values(self, var_list) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)
        self.hold()

    def get_config(self) -> dict:
        """The inner optimizer's: a model that is saved while it is pruned opens with that one."""
        return {"inner": keras.saving.serialize_keras_object(self.inner_optimizer)}

    @classmethod
    def from_config(cls, config: dict, custom_objects=None) -> keras.optimizers.Optimizer:
        return keras.saving.deserialize_keras_object(config["inner"], custom_objects=custom_objects)
