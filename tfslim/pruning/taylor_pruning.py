"""`TaylorPruning`: callback that prunes filters while a model trains.

It scores the filters too.
"""

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

__all__ = ["TaylorPruning"]

Schedule = Literal["constant", "polynomial", "one-shot"]


def progress(schedule: Schedule, done: int, drops: int) -> float:
    """Return the share of the target due after a drop.

    Args:
        schedule: "constant": equal steps; "polynomial": large steps first, 1 - (1 - done / drops)^3; "one-shot":
            everything with the first drop.
        done: number of the drop, from 1.
        drops: number of drops in total.

    Returns:
        A share in 0..1.

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
    """Callback that drops the least important filters during `fit`.

    They are dropped gradually. A `PruningOptimizer` wraps the model's own optimizer while `fit` runs; it adds up scores
    in every step and holds dropped filters at zero. `tfslim.pruning.shrink` then removes them. Exactly one of `ratio`,
    `params`, `macs` and `bytes` is the target; once it is met nothing more is dropped, and training continues so that
    the rest recovers. The `filters`, `params` and `macs` left are added to the logs at the end of each epoch, so that
    History, TensorBoard and CSVLogger write them if they come after this callback. An EarlyStopping that restores the
    best weights must come before it, or it restores filters dropped since. On a `Distiller`, its student is pruned.

    Args:
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to keep: a number, or a share of the model's if above 0 and below 1.
        macs: multiply-accumulates to keep, in the same way.
        bytes: bytes of the weights to keep, in the same way.
        every: training steps between two drops.
        drops: number of drops until the target is reached.
        schedule: how the target is spread over the drops: "constant", "polynomial" (large steps first) or "one-shot".
        form: form of the Taylor score, "activation" or "weight"; see `PruningOptimizer`.
        how: how the scores of layers tied together become one: "sum", "mean" or "max".
        normalise: divide a layer's scores by their mean; by default only if `importance` is a norm or a gamma.
        importance: "taylor", or for comparison "l1", "l2", "bn_scale" or "random".
        round_to: every layer keeps a multiple of this many filters.
        min_filters: the fewest filters that a layer keeps.
        keep: names of layers that keep all filters.
        monitor: a metric of the logs, such as "val_accuracy"; dropping ends once it is below `floor`. Training
            continues, so that the model can recover. Epochs without validation are skipped.
        floor: the lowest acceptable value of `monitor`.
        seed: seed of "random".

    Raises:
        ValueError: an argument is out of range; or, when training begins, the model has nested models (open them with
            `tfslim.flatten` first), is trained on several devices, has a target that can't be met, has filters that
            can't be scored, or lacks a layer of `keep`.

    Warns:
        UserWarning: training ended before the target was reached, or `monitor` never appeared.

    Example:
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(10), keras.layers.Dense(1)])
        >>> model.compile("adam", "mse")
        >>> pruning = TaylorPruning(ratio=0.4, every=2, drops=2)
        >>> history = model.fit(np.ones((160, 4)), np.ones((160, 1)), callbacks=[pruning], verbose=0)
        >>> smaller, report = tfslim.pruning.shrink(model)
        >>> report.figures["filters after"]
        6

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
            raise ValueError("set monitor and floor together: the metric, and its lowest acceptable value")
        if importance not in ("taylor", *KINDS):
            raise ValueError(f"importance={importance!r}; expected taylor, {', '.join(KINDS)}")
        if isinstance(keep, str):
            raise ValueError(f"keep={keep!r}: expected names of layers, such as [{keep!r}]")
        progress(schedule, 1, drops)  # raises if the schedule is unknown
        self._targets = {"ratio": ratio, "params": params, "macs": macs, "bytes": bytes}
        self.every, self.drops, self.schedule, self.form = every, drops, schedule, form
        self.how, self.importance = how, importance
        self.normalise = importance != "taylor" if normalise is None else normalise
        self.round_to, self.min_filters, self.keep = round_to, min_filters, tuple(keep)
        self.monitor, self.floor, self.seed = monitor, floor, seed
        self.graph: ChannelGraph | None = None
        self._optimizer: PruningOptimizer | None = None
        self._removed_mask = np.zeros(0, bool)
        self._done = 0
        self._fits = False
        self._monitored = False
        # Steps since the last drop, as of batch `_batch`.
        self._steps, self._batch = 0, 0

    @property
    def dropped(self) -> np.ndarray:
        """Return which units of `graph` were dropped, (unit_count,) bool."""
        return self._removed_mask.copy()

    @property
    def finished(self) -> bool:
        """Return whether nothing more will be dropped."""
        return self._done >= self.drops

    @property
    def _pruner(self) -> PruningOptimizer:
        assert self._optimizer is not None  # `install` comes first
        return self._optimizer

    def install(self, model: keras.Model) -> None:
        """Wrap a compiled model's optimizer in a `PruningOptimizer`.

        A loss scale stays outermost. `fit` calls this itself; call it earlier only to restore a state into
        `model.optimizer.variables`, as `tfslim.training.checkpoint.Checkpoint.restore` does.

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
        previous = self._optimizer
        if previous is None or previous.inner_optimizer is not inner:
            # A model with its own training step may read its layers' outputs there.
            alone = not hasattr(model, "student") and type(model).__module__.startswith("keras.")
            form = self.form if self.importance == "taylor" else None
            assert self.graph is not None  # as `_set_graph` has seen to
            self._optimizer = PruningOptimizer(inner, self.graph, form, alone)
            self._optimizer.build(model.trainable_variables)
            if previous is not None:
                self._optimizer.take_over(previous)
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
                raise ValueError(f"this TaylorPruning belongs to another model; create one for {pruned.name}")
            return
        graph = channel_graph(pruned, keep=self.keep)
        if {id(variable) for variable in graph.model.variables} - {id(variable) for variable in pruned.variables}:
            raise ValueError(
                f"{pruned.name} contains nested models or tfslim's composite layers; open it with tfslim.flatten first"
            )
        self._left, self._limit = target(graph, **self._targets)
        self._budget = Budget(graph)
        self._removed_mask = np.zeros(graph.unit_count, bool)
        self._whole = self._left(self._removed_mask)
        # Raises if the target can't be met: before an hour of training rather than after it.
        self._chosen(graph, np.arange(graph.unit_count), self._limit)
        if self.importance != "taylor":
            self._weight_scores(graph)  # raises if they can't be computed
        self._counts = {"filters": self._budget.filters, "params": self._budget.params}
        with contextlib.suppress(ValueError):  # if the image size is not fixed
            self._budget.macs(self._removed_mask)
            self._counts["macs"] = self._budget.macs
        self.graph = graph

    def set_model(self, model):
        check_keras_model(model)  # before the first hook, of which tf_keras asks for other ones
        super().set_model(model)

    def on_train_begin(self, logs=None):
        self.install(self.model)
        self._removed_mask, self._done = self._pruner.dropped, int(self._pruner.drops)
        self._fits, self._monitored = True, self.finished
        self.model.make_train_function(force=True)

    def on_epoch_begin(self, epoch, logs=None):
        self._steps, self._batch = int(self._pruner.steps), 0

    # A hook at a batch's end would make Keras wait for the logs of every batch; so filters are dropped before the next
    # batch, before a validation, or at the epoch's end.
    def on_train_batch_begin(self, batch, logs=None):
        if not self.finished and self._steps + batch - self._batch >= self.every:
            self._drop_if_due()
            self._steps, self._batch = int(self._pruner.steps), batch

    def on_test_begin(self, logs=None):
        self._drop_if_due()

    def on_epoch_end(self, epoch, logs=None):
        self._drop_if_due()
        if logs is None:
            return
        logs.update({name: count(self._removed_mask) for name, count in self._counts.items()})
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
            model.optimizer.inner_optimizer = self._pruner.inner_optimizer
        else:
            model.optimizer = self._pruner.inner_optimizer
        self._pruner.silence()
        model.make_train_function(force=True)
        if self.monitor is not None and not self._monitored:
            warnings.warn(
                f"monitor={self.monitor!r} was never checked, as nothing was validated; pass validation_data to fit",
                stacklevel=2,
            )
        if not self.finished:
            target_name = next(name for name, value in self._targets.items() if value is not None)
            warnings.warn(
                f"training ended after {self._done} of {self.drops} drops, one every {self.every} steps: "
                f"{self._left(self._removed_mask):,} are left, and {target_name} allows "
                f"{self._limit:,.0f} at most; continue fit with this callback, or set fewer drops",
                stacklevel=2,
            )

    def _drop_if_due(self) -> None:
        if not self._fits or self.finished:
            return
        _ = self.model  # on JAX, this access syncs the weights and the optimizer's variables back
        graph, optimizer = self.graph, self._pruner
        assert graph is not None
        if int(optimizer.steps) < self.every:
            return
        self._done += 1
        if self.importance == "taylor":
            scores = optimizer.scores(self.how, self.normalise)
        else:
            scores = self._weight_scores(graph)
        scores = np.where(self._removed_mask, -np.inf, scores)  # dropped units stay dropped
        limit = self._whole - (self._whole - self._limit) * progress(self.schedule, self._done, self.drops)
        self._removed_mask |= self._chosen(graph, scores, limit)
        self._pruner.drop(np.flatnonzero(self._removed_mask))
        if self._left(self._removed_mask) <= self._limit:
            self._finish()

    def _weight_scores(self, graph: ChannelGraph) -> np.ndarray:
        seed = self.seed + self._done
        assert self.importance != "taylor"
        return weight_importance(graph, self.importance, self.how, self.normalise, seed, alive=~self._removed_mask)

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
        self._pruner.drops.assign(self.drops)
