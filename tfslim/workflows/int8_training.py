"""A run that ends with an int8 file: zeros, clusters and the roundings of int8, each trained from what came before."""

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
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.sampling import sample_images
from tfslim.distillation import FrozenTeacher, fingerprint
from tfslim.inference.model_files import load_keras_file
from tfslim.report import Report
from tfslim.training import teacher as teaching
from tfslim.training import tfmot_trainer, trainer
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
    """What is to be done, made and checked before the first step; `model` is the trained network."""

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
        lines = [f"{self.model.name}: {4 * self.model.count_params():,} bytes of weights"]
        for report in self.reports:
            left = collections.Counter(report.skipped.values())
            figures = [f"{value} {name}" for name, value in report.figures.items()]
            figures += [f"{count} left, as {reason}" for reason, count in left.items()]
            lines.append(f"{report.step}: {', '.join(figures)}")
        return "\n".join([*lines, f"{self.recipe.epochs} epochs each, {self.teach.summary}"])

    def compress(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        """Takes the steps that are not there yet, each a .keras or .tflite file in `folder`."""
        with trainer.naming_broken_images(self.celeba):
            self._compress(folder, resume, verbose)

    def _compress(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        self.task.name_outputs(folder, resume)
        model = self.model
        if not (folder / ALONE).is_file():
            with replacing(folder / ALONE) as beside:
                io = (self.int8 or Int8()).io
                tfslim.litert.convert(model, beside, "int8", representative=self._images(), io=io)
                tfslim.litert.slim_file(beside, beside, keep_names=True)  # kernels are told by them
        if self.sparsity:
            model = self._stripped(folder / SPARSE, self._sparsified, model, tfslim.tfmot.pruning_callbacks(), verbose)
        if self.clustering:
            model = self._stripped(folder / CLUSTERED, self._clustered, model, [], verbose)
        if self.int8 and not (folder / RESULT).is_file():
            self._convert_to_int8(model, folder, resume, verbose)

    def _convert_to_int8(self, model: keras.Model, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        epoch = None
        if self.int8.by == "tfmot":
            trained, epoch = self._rounded(model, folder / "int8", verbose)
        else:
            trained = self._rounded_natively(model, folder / "int8", resume, verbose)
        with replacing(folder / RESULT) as beside:
            if epoch == 0 and not (self.sparsity or self.clustering):
                print(f"{RESULT}: no epoch was better than none, so it is the file of int8 after training")
                shutil.copyfile(folder / ALONE, beside)
                return
            in_float = tfslim.tfmot.convert(trained, beside, self.int8.io).skipped
            tfslim.litert.slim_file(beside, beside, keep_names=True)  # kernels are told by them
        for tensor, why in in_float.items():
            print(f"{RESULT}: {tensor}: {why}")

    def write_table(self, folder: pathlib.Path) -> None:
        """The original, its post-training file and each step's result side by side."""
        models = {
            "original": self.file,
            "post-training int8": folder / ALONE,
            "sparse": folder / SPARSE,
            "clustered": folder / CLUSTERED,
            "trained int8": folder / RESULT,
        }
        there = {label: path for label, path in models.items() if path.is_file()}
        layers = {report.step: report.done for report in self.reports}
        sparse = [kernel_names(layer, self.sparsity.depthwise) for layer in layers.get("sparsify", [])]
        few = [kernel_names(layer, self.clustering.depthwise) for layer in layers.get("cluster", [])]
        chosen = folder / "int8" / tfmot_trainer.CHOSEN
        epochs = {"trained int8": read_json(chosen, dict)["epoch"]} if chosen.is_file() else {}
        int8_table.write_int8_table(self.recipe, there, self.model, sparse, few, epochs, folder)

    @functools.cached_property
    def reports(self) -> list[Report]:
        """What each step would do to the network; raises what can't be done, before anything is trained."""
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
        # Changed weights shift what batch normalisation sees.
        reestimate_statistics(plain, self._still_batches().take(trainer.STATISTICS_BATCHES))
        report.save(path.with_suffix("") / "report.json")
        with replacing(path) as beside:
            plain.save(beside)
        return load_keras_file(path)

    def _sparsified(self, model: keras.Model) -> tuple[Any, Report]:
        asked = self.sparsity
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
        return tfslim.tfmot.cluster(
            model,
            asked.clusters,
            asked.start,
            keep_zeros=self.sparsity is not None,
            depthwise=asked.depthwise,
            skip=asked.skip,
        )

    def _rounded(self, model: keras.Model, folder: pathlib.Path, verbose: int) -> tuple[Any, int]:
        keep = [name for name, asked in (("zeros", self.sparsity), ("clusters", self.clustering)) if asked]
        training, _ = tfslim.tfmot.quantize_aware(model, self._images(), keep)
        # What came before counts: zeros and clusters are there from the start, and a network may lose by training on.
        return training, self._fit(training, folder, [], verbose, best=True)

    def _rounded_natively(self, model: keras.Model, folder: pathlib.Path, resume: bool, verbose: int) -> keras.Model:
        plain, _ = tfslim.quantization.quantize_aware(model, self._images())
        training = trainer.prepare_training(self.recipe, self.celeba, self.teach, plain)
        folder.mkdir(exist_ok=True)
        trainer.fit_training(training, folder, resume, verbose, step="int8")
        return load_keras_file(folder / "model.keras")

    def _fit(self, training: Any, folder: pathlib.Path, callbacks: list, verbose: int, best: bool = False) -> int:
        print(f"{folder.name}: {self.recipe.epochs} epochs", flush=True)
        answers = None
        if self.teach.teacher is not None:
            frozen = FrozenTeacher(self.teach.teacher, ["output"])
            answers = tfmot_trainer.ValidationOutputs(frozen, self.teach.losses, self.teach.labels)
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
    """Opens the network and the teacher, and makes the first step's model; `begun` is the run folder to go on with.

    Raises:
        ValueError: the network's outputs don't fit the data, its images' size is not the stages', the recipe asks for
            what these trainings don't have, or `begun` holds a run of another recipe.
        ImportError: TF-MOT is not installed, saying what to install.
    """
    for option, given, plain in (
        ("precision", recipe.precision, "float32"),
        ("strategy", recipe.strategy, "none"),
    ):
        if given != plain:
            raise ValueError(f"{option}={given}: int8, zeros and clusters are trained with {plain}")
    if recipe.optimization.average and not int8:
        raise ValueError(
            f"optimization.average={recipe.optimization.average}: only the int8 step averages weights, as averages "
            "have neither zeros nor clusters: set it to 0"
        )
    if int8 and int8.by == "native" and (sparsity or clustering):
        raise ValueError("int8.by=native keeps neither zeros nor clusters: take tfmot")
    trainer.check_amounts(recipe, celeba)
    if sparsity and clustering:
        if sparsity.depthwise and not clustering.depthwise:
            raise ValueError("sparsity.depthwise: set clustering.depthwise too, or depthwise kernels lose their zeros")
        if lost := sorted(set(clustering.skip) - set(sparsity.skip)):
            raise ValueError(f"clustering.skip: {lost[0]} would lose its zeros: name it in sparsity.skip too")
    if teacher and distillation.features and not (int8 and int8.by == "native"):
        raise ValueError("distillation.features: TF-MOT's trainings copy answers alone: set features to 0")
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
    run.reports  # noqa: B018  raises what can't be done
    return run
