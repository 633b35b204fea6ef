"""Training of zeros, clusters and int8 rounding.

Each step begins from the previous one's result; the last result is converted to int8.
"""

import collections
import dataclasses
import functools
import pathlib
import shutil
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

import tfslim
import tfslim.tfmot
from tfslim._support.files import read_json, replacing
from tfslim._support.text import pluralize
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.sampling import sample_images
from tfslim.distillation import FrozenTeacher, fingerprint
from tfslim.inference.model_files import load_keras_file
from tfslim.report import Report
from tfslim.training import teacher as teaching, tfmot_trainer, trainer
from tfslim.training.batch_statistics import reestimate_statistics
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Clustering, Distillation, Int8, Recipe, Sparsity, as_plain
from tfslim.training.run_folder import check_same
from tfslim.training.tasks import Task, make_task
from tfslim.workflows import int8_table
from tfslim.workflows.int8_table import kernel_names

ALONE = "post-training-int8.tflite"
SPARSE = "sparse.keras"
CLUSTERED = "clustered.keras"
RESULT = "model-int8.tflite"


@dataclasses.dataclass(frozen=True)
class CompressionRun:
    """A compression, built and checked before its first step.

    Args:
        recipe: the data, and how to train on.
        celeba: the recipe's data.
        task: the recipe's task.
        sparsity: train small weights to zeros.
        clustering: train kernels to few values.
        int8: train with int8's rounding, and convert.
        model: the trained network.
        file: the file it was loaded from.
        teach: the teacher.
        written: the content of the run folder's recipe.yaml.
    """

    recipe: Recipe
    celeba: CelebA
    task: Task
    sparsity: Sparsity | None
    clustering: Clustering | None
    int8: Int8 | None
    model: keras.Model
    file: pathlib.Path
    teach: teaching.TeacherSetup
    written: dict

    def summary(self) -> str:
        """Return lines about the network and each step."""
        lines = [f"{self.model.name}: {4 * self.model.count_params():,} bytes of weights"]
        for report in self.reports:
            left = collections.Counter(report.skipped.values())
            figures = [f"{value} {name}" for name, value in report.figures.items()]
            figures += [f"{count} left, as {reason}" for reason, count in left.items()]
            lines.append(f"{report.step}: {', '.join(figures)}")
        return "\n".join([*lines, f"{pluralize(self.recipe.epochs, 'epoch')} each, {self.teach.summary}"])

    def compress(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        """Take the steps that are not done yet.

        Each writes a .keras or .tflite file into `folder`.

        Args:
            folder: the run folder.
            resume: whether the run is resumed.
            verbose: as for Keras' `fit`; 2 prints a line an epoch.
        """
        with trainer.naming_broken_images(self.celeba):
            self._compress(folder, resume, verbose)

    def _compress(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        self.task.name_outputs(folder, resume)
        model = self.model
        if not (folder / ALONE).is_file():
            with replacing(folder / ALONE) as beside:
                io = (self.int8 or Int8()).io
                tfslim.litert.convert(model, beside, "int8", representative=self._images(), io=io)
                tfslim.litert.slim_file(beside, beside, keep_names=True)  # the table finds kernels by them
        if self.sparsity:
            model = self._stripped(folder / SPARSE, self._sparsified, model, tfslim.tfmot.pruning_callbacks(), verbose)
        if self.clustering:
            model = self._stripped(folder / CLUSTERED, self._clustered, model, [], verbose)
        if self.int8 and not (folder / RESULT).is_file():
            self._convert_to_int8(model, folder, resume, verbose)

    def _convert_to_int8(self, model: keras.Model, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        assert self.int8 is not None
        epoch = None
        if self.int8.by == "tfmot":
            trained, epoch = self._rounded(model, folder / "int8", verbose)
        else:
            trained = self._rounded_natively(model, folder / "int8", resume, verbose)
        with replacing(folder / RESULT) as beside:
            if epoch == 0 and not (self.sparsity or self.clustering):
                print(f"{RESULT}: no epoch was better than none, so it is the post-training int8 file")
                shutil.copyfile(folder / ALONE, beside)
                return
            in_float = tfslim.tfmot.convert(trained, beside, self.int8.io).skipped
            tfslim.litert.slim_file(beside, beside, keep_names=True)  # the table finds kernels by them
        for tensor, why in in_float.items():
            print(f"{RESULT}: {tensor}: {why}")

    def write_table(self, folder: pathlib.Path) -> None:
        """Write the table of the original and every step.

        It also has the original's post-training file.
        """
        models = {
            "original": self.file,
            "post-training int8": folder / ALONE,
            "sparse": folder / SPARSE,
            "clustered": folder / CLUSTERED,
            "trained int8": folder / RESULT,
        }
        there = {label: path for label, path in models.items() if path.is_file()}
        layers = {report.step: report.done for report in self.reports}
        deep = [asked is not None and asked.depthwise for asked in (self.sparsity, self.clustering)]
        sparse = [kernel_names(layer, deep[0]) for layer in layers.get("sparsify", [])]
        few = [kernel_names(layer, deep[1]) for layer in layers.get("cluster", [])]
        chosen = folder / "int8" / tfmot_trainer.CHOSEN
        epochs = {"trained int8": read_json(chosen, dict)["epoch"]} if chosen.is_file() else {}
        int8_table.write_int8_table(self.recipe, there, self.model, sparse, few, epochs, folder)

    @functools.cached_property
    def reports(self) -> list[Report]:
        """Return a report of each step on the network.

        An impossible step raises before anything is trained.
        """
        steps = []
        if self.sparsity:
            steps.append(self._sparsified)
        if self.clustering:
            steps.append(self._clustered)
        if self.int8:
            native = self.int8.by == "native"
            steps.append(tfslim.quantization.quantize_aware if native else tfslim.tfmot.quantize_aware)
        return [step(self.model)[1] for step in steps]

    def _stripped(
        self,
        path: pathlib.Path,
        make: Callable[[keras.Model], tuple[Any, Report]],
        model: keras.Model,
        callbacks: list,
        verbose: int,
    ) -> keras.Model:
        if path.is_file():
            return load_keras_file(path)
        keras.utils.set_random_seed(self.recipe.seed)  # k-means++ draws
        training, _ = make(model)
        self._fit(training, path.with_suffix(""), callbacks, verbose)
        plain, report = tfslim.tfmot.strip(training)
        # Changed weights shift the inputs of batch normalizations.
        reestimate_statistics(plain, self._still_batches().take(trainer.STATISTICS_BATCHES))
        report.save(path.with_suffix("") / "report.json")
        with replacing(path) as beside:
            plain.save(beside)
        return load_keras_file(path)

    def _sparsified(self, model: keras.Model) -> tuple[Any, Report]:
        asked = self.sparsity
        assert asked is not None
        steps = trainer.steps_per_epoch(self.recipe, self.celeba) * self.recipe.epochs
        end = 1 if asked.schedule == "constant" else max(1, steps // 2)
        return tfslim.tfmot.sparsify(
            model,
            asked.share,
            asked.schedule,
            end_step=end,
            every=max(1, end // 20),
            pattern=asked.pattern,
            depthwise=asked.depthwise,
            skip=asked.skip,
        )

    def _clustered(self, model: keras.Model) -> tuple[Any, Report]:
        asked = self.clustering
        assert asked is not None
        return tfslim.tfmot.cluster(
            model,
            asked.clusters,
            asked.start,
            keep_zeros=self.sparsity is not None,
            depthwise=asked.depthwise,
            skip=asked.skip,
        )

    def _rounded(self, model: keras.Model, folder: pathlib.Path, verbose: int) -> tuple[Any, int]:
        keep: list[Any] = [name for name, asked in (("zeros", self.sparsity), ("clusters", self.clustering)) if asked]
        training, _ = tfslim.tfmot.quantize_aware(model, self._images(), keep)
        # The start is a candidate: zeros and clusters are there already, and a network may lose by training on.
        return training, self._fit(training, folder, [], verbose, best=True)

    def _rounded_natively(self, model: keras.Model, folder: pathlib.Path, resume: bool, verbose: int) -> keras.Model:
        plain, _ = tfslim.quantization.quantize_aware(model, self._images())
        training = trainer.prepare_training(self.recipe, self.celeba, self.teach, plain)
        folder.mkdir(exist_ok=True)
        trainer.fit_training(training, folder, resume, verbose, step="int8")
        return load_keras_file(folder / "model.keras")

    def _fit(self, training: Any, folder: pathlib.Path, callbacks: list, verbose: int, best: bool = False) -> int:
        print(f"{folder.name}: {pluralize(self.recipe.epochs, 'epoch')}", flush=True)
        answers = None
        if self.teach.teacher is not None:
            frozen = FrozenTeacher(self.teach.teacher, ["output"])
            answers = tfmot_trainer.TeacherTargets(frozen, self.teach.losses, self.teach.labels)
        return tfmot_trainer.fit_tfmot(
            training, self.recipe, self.celeba, self.task, answers, folder, callbacks, verbose, best
        )

    def _still_batches(self) -> tf.data.Dataset:
        return trainer.still_batches(self.recipe, self.celeba, self.task.targets, "train")

    def _images(self) -> np.ndarray:
        count = (self.int8 or Int8()).representative
        return sample_images(self.celeba, "train", count, self.recipe.stages[-1].size, self.recipe.seed)


def prepare_int8_training(
    recipe: Recipe,
    celeba: CelebA,
    trained: str,
    sparsity: Sparsity | None,
    clustering: Clustering | None,
    int8: Int8 | None,
    teacher: str | None,
    distillation: Distillation,
    begun: pathlib.Path | None,
) -> CompressionRun:
    """Load the network and teacher, and check every step.

    Args:
        recipe: the data, and how to train on.
        celeba: the recipe's data.
        trained: the network: a run folder or a `.keras` file.
        sparsity: train small weights to zeros.
        clustering: train kernels to few values.
        int8: train with int8's rounding, and convert.
        teacher: a trained teacher: a run folder or a `.keras` file.
        distillation: what to copy from the teacher.
        begun: the run folder to resume, or None.

    Raises:
        ValueError: the network's outputs don't fit the data, its images' size is not the stages', the recipe has
            options that these trainings don't, or `begun` holds a run of another recipe.
        ImportError: TF-MOT is not installed, saying what to install.
    """
    for option, given, plain in (
        ("precision", recipe.precision, "float32"),
        ("strategy", recipe.strategy, "none"),
    ):
        if given != plain:
            raise ValueError(
                f"{option}={given}: int8, zeros and clusters are trained with {plain} alone: set it to that"
            )
    if recipe.optimization.average and not int8:
        raise ValueError(
            f"optimization.average={recipe.optimization.average}: only the int8 step averages weights, as averages "
            "have neither zeros nor clusters: set it to 0"
        )
    if int8 and int8.by == "native" and (sparsity or clustering):
        raise ValueError("int8.by=native keeps neither zeros nor clusters: set it to tfmot")
    trainer.check_amounts(recipe, celeba)
    if sparsity and clustering:
        if sparsity.depthwise and not clustering.depthwise:
            raise ValueError(
                "sparsity.depthwise needs clustering.depthwise, or depthwise kernels lose their zeros: set both"
            )
        if lost := sorted(set(clustering.skip) - set(sparsity.skip)):
            raise ValueError(f"clustering.skip: {lost[0]} would lose its zeros: name it in sparsity.skip too")
    if teacher and distillation.features and not (int8 and int8.by == "native"):
        raise ValueError("distillation.features: training by TF-MOT copies answers alone: set features to 0")
    file, model = teaching.open_to_train_on(trained, recipe, celeba)
    asked = {"sparsity": sparsity, "clustering": clustering, "int8": int8}
    written = written_with_data(recipe, celeba) | {"trained": fingerprint(model)}
    written |= {name: as_plain(dataclasses.asdict(each)) for name, each in asked.items() if each}
    teach = teaching.teach_with(teacher, recipe, celeba, distillation)
    written |= teach.written
    if begun:
        check_same(begun, written)
    task = make_task(recipe, celeba)
    run = CompressionRun(recipe, celeba, task, sparsity, clustering, int8, model, file, teach, written)
    run.reports  # noqa: B018  an impossible step raises here
    return run
