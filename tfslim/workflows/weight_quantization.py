"""A run that ends with a network in few bits: snapped, trained on, snapped exactly, packed and compared."""

import dataclasses
import functools
import pathlib

import keras
import rich.table

import tfslim
from tfslim._support.files import read_json, replacing, write_json, write_rows
from tfslim._support.terminal import print_table, progress_bar
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.sampling import sample_images
from tfslim.distillation import fingerprint
from tfslim.graph.cloning import clone_model
from tfslim.inference.model_files import load_keras_file
from tfslim.quantization import Codec, QuantizingOptimizer, allocate_bits, plan_codecs
from tfslim.quantization.bit_allocation import byte_size
from tfslim.report import Report
from tfslim.training import teacher as teaching
from tfslim.training import trainer
from tfslim.training.batch_statistics import reestimate_statistics
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Distillation, Quantization, Recipe
from tfslim.training.run_folder import check_same
from tfslim.workflows.evaluation.results import percent
from tfslim.workflows.test_figures import judge_of

BITS = "bits.json"  # what a budget was spent on


@dataclasses.dataclass(frozen=True)
class QuantizationRun:
    """What is to be done, made and checked before the first step; `model` is the trained network."""

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
            f"then {self.recipe.epochs} epochs, {self.teach.summary}"
        )

    def compress(self, folder: pathlib.Path, resume: bool, verbose: int) -> None:
        """Trains on with the plan; writes the network after snapping alone, after training, and packed."""
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
            # Snapped weights shift what batch normalisation sees.
            reestimate_statistics(self.snapped, training.still_batches("train").take(trainer.STATISTICS_BATCHES))
        _save(tfslim.quantize_weights(self.snapped, self.plan)[0], folder / "post-training.keras")
        # What was killed before the report is there goes on to the exact values with --resume.
        finish = functools.partial(self._finish, folder, plans[0], training)
        trainer.fit_training(training, folder, resume, verbose, step="quantize", finish=finish)

    def _finish(self, folder: pathlib.Path, plan: dict[str, Codec], training: trainer.Training) -> dict[str, object]:
        """Gives the trained network the codebooks' exact values, packs it, and measures what is in the file."""
        exact, report = tfslim.quantize_weights(load_keras_file(folder / "model.keras"), plan)
        _save(exact, folder / "model.keras")
        print(report)
        packed = tfslim.save_packed(exact, folder / "model.tfslim", entropy_coding=self.quantization.entropy_coding)
        print(packed)
        # Moving statistics, too, are in few bits only now.
        exact.compile(loss=training.task.loss(), metrics=[training.task.metric()])
        with trainer.naming_broken_images(self.celeba):
            measured = exact.evaluate(training.still_batches("validation"), verbose=0, return_dict=True)
        return {"validation accuracy of the file": round(measured["accuracy"], 5)}

    def write_table(self, folder: pathlib.Path) -> None:
        """The original, the snapped and the trained network side by side."""
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
    """Opens the network and the teacher, and chooses the bits, or takes those of the run `begun` to be gone on with.

    Raises:
        ValueError: the network's outputs don't fit the data, its images' size is not the stages', weights are averaged,
            the budget can't be met, or `begun` holds a run of another recipe.
    """
    if recipe.optimization.average:
        raise ValueError("optimization.average: averages of weights have no few bits: set it to 0")
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
    common = {"scope": asked.scope, "skip": asked.skip, "rest": asked.rest}
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
    """The plan of the bits that a run began with."""
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
        "network", title=f"quantisation; shares in %, the commonest: {percent(lines[0]['majority'])}"
    )
    shares = [name for name in lines[0] if name.startswith(("accuracy", "balanced", "EER"))]
    for head in ("weight bytes", "of the original", *shares):
        shown.add_column(head, justify="right")
    for line in lines:
        size = (f"{line['weight bytes']:,}", f"{100 * line['share']:.2f} %")
        shown.add_row(line["model"], *size, *(percent(line[name]) for name in shares))
    print_table(shown)
