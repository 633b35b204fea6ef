"""Training of a network in few bits.

Its weights are snapped, trained, snapped exactly, packed and compared.
"""

import dataclasses
import functools
import pathlib
from typing import Any

import keras
import rich.table

import tfslim
from tfslim._support.files import read_json, replacing, write_json, write_rows
from tfslim._support.terminal import print_table, progress_bar
from tfslim._support.text import pluralize
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.sampling import sample_images
from tfslim.distillation import fingerprint
from tfslim.graph.cloning import clone_model
from tfslim.inference.model_files import load_keras_file
from tfslim.quantization import Codec, QuantizingOptimizer, allocate_bits, plan_codecs
from tfslim.quantization.bit_allocation import byte_size
from tfslim.report import Report
from tfslim.training import teacher as teaching, trainer
from tfslim.training.batch_statistics import reestimate_statistics
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Distillation, Quantization, Recipe
from tfslim.training.run_folder import check_same
from tfslim.workflows.evaluation.results import percent
from tfslim.workflows.test_figures import judge_of

BITS = "bits.json"  # the bits chosen under a budget


@dataclasses.dataclass(frozen=True)
class QuantizationRun:
    """A quantization, built and checked before its first step.

    Args:
        recipe: the data, and how to train on.
        celeba: the recipe's data.
        quantization: how many bits, and for which weights.
        model: the trained network.
        file: the file it was loaded from.
        teach: the teacher.
        written: the content of the run folder's recipe.yaml.
        plan: layer and weight -> codec.
        snapped: the network with its weights quantized, before training.
        report: the report of that.
    """

    recipe: Recipe
    celeba: CelebA
    quantization: Quantization
    model: keras.Model
    file: pathlib.Path
    teach: teaching.TeacherSetup
    written: dict
    plan: dict[str, Codec]
    snapped: keras.Model
    report: Report

    def summary(self) -> str:
        """Return lines about the network, its bits and the training."""
        figures, asked = self.report.figures, self.quantization
        bits = "bits of its own"
        if asked.bits is not None:
            bits = f"{asked.bits} bits"
        elif asked.budget is not None:
            bits = f"bits under a budget of {byte_size(asked.budget):,} bytes"
        return (
            f"{self.model.name}: {4 * self.model.count_params():,} bytes of weights; "
            f"{figures['weight bytes']:,} as {asked.codec}, "
            f"{bits}, {asked.scope}\n"
            f"then {pluralize(self.recipe.epochs, 'epoch')}, {self.teach.summary}"
        )

    def compress(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        """Train on with the plan and write three networks.

        They are the network after snapping alone, after training, and packed.

        Args:
            folder: the run folder.
            resume: whether the run is resumed.
            verbose: as for Keras' `fit`; 2 prints a line an epoch.
        """
        if self.quantization.budget:
            bits = {name: codec.bits for name, codec in self.plan.items() if hasattr(codec, "bits")}
            write_json(folder / BITS, bits)
        plans = []

        def around(inner: keras.optimizers.Optimizer, copy: keras.Model) -> keras.optimizers.Optimizer:
            optimizer = QuantizingOptimizer(inner, copy, self.plan)
            plans.append(optimizer.plan)
            return optimizer

        plain = clone_model(self.model, dtype="float32", batch_size=None)
        training = trainer.prepare_training(self.recipe, self.celeba, self.teach, plain, around)
        training.task.name_outputs(folder, resume)
        with trainer.naming_broken_images(self.celeba):
            # Snapped weights shift the inputs of batch normalizations.
            reestimate_statistics(self.snapped, training.still_batches("train").take(trainer.STATISTICS_BATCHES))
        _save(tfslim.quantize_weights(self.snapped, self.plan)[0], folder / "post-training.keras")
        # A run that is killed before its report exists repeats this step with --resume.
        finish = functools.partial(self._finish, folder, plans[0], training)
        trainer.fit_training(training, folder, resume, verbose, step="quantize", finish=finish)

    def _finish(self, folder: pathlib.Path, plan: dict[str, Codec], training: trainer.Training) -> dict[str, object]:
        """Snap the network to its codebooks, pack and measure it.

        It is snapped exactly, and the packed values are measured.
        """
        exact, report = tfslim.quantize_weights(load_keras_file(folder / "model.keras"), plan)
        _save(exact, folder / "model.keras")
        print(report)
        packed = tfslim.save_packed(exact, folder / "model.tfslim", entropy_coding=self.quantization.entropy_coding)
        print(packed)
        # Moving statistics are in few bits from here on too.
        exact.compile(loss=training.task.loss(), metrics=[training.task.metric()])
        with trainer.naming_broken_images(self.celeba):
            measured = exact.evaluate(training.still_batches("validation"), verbose=0, return_dict=True)
        return {"validation accuracy of the file": round(measured["accuracy"], 5)}

    def write_table(self, folder: pathlib.Path) -> None:
        """Write the table of original, snapped and trained network."""
        judge = judge_of(self.recipe)
        models = {"original": self.file, "post-training": folder / "post-training.keras"}
        models["trained in few bits"] = folder / "model.keras"
        whole = 4 * self.model.count_params()
        lines = []
        for label, file in models.items():
            size = whole if label == "original" else self.report.figures["weight bytes"]
            lines.append({"model": label, "weight bytes": size, "share": size / whole, **judge(file)})
        lines[-1]["packed file bytes"] = (folder / "model.tfslim").stat().st_size
        write_rows(folder / "quantization.csv", [dict.fromkeys(lines[-1]) | line for line in lines])
        write_json(folder / "quantization.json", lines)
        _print(lines)
        print(f"wrote {folder / 'quantization'}.json and .csv, {folder / 'model.tfslim'}")


def prepare_weight_quantization(
    recipe: Recipe,
    celeba: CelebA,
    trained: str,
    quantization: Quantization,
    teacher: str | None,
    distillation: Distillation,
    begun: pathlib.Path | None,
) -> QuantizationRun:
    """Load the network and teacher, and choose the bits.

    A run to resume keeps its bits.

    Args:
        recipe: the data, and how to train on.
        celeba: the recipe's data.
        trained: the network: a run folder or a `.keras` file.
        quantization: how many bits, and for which weights.
        teacher: a trained teacher: a run folder or a `.keras` file.
        distillation: what to copy from the teacher.
        begun: the run folder to resume, or None.

    Raises:
        ValueError: the network's outputs don't fit the data, its images' size is not the stages', weights are averaged,
            the budget can't be met, or `begun` holds a run of another recipe.
    """
    if recipe.optimization.average:
        raise ValueError("optimization.average: averages of weights in few bits need more bits: set it to 0")
    file, model = teaching.open_to_train_on(trained, recipe, celeba)
    written = written_with_data(recipe, celeba) | {
        "trained": fingerprint(model),
        "quantization": dataclasses.asdict(quantization),
    }
    teach = teaching.teach_with(teacher, recipe, celeba, distillation)
    written |= teach.written
    if begun:
        check_same(begun, written)

    plan = _plan(model, quantization, recipe, celeba, begun)
    snapped, report = tfslim.quantize_weights(model, plan)
    return QuantizationRun(recipe, celeba, quantization, model, file, teach, written, plan, snapped, report)


def _plan(
    model: keras.Model, asked: Quantization, recipe: Recipe, celeba: CelebA, begun: pathlib.Path | None
) -> dict[str, Codec]:
    common: dict[str, Any] = {"scope": asked.scope, "skip": asked.skip, "rest": asked.rest}
    if asked.budget is None:
        return plan_codecs(model, asked.codec, asked.bits, **common)
    if begun and (begun / BITS).is_file():
        return _plan_of(begun / BITS, model, asked.codec, common)
    images = sample_images(celeba, "validation", asked.images, tuple(model.inputs[0].shape[1:3]), recipe.seed)
    with progress_bar("bits by budget") as move:
        plan, report = allocate_bits(
            model, asked.budget, images, codec=asked.codec, bits=asked.choices, progress=move, **common
        )
    print(report)
    return plan


def _plan_of(path: pathlib.Path, model: keras.Model, codec: str, common: dict) -> dict[str, Codec]:
    """Return the plan with a run's bits.

    They are the bits that the run began with.
    """
    bits = read_json(path, dict)
    try:
        return plan_codecs(model, codec, bits, **common)
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from error


def _save(model: keras.Model, path: pathlib.Path) -> None:
    with replacing(path) as beside:
        model.save(beside)


def _print(lines: list[dict]) -> None:
    shown = rich.table.Table(
        "network", title=f"quantization; shares in %, majority answer: {percent(lines[0]['majority'])}"
    )
    shares = [name for name in lines[0] if name.startswith(("accuracy", "balanced", "EER"))]
    for head in ("weight bytes", "of the original", *shares):
        shown.add_column(head, justify="right")
    for line in lines:
        size = (f"{line['weight bytes']:,}", f"{100 * line['share']:.2f} %")
        shown.add_row(line["model"], *size, *(percent(line[name]) for name in shares))
    print_table(shown)
