"""Pruning of a network in cuts, then fine-tuning.

Each cut begins from the model that the last one left.
"""

import dataclasses
import pathlib
import zipfile
from typing import Any

import keras
import numpy as np

import tfslim
from tfslim._support.files import replacing, write_json, write_rows
from tfslim._support.text import pluralize
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
from tfslim.training import teacher as teaching, trainer
from tfslim.training.batch_statistics import reestimate_statistics
from tfslim.training.checkpoint import Checkpoint
from tfslim.training.epoch_lines import epoch_reporting, fit_verbosity
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Distillation, Pruning, Recipe, as_plain
from tfslim.training.run_folder import check_folder, check_same, open_data, working
from tfslim.workflows import pruning_table

OPTIMIZER = "optimizer.npz"  # state after a cut
UNDERWAY = "state.npz"  # a Checkpoint's state of a cut that is not made yet


@dataclasses.dataclass(frozen=True)
class Cut:
    """One cut of a run.

    Args:
        number: counted from 1.
        limit: the largest amount left after it, in the pruning's unit: filters, parameters, MACs or bytes.
        drops: how often filters are dropped before it.
    """

    number: int
    limit: float
    drops: int

    @property
    def name(self) -> str:
        """Return the name of its folder."""
        return f"cut-{self.number:02}"


@dataclasses.dataclass(frozen=True)
class PruningRun:
    """A pruning, built and checked before its first step.

    Args:
        recipe: the data, and how to train on.
        celeba: the recipe's data.
        pruning: how many filters are removed, which, and how fast.
        model: the trained network.
        file: the file it was loaded from.
        teach: the teacher.
        written: the content of the run folder's recipe.yaml.
        cuts: the cuts to make.
    """

    recipe: Recipe
    celeba: CelebA
    pruning: Pruning
    model: keras.Model
    file: pathlib.Path
    teach: teaching.TeacherSetup
    written: dict
    cuts: list[Cut]

    def summary(self) -> str:
        """Return lines about the network, the cuts and the fine-tuning."""
        graph = self._graph(self.model)
        cost = tfslim.measure(self.model)
        counted, drops = _counted(self.pruning), pluralize(sum(cut.drops for cut in self.cuts), "drop")
        cuts, epochs = pluralize(len(self.cuts), "cut"), pluralize(self.recipe.epochs, "epoch")
        every = pluralize(self.pruning.every, "step") if self.pruning.every else "epoch"
        return (
            f"{self.model.name}: {cost.params:,} parameters, {cost.macs / 1e6:.2f}M MACs; "
            f"{graph.prunable_count:,} of {graph.filter_count:,} filters can be removed\n"
            f"by {self.pruning.importance} to at most {self.cuts[-1].limit:,.0f} {counted} in {drops}, one every "
            f"{every}, and {cuts}; then {epochs}, {self.teach.summary}"
        )

    def prune(self, folder: pathlib.Path, verbose: int) -> None:
        """Make the cuts that are not done yet.

        A cut that was stopped continues from its last drop.

        Args:
            folder: the run folder.
            verbose: as for Keras' `fit`; 2 prints a line a drop.
        """
        model, state = self.model, None
        for cut in self.cuts:
            path = folder / cut.name
            if not (path / "cut.json").is_file():
                with trainer.naming_broken_images(self.celeba):
                    self._make(cut, model, state, path, verbose)
            (path / UNDERWAY).unlink(missing_ok=True)
            model, state = load_keras_file(path / "model.keras"), path / OPTIMIZER

    def fine_tune(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        """Train the last cut's model and write the run folder."""
        model = load_keras_file(folder / self.cuts[-1].name / "model.keras")
        plain = clone_model(model, dtype="float32", batch_size=None)
        training = trainer.prepare_training(self.recipe, self.celeba, self.teach, plain)
        trainer.fit_training(training, folder, resume, verbose, step="prune")

    def write_table(self, folder: pathlib.Path) -> None:
        """Write the table of original, cuts and result."""
        models = {"original": self.file}
        models |= {cut.name: folder / cut.name / "model.keras" for cut in self.cuts}
        models["fine-tuned"] = folder / "model.keras"
        pruning_table.write_pruning_table(self.recipe, models, folder)

    def _graph(self, model: keras.Model) -> ChannelGraph:
        """Return the channel graph of the callback's model.

        The model is the copy that the callback prunes.
        """
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
        if left(np.zeros(graph.unit_count, bool)) <= cut.limit:  # coupled filters overshot it in the cut before
            self._save(path, model, training, record)
            return
        limit: dict[str, Any] = {"ratio": 1 - cut.limit / filters} if counted == "filters" else {counted: cut.limit}
        pruning = TaylorPruning(
            **limit,
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
        # Moving statistics lag behind the weights, which every drop has changed.
        reestimate_statistics(smaller, training.still_batches("train").take(trainer.STATISTICS_BATCHES))
        after = self._training(smaller)
        assert pruning.graph is not None  # as it was fitted with
        carry_optimizer(optimizer, pruning.graph, removed, after.fitted)
        rows = [{"drop" if name == "epoch" else name: value for name, value in row.items()} for row in history]
        write_rows(path / "history.csv", rows)
        self._save(path, smaller, after, record)

    def _drop(
        self, cut: Cut, training: trainer.Training, pruning: TaylorPruning, path: pathlib.Path, verbose: int
    ) -> list[dict[str, float]]:
        """Train until all of a cut's drops are made.

        A drop takes a Keras epoch. Their rows of the history are returned.
        """
        path.mkdir(parents=True, exist_ok=True)
        never = cut.drops + 1  # the cut model is validated in the table
        checkpoint = Checkpoint(path, training.plain, None, "accuracy", every=never, trained=training.copy)
        checkpoint.set_model(training.fitted)
        pruning.install(training.fitted)  # its variables are part of the state
        made = checkpoint.restore() if (path / UNDERWAY).is_file() else 0
        epochs = -(-cut.drops * pruning.every // training.steps)
        begin = sum(each.drops for each in self.cuts[: cut.number - 1]) * pruning.every // training.steps
        batches = training.batches(self.recipe.stages[0], range(begin, begin + epochs))
        verbose, lines = epoch_reporting(verbose, cut.drops, pruning.every, f"{cut.name} drop")
        training.fitted.fit(
            batches.skip(made * pruning.every),
            steps_per_epoch=pruning.every,
            initial_epoch=made,
            epochs=cut.drops,
            callbacks=[pruning, checkpoint, *lines],
            shuffle=False,  # the stream is shuffled already
            verbose=verbose,
        )
        return checkpoint.history

    def _training(self, model: keras.Model) -> trainer.Training:
        """Prepare training at a constant rate without averages.

        The trained weights are then those that were scored.
        """
        optimization = dataclasses.replace(self.recipe.optimization, warmup_epochs=0.0, final_rate=1.0, average=0.0)
        recipe = dataclasses.replace(self.recipe, optimization=optimization)
        plain = clone_model(model, dtype="float32", batch_size=None)
        return trainer.prepare_training(recipe, self.celeba, self.teach, plain)

    def _save(self, path: pathlib.Path, model: keras.Model, training: trainer.Training, record: dict) -> None:
        """Write a cut's folder.

        cut.json comes last and shows that the folder is whole.
        """
        path.mkdir(parents=True, exist_ok=True)
        with replacing(path / "model.keras") as beside:
            model.save(beside)
        training.task.name_outputs(path, False)
        values = {f"v{index}": np.asarray(each) for index, each in enumerate(training.fitted.optimizer.variables)}
        with replacing(path / OPTIMIZER) as beside:
            np.savez(beside, **values)  # type: ignore[arg-type]  # numpy's stub takes every name for allow_pickle
        write_json(path / "cut.json", record)


def prune_network(
    recipe: Recipe,
    trained: str,
    pruning: Pruning,
    out: str,
    teacher: str | None = None,
    distillation: Distillation = Distillation(),
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Prune a trained network, fine-tune it and write it.

    The run folder and the table are written.

    Args:
        recipe: the data, and how to train on: `stages` are the epochs of fine-tuning at the end.
        trained: the network: a run folder or a `.keras` file.
        pruning: how many filters are removed, which, and how fast.
        out: the folder to write.
        teacher: a trained teacher to learn from: a run folder or a `.keras` file.
        distillation: what to copy from the teacher.
        resume: continue the run in `out` from its last drop.
        check_images: decode every image before training.
        dry_run: check everything, print what would be done, and stop.

    Raises:
        ValueError: recipe, network, teacher and data do not fit, or `out` holds another run.

    Example:
        >>> recipe = Recipe(data="faces", model=Network("SlimNet"), stages=[Stage(2, (109, 89))])
        >>> prune_network(recipe, "runs/slimnet", Pruning(ratio=0.3), "runs/slimnet-pruned")
    """
    folder = pathlib.Path(out)
    if resume or not dry_run:
        check_folder(folder, resume)
    celeba = open_data(recipe, check_images)
    run = prepare_pruning(recipe, celeba, trained, pruning, teacher, distillation, folder if resume else None)
    print(run.summary())
    if dry_run:
        return
    verbose = fit_verbosity()
    with working(folder, run.written, resume):
        run.prune(folder, verbose)
        run.fine_tune(folder, resume, verbose)
        run.write_table(folder)


def prepare_pruning(
    recipe: Recipe,
    celeba: CelebA,
    trained: str,
    pruning: Pruning,
    teacher: str | None,
    distillation: Distillation,
    begun: pathlib.Path | None,
) -> PruningRun:
    """Load the network and the teacher, and plan the cuts.

    Args:
        recipe: the data, and how to train on.
        celeba: the recipe's data.
        trained: the network: a run folder or a `.keras` file.
        pruning: how many filters are removed, which, and how fast.
        teacher: a trained teacher: a run folder or a `.keras` file.
        distillation: what to copy from the teacher.
        begun: the run folder to resume, or None.

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
    """Plan the cuts from `whole` down to `limit`.

    Args:
        whole: the amount at the start.
        limit: the amount to be left.
        step: the share of `whole` removed at once.
        cut: the share of `whole` after which a cut is made.

    Example:
        >>> [(each.limit, each.drops) for each in plan_cuts(100, 88, 0.01, 0.05)]
        [(95.0, 5), (90.0, 5), (88, 2)]
    """
    cuts, before = [], whole
    while before > limit:
        after = max(limit, whole * (1 - (len(cuts) + 1) * cut))
        if after - limit < 1e-6 * whole:  # rounding would add a last cut of next to nothing
            after = limit
        cuts.append(Cut(len(cuts) + 1, after, max(1, round((before - after) / (step * whole)))))
        before = after
    return cuts


def _counted(pruning: Pruning) -> str:
    names = ("params", "macs", "bytes")
    return next((name for name in names if getattr(pruning, name) is not None), "filters")


def _restore(optimizer: keras.optimizers.Optimizer, state: pathlib.Path) -> None:
    """Restore the optimizer to its state after the last cut.

    Raises:
        ValueError: the file is damaged, or is not of this optimizer.
    """
    variables = optimizer.variables
    try:
        with open(state, "rb") as file, np.load(file, allow_pickle=False) as kept:
            values = [kept[f"v{index}"] for index in range(len(kept.files))]
    except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{state}: damaged ({error}); remove {state.parent} to repeat that cut") from error
    if [value.shape for value in values] != [tuple(each.shape) for each in variables]:
        raise ValueError(f"{state}: is of another optimizer; remove {state.parent} to repeat that cut")
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
