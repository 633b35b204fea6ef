"""`TaylorPruning`: a callback that scores and drops filters while a model trains."""

import contextlib
import warnings
from collections.abc import Iterable
from typing import Literal

import keras
import numpy as np

from tfslim.graph.checks import check_keras_model
from tfslim.pruning.budget import Budget, target
from tfslim.pruning.dependency.channel_graph import ChannelGraph, channel_graph
from tfslim.pruning.importance.reduction import Aggregation
from tfslim.pruning.importance.weights import KINDS, weight_importance
from tfslim.pruning.pruning_optimizer import Form, PruningOptimizer
from tfslim.pruning.selection import select_units

Schedule = Literal["constant", "polynomial", "one-shot"]


def progress(schedule: Schedule, done: int, drops: int) -> float:
    """The share of the target to be reached with a drop, 0..1.

    Args:
        schedule: "constant": the same with each drop; "polynomial": much at first, 1 - (1 - done / drops)^3;
            "one-shot": all with the first.
        done: number of the drop, from 1.
        drops: number of drops in all.

    Raises:
        ValueError: `schedule` is unknown, or `done` is not in 1..drops.

    Example:
        >>> progress("polynomial", 1, 2)
        0.875

    Source: the polynomial of Zhu and Gupta, "To prune, or not to prune", arXiv 1710.01878, equation 1.
    """
    if not 1 <= done <= drops:
        raise ValueError(f"drop {done} of {drops}; expected one of 1 to {drops}")
    if schedule == "constant":
        return done / drops
    if schedule == "polynomial":
        return 1 - (1 - done / drops) ** 3
    if schedule == "one-shot":
        return 1.0
    raise ValueError(f"schedule={schedule!r}; expected 'constant', 'polynomial' or 'one-shot'")


class TaylorPruning(keras.callbacks.Callback):
    """Drops the filters that count least, a few at a time, while `fit` trains the others.

    Scores are added up in every step by a `PruningOptimizer`, which stands around the model's own optimizer as long as
    `fit` runs and holds dropped filters at zero; `tfslim.pruning.shrink` then removes them. Exactly one of `ratio`,
    `params`, `macs` and `bytes` is the target; when it is met, nothing more is dropped, and training goes on to make up
    for what was. `filters`, `params` and `macs` that are left join the logs at the end of each epoch, so that History,
    TensorBoard and CSVLogger (if they come after this callback) write them. An EarlyStopping that restores the best
    weights must come before it, or it brings back what was dropped since. On a `Distiller`, its student is pruned.

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
        normalise: divide a layer's scores by their mean; by default where `importance` is a norm or a gamma.
        importance: "taylor", or to compare with it "l1", "l2", "bn_scale" or "random".
        round_to: layers are left with a multiple of so many filters.
        min_filters: the least filters that a layer is left with.
        keep: names of layers that keep all filters.
        monitor: a metric of the logs, such as "val_accuracy"; no more is dropped once it is below `floor`. Training
            goes on, as what was dropped is to be made up for. Epochs without a validation are passed over.
        floor: the least of `monitor`.
        seed: of "random".

    Raises:
        ValueError: an argument is out of its range, or, when training begins, the model has nested models (open it
            with `tfslim.flatten` first), is trained on several devices, has a target that can't be met, filters that
            can have no such score, or not the layers in `keep`.

    Warns:
        UserWarning: training ended before the target was reached, or `monitor` never came.

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
        how: Aggregation = "sum",
        normalise: bool | None = None,
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
        if isinstance(keep, str):
            raise ValueError(f"keep={keep!r}: expected names of layers, such as [{keep!r}]")
        progress(schedule, 1, drops)  # raises if there is no such schedule
        self._asked = {"ratio": ratio, "params": params, "macs": macs, "bytes": bytes}
        self.every, self.drops, self.schedule, self.form = every, drops, schedule, form
        self.how, self.importance = how, importance
        self.normalise = importance != "taylor" if normalise is None else normalise
        self.round_to, self.min_filters, self.keep = round_to, min_filters, tuple(keep)
        self.monitor, self.floor, self.seed = monitor, floor, seed
        self.graph: ChannelGraph | None = None
        self._optimizer: PruningOptimizer | None = None
        self._gone = np.zeros(0, bool)
        self._done = 0
        self._fits = False
        self._monitored = False
        # Steps since the last drop, as they were at the batch of that number.
        self._steps, self._batch = 0, 0

    @property
    def dropped(self) -> np.ndarray:
        """Which units of `graph` were dropped, (unit_count,) bool."""
        return self._gone.copy()

    @property
    def finished(self) -> bool:
        """Whether nothing more will be dropped."""
        return self._done >= self.drops

    def install(self, model: keras.Model) -> None:
        """Puts a `PruningOptimizer` around a compiled model's optimizer, inside of a loss scale.

        `fit` does so itself. Call it before only where a state is read back into `model.optimizer.variables`, as
        `tfslim.training.checkpoint.Checkpoint.restore` does.

        Raises:
            ValueError: see the class.
        """
        self._set_graph(model)
        outer = model.optimizer
        scaled = isinstance(outer, keras.optimizers.LossScaleOptimizer)
        inner = outer.inner_optimizer if scaled else outer
        if isinstance(inner, PruningOptimizer):
            if inner is not self._optimizer:
                raise ValueError(f"{model.name} has a PruningOptimizer already; compile it with another optimizer")
            return
        known = self._optimizer
        if known is None or known.inner_optimizer is not inner:
            # A model with a training step of its own may read its layers' outputs there.
            alone = not hasattr(model, "student") and type(model).__module__.startswith("keras.")
            form = self.form if self.importance == "taylor" else None
            self._optimizer = PruningOptimizer(inner, self.graph, form, alone)
            self._optimizer.build(model.trainable_variables)
            if known is not None:
                self._optimizer.take_over(known)
        if scaled:
            outer.inner_optimizer = self._optimizer
        else:
            model.optimizer = self._optimizer

    def _set_graph(self, model: keras.Model) -> None:
        if getattr(getattr(model, "distribute_strategy", None), "num_replicas_in_sync", 1) > 1:
            raise ValueError(f"{model.name} is trained on several devices at once; TaylorPruning works on one")
        pruned = getattr(model, "student", model)
        if self.graph is not None:
            if {id(part.variable) for part in self.graph.slices} - {id(variable) for variable in pruned.variables}:
                raise ValueError(f"this TaylorPruning is that of another model; make one for {pruned.name}")
            return
        graph = channel_graph(pruned, keep=self.keep)
        if {id(variable) for variable in graph.model.variables} - {id(variable) for variable in pruned.variables}:
            raise ValueError(
                f"{pruned.name} has nested models or tfslim's layers in it: open it with tfslim.flatten first"
            )
        self._left, self._limit = target(graph, **self._asked)
        self._budget = Budget(graph)
        self._gone = np.zeros(graph.unit_count, bool)
        self._whole = self._left(self._gone)
        # Raises if the target can't be met, before an hour of training and not after it.
        self._chosen(graph, np.arange(graph.unit_count), self._limit)
        if self.importance != "taylor":
            self._weight_scores(graph)  # likewise, if there are none
        self._counts = {"filters": self._budget.filters, "params": self._budget.params}
        with contextlib.suppress(ValueError):  # where the images' size is open
            self._budget.macs(self._gone)
            self._counts["macs"] = self._budget.macs
        self.graph = graph

    def set_model(self, model):
        check_keras_model(model)  # before the first hook, of which tf_keras asks for other ones
        super().set_model(model)

    def on_train_begin(self, logs=None):
        self.install(self.model)
        self._gone, self._done = self._optimizer.dropped, int(self._optimizer.drops)
        self._fits, self._monitored = True, self.finished
        self.model.make_train_function(force=True)

    def on_epoch_begin(self, epoch, logs=None):
        self._steps, self._batch = int(self._optimizer.steps), 0

    # A hook at a batch's end would keep Keras from going on while logs are on their way; so a drop is made before the
    # next batch, before a validation, or at the epoch's end.
    def on_train_batch_begin(self, batch, logs=None):
        if not self.finished and self._steps + batch - self._batch >= self.every:
            self._drop_if_due()
            self._steps, self._batch = int(self._optimizer.steps), batch

    def on_test_begin(self, logs=None):
        self._drop_if_due()

    def on_epoch_end(self, epoch, logs=None):
        self._drop_if_due()
        if logs is None:
            return
        logs.update({name: count(self._gone) for name, count in self._counts.items()})
        if self.monitor is None or self.finished:
            return
        if self.monitor in logs:
            self._monitored = True
            if logs[self.monitor] < self.floor:
                self._finish()
        elif not self.monitor.startswith("val_") or any(name.startswith("val_") for name in logs):
            raise ValueError(f"monitor={self.monitor!r} is not in the logs, which have {', '.join(sorted(logs))}")

    def on_train_end(self, logs=None):
        self._fits, model = False, self.model
        if isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer):
            model.optimizer.inner_optimizer = self._optimizer.inner_optimizer
        else:
            model.optimizer = self._optimizer.inner_optimizer
        self._optimizer.silence()
        model.make_train_function(force=True)
        if self.monitor is not None and not self._monitored:
            warnings.warn(f"monitor={self.monitor!r} was never looked at, as nothing was validated", stacklevel=2)
        if not self.finished:
            asked = next(name for name, value in self._asked.items() if value is not None)
            warnings.warn(
                f"training ended after {self._done} of {self.drops} drops, one every {self.every} steps: "
                f"{self._left(self._gone):,} are left, and {asked} asks for {self._limit:,.0f} at most; fit on with "
                "this callback, or ask for fewer drops",
                stacklevel=2,
            )

    def _drop_if_due(self) -> None:
        if not self._fits or self.finished:
            return
        _ = self.model  # on JAX, asking for it is what brings the weights and the optimizer's variables home
        if int(self._optimizer.steps) < self.every:
            return
        self._done += 1
        if self.importance == "taylor":
            scores = self._optimizer.scores(self.how, self.normalise)
        else:
            scores = self._weight_scores(self.graph)
        scores = np.where(self._gone, -np.inf, scores)  # what is dropped stays so
        limit = self._whole - (self._whole - self._limit) * progress(self.schedule, self._done, self.drops)
        self._gone |= self._chosen(self.graph, scores, limit)
        self._optimizer.drop(np.flatnonzero(self._gone))
        if self._left(self._gone) <= self._limit:
            self._finish()

    def _weight_scores(self, graph: ChannelGraph) -> np.ndarray:
        seed = self.seed + self._done
        return weight_importance(graph, self.importance, self.how, self.normalise, seed, alive=~self._gone)

    def _chosen(self, graph: ChannelGraph, scores: np.ndarray, limit: float) -> np.ndarray:
        return select_units(
            graph,
            scores,
            self._left,
            limit,
            round_to=self.round_to,
            min_filters=self.min_filters,
            for_savings=self.importance != "random",
        )

    def _finish(self) -> None:
        self._done = self.drops
        self._optimizer.drops.assign(self.drops)
