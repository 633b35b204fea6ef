"""Optimizer wrapper that scores filters and holds dropped ones.

It scores them from passing gradients and holds the dropped ones at zero.
"""

from typing import Literal

import keras
import numpy as np

from tfslim._support.optimizer_wrapper import OptimizerWrapper
from tfslim.pruning.dependency.channel_graph import FROZEN, ChannelGraph, keeps_zeros
from tfslim.pruning.dependency.tracing import Slice
from tfslim.pruning.importance.gates import along_channels, gates, own_weights
from tfslim.pruning.importance.reduction import Aggregation, aggregate
from tfslim.pruning.importance.weights import check_scores
from tfslim.pruning.surgery import mask, silence

__all__ = ["PruningOptimizer"]

Form = Literal["activation", "weight"]
HELD = ("filters", "scale", "inputs")
# Optimizer slots of Keras that keep moving a weight while its gradient is zero.
MOVING = ("momentum", "average", "linear", "gradient_accumulator")


@keras.saving.register_keras_serializable(package="tfslim")
class PruningOptimizer(OptimizerWrapper):
    """Optimizer wrapper that scores units and holds dropped ones.

    It accumulates Taylor scores in training and holds dropped units at zero. The gradients of all filters' gates follow
    from the weights' own gradients (`tfslim.pruning.importance.gates`), so a step costs hardly more. The weights of
    dropped units, with their momenta and averages, become zero and are held there. All state is in the optimizer's
    `variables`. Gradients are those of the whole loss: penalties of layers' regularizers are part of the scores, an
    optimizer's weight decay is not.

    Args:
        inner: the optimizer that trains. A LossScaleOptimizer goes around this one, not into it.
        graph: channel graph of the model that is trained, built on that model's own variables.
        form: "activation": the square of a gate's gradient, that is of activation x gradient summed over image and
            batch; "weight": the sum of the squares of weight x gradient over a filter's weights. None if no scores are
            needed and only dropped units are to be held at zero.
        alone: whether only the graph's model takes part in the loss, unlike in a Distiller. Then most weights of
            dropped units stay at zero by themselves and are not written in each step, which saves a few per cent.

    Raises:
        ValueError: `form` is unknown, `inner` is a LossScaleOptimizer, no filter can be removed, or filters can't be
            scored because the weights that their scores depend on are not trained.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(1)])
        >>> graph = channel_graph(model)
        >>> optimizer = PruningOptimizer(keras.optimizers.AdamW(1e-3), graph)
        >>> model.compile(optimizer, "mse")
        >>> history = model.fit(np.ones((32, 4)), np.ones((32, 1)), verbose=0)
        >>> optimizer.drop(np.argsort(optimizer.scores())[:3])
        >>> int(optimizer.dropped.sum())
        3

    Source: Molchanov and others, "Importance Estimation for Neural Network Pruning", arXiv 1906.10771, equations 7 and
        8, and section 3.2 for gates.
    """

    def __init__(
        self,
        inner: keras.optimizers.Optimizer,
        graph: ChannelGraph,
        form: Form | None = "activation",
        alone: bool = False,
    ):
        super().__init__(inner)
        if form not in ("activation", "weight", None):
            raise ValueError(f"form={form!r}; expected 'activation' or 'weight'")
        if not graph.unit_count:
            raise ValueError(f"no filter of {graph.model.name} can be removed, so there is nothing to score:\n{graph}")
        self.graph = graph
        self.form = form
        self._gates = {"activation": gates, "weight": own_weights, None: lambda _: []}[form](graph)
        self._trained = [part for part in graph.slices if part.role in HELD and part.variable.trainable]
        self._held = _moved(graph, self._trained) if alone and _is_stock(inner) else self._trained

    def build(self, variables: list[keras.Variable]) -> None:
        if self.built:
            return
        own = {id(variable) for variable in variables}
        for part in self._trained:
            if id(part.variable) not in own:
                raise ValueError(
                    f"{part.variable.path} is not among the {len(own)} variables to be trained; pass the channel graph "
                    "of the compiled model, with nested models opened by tfslim.flatten first"
                )
        self.alive = self.add_variable((self.graph.unit_count,), "ones", "float32", name="alive")
        self.sums = self.add_variable((sum(len(gate.units) for gate in self._gates),), "zeros", "float32", name="sums")
        self.steps = self.add_variable((), "zeros", "int", name="steps")  # since the last drop
        self.drops = self.add_variable((), "zeros", "int", name="drops")
        if not self.inner_optimizer.built:
            self.inner_optimizer.build(variables)
        super().build(variables)
        self.use_ema = self.inner_optimizer.use_ema  # set only now, or Keras would create averages here too

    def apply(self, grads, trainable_variables=None) -> None:
        grads = list(grads)
        if not self.built:
            self.build(list(trainable_variables))
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        if self._gates:
            self._add_scores({id(variable): gradient for variable, gradient in zip(variables, grads, strict=True)})
        self.assign_add(self.steps, 1)
        self.inner_optimizer.apply(grads, trainable_variables)
        self.hold()

    def _add_scores(self, gradients: dict) -> None:
        weight = self.form == "weight"
        along = [along_channels(gate, lambda variable: gradients.get(id(variable)), weight) for gate in self._gates]
        scores = keras.ops.concatenate(along)
        self.assign_add(self.sums, scores if weight else keras.ops.square(scores))

    def hold(self) -> None:
        """Reset dropped units to zero after a step."""
        parts_of = {}
        for part in self._held:
            parts_of.setdefault(id(part.variable), []).append(part)
        masks = self._masks()
        for parts in parts_of.values():
            variable = value = parts[0].variable
            for part in parts:
                shape = [1] * len(variable.shape)
                shape[part.axis] = -1
                own = keras.ops.cast(masks[part.units.tobytes()], variable.dtype)
                value = keras.ops.multiply(value, keras.ops.reshape(own, shape))
            self.assign(variable, value)

    def _masks(self) -> dict:
        """Return masks of held slices, keyed by their units' bytes.

        Each mask is 1 for units that are alive or frozen and 0 for dropped ones.
        """
        units = {part.units.tobytes(): part.units for part in self._held}
        if not units:
            return {}
        places = np.concatenate(list(units.values()))
        places = np.where(places == FROZEN, self.graph.unit_count, places).astype("int32")
        # One lookup for all slices: the number of lookups dominates the cost.
        every = keras.ops.take(keras.ops.concatenate([self.alive, keras.ops.ones((1,), "float32")]), places)
        ends = np.cumsum([len(each) for each in units.values()])
        return {key: every[end - len(each) : end] for (key, each), end in zip(units.items(), ends, strict=True)}

    def scores(self, how: Aggregation = "sum", normalise: bool = False) -> np.ndarray:
        """Return mean scores since the start or the last drop.

        Args:
            how: how the scores of the layers that make a unit become one.
            normalise: divide a layer's scores by their mean over the units that were not dropped.

        Returns:
            (graph.unit_count,) float64, means over the training steps.

        Raises:
            ValueError: no step was taken since the last drop, scores are NaN or all zero, or `form` is None.
        """
        if self.form is None:
            raise ValueError("form=None gathers no scores; create the optimizer with form='activation' or 'weight'")
        steps = int(self.steps) if self.built else 0
        if not steps:
            raise ValueError("no scores yet: no training step was taken since the start or the last drop; train first")
        scale = self.inner_optimizer.loss_scale_factor or 1.0
        means = np.asarray(self.sums, np.float64) / steps / scale**2
        ends = np.cumsum([len(gate.units) for gate in self._gates])
        makers = zip([gate.units for gate in self._gates], np.split(means, ends[:-1]), strict=True)
        scores = aggregate(makers, self.graph.unit_count, how, normalise, alive=~self.dropped)
        return check_scores(self.graph, scores)

    @property
    def dropped(self) -> np.ndarray:
        """Return which units are held at zero, (unit_count,) bool."""
        return np.asarray(self.alive) == 0

    def drop(self, units: np.ndarray) -> None:
        """Hold more units at zero and reset the scores.

        Scores gathered before belong to another network.

        Args:
            units: numbers of the units.
        """
        alive = np.array(self.alive)
        alive[np.asarray(units, np.int64)] = 0
        self.alive.assign(alive)
        self.silence()
        for variable in (self.steps, self.sums):
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self.drops.assign(int(self.drops) + 1)

    def silence(self) -> None:
        """Set all values of dropped units to zero.

        These are the weights, the means, and the inner optimizer's momenta and averages.
        """
        silence(self.graph, np.flatnonzero(self.dropped))
        kept = {}
        for part in self._trained:
            kept.setdefault(part.variable.path.replace("/", "_"), []).append(part)
        for slot in self.inner_optimizer.variables:
            name = slot.path.rpartition("/")[2]  # Keras names an optimizer slot by its weight's path
            key = max((key for key in kept if name.startswith(f"{key}_")), key=len, default="")
            for part in kept.get(key, ()):
                if name.removeprefix(f"{key}_") in MOVING and tuple(slot.shape) == tuple(part.variable.shape):
                    slot.assign(keras.ops.multiply(slot, mask(part, self.dropped)))

    def take_over(self, other: "PruningOptimizer") -> None:
        """Continue from another wrapper's state for the same graph."""
        for name in ("alive", "sums", "steps", "drops"):
            getattr(self, name).assign(getattr(other, name))

    def finalize_variable_values(self, var_list) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)
        self.hold()


def _moved(graph: ChannelGraph, trained: list[Slice]) -> list[Slice]:
    """Return slices whose zeros an optimizer of Keras may move.

    A channel whose readers are all zero passes no gradient back to its makers, and the readers of a channel that is
    zero get no gradient.
    """
    read = np.zeros(graph.unit_count + 1, bool)
    for part in trained:
        if part.role == "inputs":
            read[part.units] = True
    read[FROZEN] = True
    rests = keeps_zeros(graph)
    return [part for part in trained if not read[part.units].all() or (part.role == "inputs" and not rests)]


def _is_stock(optimizer: keras.optimizers.Optimizer) -> bool:
    return type(optimizer).__module__.startswith("keras.")
