"""A pruning run: cuts made one after another, each from the model that the last one left, then fine-tuning."""

import dataclasses
import pathlib
import zipfile

import keras
import numpy as np

import tfslim
from tfslim._support.files import replacing, write_json, write_rows
from tfslim.data.celeba.dataset import CelebA
from tfslim.distillation import fingerprint
from tfslim.graph.cloning import clone_model
from tfslim.inference.model_files import load_keras_file
from tfslim.pruning import (
    Budget,
    ChannelGraph,
    TaylorPruning,
    carry_optimizer,
    channel_graph,
    remove_units,
    select_units,
    target,
    weight_importance,
)
from tfslim.pruning.importance.gates import gates
from tfslim.training import teacher as teaching
from tfslim.training import trainer
from tfslim.training.batch_statistics import reestimate_statistics
from tfslim.training.checkpoint import Checkpoint
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Distillation, Pruning, Recipe, as_plain
from tfslim.training.run_folder import check_same
from tfslim.workflows import pruning_table

OPTIMIZER = "optimizer.npz"  # as a cut left it
UNDERWAY = "state.npz"  # what a Checkpoint keeps of a cut that is not made yet


@dataclasses.dataclass(frozen=True)
class Cut:
    """One cut of a run.

    Args:
        number: from 1.
        limit: the most that may be left after it, of what the pruning counts.
        drops: how often filters are dropped before it.
    """

    number: int
    limit: float
    drops: int

    @property
    def name(self) -> str:
        return f"cut-{self.number:02}"


@dataclasses.dataclass(frozen=True)
class PruningRun:
    """What is to be done, made and checked before the first step; `model` is the trained network."""

    recipe: Recipe
    celeba: CelebA
    pruning: Pruning
    model: keras.Model
    file: pathlib.Path
    teach: teaching.TeacherSetup
    written: dict
    cuts: list[Cut]

    def summary(self) -> str:
        graph = self._graph(self.model)
        cost = tfslim.measure(self.model)
        counted, drops = _counted(self.pruning), sum(cut.drops for cut in self.cuts)
        every = f"{self.pruning.every} steps" if self.pruning.every else "epoch"
        return (
            f"{self.model.name}: {cost.params:,} parameters, {cost.macs / 1e6:.2f}M MACs; "
            f"{graph.prunable_count:,} of {graph.filter_count:,} filters can be removed\n"
            f"by {self.pruning.importance} to at most {self.cuts[-1].limit:,.0f} {counted} in {drops} drops, one every "
            f"{every}, and {len(self.cuts)} cuts; then {self.recipe.epochs} epochs, {self.teach.summary}"
        )

    def prune(self, folder: pathlib.Path, verbose: int) -> None:
        """Makes the cuts that are not there yet; one that was stopped goes on from its last drop."""
        model, state = self.model, None
        for cut in self.cuts:
            path = folder / cut.name
            if not (path / "cut.json").is_file():
                with trainer.naming_broken_images(self.celeba):
                    self._make(cut, model, state, path, verbose)
            (path / UNDERWAY).unlink(missing_ok=True)
            model, state = load_keras_file(path / "model.keras"), path / OPTIMIZER

    def fine_tune(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        """Trains what the last cut left; its run folder is `folder`."""
        model = load_keras_file(folder / self.cuts[-1].name / "model.keras")
        plain = clone_model(model, dtype="float32", batch_size=None)
        training = trainer.prepare_training(self.recipe, self.celeba, self.teach, plain)
        trainer.fit_training(training, folder, resume, verbose, step="prune")

    def write_table(self, folder: pathlib.Path) -> None:
        """The original, every cut and the result side by side."""
        models = {"original": self.file}
        models |= {cut.name: folder / cut.name / "model.keras" for cut in self.cuts}
        models["fine-tuned"] = folder / "model.keras"
        pruning_table.write_pruning_table(self.recipe, models, folder)

    def _graph(self, model: keras.Model) -> ChannelGraph:
        """The graph whose units the callback drops, of another copy of the model."""
        return channel_graph(model, keep=self.pruning.keep)

    def _make(self, cut: Cut, model: keras.Model, state: pathlib.Path | None, path: pathlib.Path, verbose: int) -> None:
        training = self._training(model)
        optimizer = training.fitted.optimizer
        if state is not None:
            _restore(optimizer, state)
        counted = _counted(self.pruning)
        record = {"cut": cut.number, "limit": cut.limit, "counted": counted}
        print(f"{cut.name}: to at most {cut.limit:,.0f} {counted}", flush=True)
        graph = self._graph(model)
        filters = graph.filter_count
        left = getattr(Budget(graph), counted)
        if left(np.zeros(graph.unit_count, bool)) <= cut.limit:  # filters that go together overshot it before
            self._save(path, model, training, record)
            return
        pruning = TaylorPruning(
            **({"ratio": 1 - cut.limit / filters} if counted == "filters" else {counted: cut.limit}),
            every=self.pruning.every or training.steps,
            drops=cut.drops,
            importance=self.pruning.importance,
            round_to=self.pruning.round_to,
            min_filters=self.pruning.min_filters,
            keep=self.pruning.keep,
            seed=1000 * self.recipe.seed + cut.number,
        )
        history = self._drop(cut, training, pruning, path, verbose)
        training.plain.set_weights(training.copy.get_weights())
        removed = np.flatnonzero(pruning.dropped)
        smaller = remove_units(self._graph(training.plain), removed)
        # Moving statistics are behind the weights, which one drop after another has pushed about.
        reestimate_statistics(smaller, training.still_batches("train").take(trainer.STATISTICS_BATCHES))
        after = self._training(smaller)
        carry_optimizer(optimizer, pruning.graph, removed, after.fitted)
        rows = [{"drop" if name == "epoch" else name: value for name, value in row.items()} for row in history]
        write_rows(path / "history.csv", rows)
        self._save(path, smaller, after, record)

    def _drop(
        self, cut: Cut, training: trainer.Training, pruning: TaylorPruning, path: pathlib.Path, verbose: int
    ) -> list[dict[str, float]]:
        """Trains until all of a cut's drops are made, an epoch of Keras' to each; gives their rows of the history."""
        path.mkdir(parents=True, exist_ok=True)
        never = cut.drops + 1  # what is cut out afterwards is validated in the table
        checkpoint = Checkpoint(path, training.plain, None, "accuracy", every=never, trained=training.copy)
        checkpoint.set_model(training.fitted)
        pruning.install(training.fitted)  # its variables are part of the state
        made = checkpoint.restore() if (path / UNDERWAY).is_file() else 0
        epochs = -(-cut.drops * pruning.every // training.steps)
        begin = sum(each.drops for each in self.cuts[: cut.number - 1]) * pruning.every // training.steps
        batches = training.batches(self.recipe.stages[0], range(begin, begin + epochs))
        training.fitted.fit(
            batches.skip(made * pruning.every),
            steps_per_epoch=pruning.every,
            initial_epoch=made,
            epochs=cut.drops,
            callbacks=[pruning, checkpoint],
            shuffle=False,  # the stream is shuffled already
            verbose=verbose,
        )
        return checkpoint.history

    def _training(self, model: keras.Model) -> trainer.Training:
        """Training at a constant rate, without averages: what is scored is what is trained."""
        optimization = dataclasses.replace(self.recipe.optimization, warmup_epochs=0.0, final_rate=1.0, average=0.0)
        recipe = dataclasses.replace(self.recipe, optimization=optimization)
        plain = clone_model(model, dtype="float32", batch_size=None)
        return trainer.prepare_training(recipe, self.celeba, self.teach, plain)

    def _save(self, path: pathlib.Path, model: keras.Model, training: trainer.Training, record: dict) -> None:
        """Writes a cut's folder; cut.json comes last and says that all is there."""
        path.mkdir(parents=True, exist_ok=True)
        with replacing(path / "model.keras") as beside:
            model.save(beside)
        training.task.name_outputs(path, False)
        values = {f"v{index}": np.asarray(each) for index, each in enumerate(training.fitted.optimizer.variables)}
        with replacing(path / OPTIMIZER) as beside:
            np.savez(beside, **values)
        write_json(path / "cut.json", record)


def prepare_pruning(
    recipe: Recipe,
    celeba: CelebA,
    trained: str,
    pruning: Pruning,
    teacher: str | None,
    distillation: Distillation,
    begun: pathlib.Path | None,
) -> PruningRun:
    """Opens the network and the teacher, and plans the cuts; `begun` is the run folder that is gone on with.

    Raises:
        ValueError: the network's outputs don't fit the data, its images' size is not the stages', the target can't be
            met, or `begun` holds a run of another recipe.
    """
    file, model = teaching.open_to_train_on(trained, recipe, celeba)
    asked = {name: getattr(pruning, name) for name in ("ratio", "params", "macs", "bytes")}
    graph = channel_graph(model, keep=pruning.keep)
    left, limit = target(graph, **asked)
    select_units(  # raises if the limit can't be met
        graph, np.arange(graph.unit_count), left, limit, round_to=pruning.round_to, min_filters=pruning.min_filters
    )
    if pruning.importance == "taylor":  # either raises if there are filters without a score
        gates(graph)
    else:
        weight_importance(graph, pruning.importance)
    teach = teaching.teach_with(teacher, recipe, celeba, distillation)
    written = written_with_data(recipe, celeba) | {
        "trained": fingerprint(model),
        "pruning": as_plain(dataclasses.asdict(pruning)),
    }
    written |= teach.written
    if begun:
        check_same(begun, written)

    cuts = plan_cuts(left(np.zeros(graph.unit_count, bool)), limit, pruning.step, pruning.cut)
    return PruningRun(recipe, celeba, pruning, model, file, teach, written, cuts)


def plan_cuts(whole: float, limit: float, step: float, cut: float) -> list[Cut]:
    """The cuts from `whole` down to `limit`; `step` and `cut` are shares of `whole`.

    Example:
        >>> [(each.limit, each.drops) for each in plan_cuts(100, 88, 0.01, 0.05)]
        [(95.0, 5), (90.0, 5), (88, 2)]
    """
    cuts, before = [], whole
    while before > limit:
        after = max(limit, whole * (1 - (len(cuts) + 1) * cut))
        if after - limit < 1e-6 * whole:  # not a last cut of next to nothing, for the sake of rounding
            after = limit
        cuts.append(Cut(len(cuts) + 1, after, max(1, round((before - after) / (step * whole)))))
        before = after
    return cuts


def _counted(pruning: Pruning) -> str:
    names = ("params", "macs", "bytes")
    return next((name for name in names if getattr(pruning, name) is not None), "filters")


def _restore(optimizer: keras.optimizers.Optimizer, state: pathlib.Path) -> None:
    """Brings the optimizer back to where the last cut left it.

    Raises:
        ValueError: the file is damaged, or is not of this optimizer.
    """
    variables = optimizer.variables
    try:
        with open(state, "rb") as file, np.load(file, allow_pickle=False) as kept:
            values = [kept[f"v{index}"] for index in range(len(kept.files))]
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{state}: damaged ({error}); remove {state.parent} to make that cut anew") from error
    if [value.shape for value in values] != [tuple(each.shape) for each in variables]:
        raise ValueError(f"{state}: is not of this optimizer; remove {state.parent} to make that cut anew")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
