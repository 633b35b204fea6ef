"""`TaylorPruning`: a callback that scores and drops filters while a model trains."""

from collections.abc import Iterable
from typing import Literal

import keras
import numpy as np

from tfslim.pruning.aggregation import Aggregation
from tfslim.pruning.budget import Budget
from tfslim.pruning.channel_graph import ChannelGraph, channel_graph
from tfslim.pruning.importance import KINDS, weight_importance
from tfslim.pruning.pruning_optimizer import Form, PruningOptimizer
from tfslim.pruning.schedule import Schedule, progress
from tfslim.pruning.selection import select_units
from tfslim.pruning.targets import target


class TaylorPruning(keras.callbacks.Callback):
    """Drops the filters that count least, a few at a time, while `fit` trains the others.

    Scores are added up in every step by a `PruningOptimizer`, which stands around the model's own optimizer as long as
    `fit` runs and holds dropped filters at zero; `tfslim.pruning.shrink` then removes them. Exactly one of `ratio`,
    `params`, `macs` and `bytes` is the target. Figures of what is left join the logs at the end of each epoch, so that
    progress bars, TensorBoard and CSVLogger (if they come after this callback) show them.

    Args:
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to be left: a number, or above 0 and below 1 a share of the model's.
        macs: likewise multiply-accumulates.
        bytes: likewise bytes of the weights.
        every: training steps between two drops.
        drops: number of drops until the target is reached.
        schedule: how the target is shared among them: "constant", "polynomial" (much at first) or "one-shot".
        form: of the Taylor score, "activation" or "weight"; see `PruningOptimizer`.
        how: how the scores of layers tied together become one: "sum", "mean" or "max".
        normalise: divide a layer's scores by their mean.
        importance: "taylor", or to compare with it "l1", "l2", "bn_scale" or "random".
        round_to: layers are left with a multiple of so many filters.
        min_filters: the least filters that a layer is left with.
        keep: names of layers that keep all filters.
        monitor: a metric of the logs, such as "val_accuracy"; no more is dropped once it is below `floor`. Training
            goes on, as what was dropped is to be made up for.
        floor: the least of `monitor`.
        seed: of "random".

    Raises:
        ValueError: an argument is out of its range, or, when training begins, the model has nested models (open it
            with `tfslim.flatten` first), a target that can't be met, or a layer in `keep` that is not there.

    Example:
        >>> pruning = TaylorPruning(ratio=0.4, every=98, drops=40)
        >>> model.fit(batches, epochs=50, callbacks=[pruning])
        >>> smaller, report = tfslim.pruning.shrink(model)

    Source: Molchanov and others, arXiv 1906.10771; SqueezerFaceNet, arXiv 2307.10697, section III.
    """

    def __init__(
        self,
        ratio: float | None = None,
        *,
        params: float | None = None,
        macs: float | None = None,
        bytes: float | None = None,
        every: int,
        drops: int,
        schedule: Schedule = "constant",
        form: Form = "activation",
        how: Aggregation = "mean",
        normalise: bool = False,
        importance: Literal["taylor", "l1", "l2", "bn_scale", "random"] = "taylor",
        round_to: int = 1,
        min_filters: int = 1,
        keep: Iterable[str] = (),
        monitor: str | None = None,
        floor: float | None = None,
        seed: int = 0,
    ):
        super().__init__()
        if every < 1 or drops < 1:
            raise ValueError(f"every={every} and drops={drops} must be 1 or more")
        if (monitor is None) != (floor is None):
            raise ValueError("monitor and floor go together: the metric, and the least it may be")
        if importance not in ("taylor", *KINDS):
            raise ValueError(f"importance={importance!r}; expected taylor, {', '.join(KINDS)}")
        progress(schedule, 1, drops)  # raises if there is no such schedule
        self._asked = {"ratio": ratio, "params": params, "macs": macs, "bytes": bytes}
        self.every, self.drops, self.schedule, self.form = every, drops, schedule, form
        self.how, self.normalise, self.importance = how, normalise, importance
        self.round_to, self.min_filters, self.keep = round_to, min_filters, tuple(keep)
        self.monitor, self.floor, self.seed = monitor, floor, seed
        self.graph: ChannelGraph | None = None
        self._optimizer: PruningOptimizer | None = None
        self._done, self._steps = 0, 0

    @property
    def dropped(self) -> np.ndarray:
        """Which units of `graph` were dropped, (unit_count,) bool."""
        return self._optimizer.dropped

    @property
    def finished(self) -> bool:
        """Whether nothing more will be dropped."""
        return self._done >= self.drops

    def on_train_begin(self, logs=None):
        pruned = getattr(self.model, "student", self.model)
        if self.graph is None:
            self.graph = _graph(pruned, self.keep)
            self._left, self._limit = target(self.graph, **self._asked)
            self._budget = Budget(self.graph)
            self._whole = self._left(np.zeros(self.graph.unit_count, bool))
            select_units(  # raises if the target can't be met, before an hour of training and not after it
                self.graph, np.arange(self.graph.unit_count), self._left, self._limit,
                round_to=self.round_to, min_filters=self.min_filters,
            )  # fmt: skip
        self._install()

    def _install(self) -> None:
        """Puts the pruning optimizer around the model's own, inside of a loss scale."""
        outer = self.model.optimizer
        scaled = isinstance(outer, keras.optimizers.LossScaleOptimizer)
        inner = outer.inner_optimizer if scaled else outer
        if self._optimizer is None or self._optimizer.inner_optimizer is not inner:
            dropped = None if self._optimizer is None else np.flatnonzero(self.dropped)
            self._optimizer = PruningOptimizer(inner, self.graph, self.form)
            self._optimizer.build(self.model.trainable_variables)
            if dropped is not None:
                self._optimizer.drop(dropped)
        self._inner = inner
        if scaled:
            outer.inner_optimizer = self._optimizer
        else:
            self.model.optimizer = self._optimizer
        self.model.make_train_function(force=True)

    def on_train_batch_end(self, batch, logs=None):
        self._steps += 1
        if self._steps % self.every == 0 and not self.finished:
            self._drop()

    def _drop(self) -> None:
        self._done += 1
        if self.importance == "taylor":
            scores = self._optimizer.scores(self.how, self.normalise)
        else:
            scores = weight_importance(self.graph, self.importance, self.how, seed=self.seed + self._done)
        scores = np.where(self.dropped, -np.inf, scores)  # what is dropped stays so
        limit = self._whole - (self._whole - self._limit) * progress(self.schedule, self._done, self.drops)
        gone = select_units(self.graph, scores, self._left, limit, round_to=self.round_to, min_filters=self.min_filters)
        self._optimizer.drop(np.flatnonzero(gone | self.dropped))

    def on_epoch_end(self, epoch, logs=None):
        if logs is None:
            return
        logs["filters"] = self._budget.filters(self.dropped)
        logs["params"] = self._budget.params(self.dropped)
        if self.monitor is None or self.finished:
            return
        if self.monitor not in logs:
            raise ValueError(f"monitor={self.monitor!r} is not in the logs, which have {', '.join(sorted(logs))}")
        if logs[self.monitor] < self.floor:
            self._done = self.drops

    def on_train_end(self, logs=None):
        if isinstance(self.model.optimizer, keras.optimizers.LossScaleOptimizer):
            self.model.optimizer.inner_optimizer = self._inner
        else:
            self.model.optimizer = self._inner
        self.model.make_train_function(force=True)


def _graph(model: keras.Model, keep: tuple[str, ...]) -> ChannelGraph:
    graph = channel_graph(model, keep=keep)
    own = {id(variable) for variable in model.variables}
    if not all(id(variable) in own for variable in graph.model.variables):
        raise ValueError(f"{model.name} has nested models or tfslim's layers in it: open it with tfslim.flatten first")
    return graph
