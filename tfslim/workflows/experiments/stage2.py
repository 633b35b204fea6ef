"""Stores trained networks in few bits, before and after training on, and makes the paper's tables; see `--help`."""

import dataclasses
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import rich.table

import tfslim
from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import print_table, progress_bar
from tfslim.cost.paper_rule import paper_bytes
from tfslim.data.celeba.dataset import CelebA
from tfslim.inference.model_files import load_keras_file
from tfslim.quantization import LogMinMax, Ternary, Uniform
from tfslim.quantization.codecs.registry import Codec
from tfslim.training.recipe import Distillation, Quantization, Recipe
from tfslim.training.run_folder import read_recipe
from tfslim.workflows.experiments.runs import Run


@dataclass(frozen=True)
class Stage2Row:
    """A network in few bits.

    Args:
        name: what to call it.
        trained: its run folder in `trained`.
        bits: of log min-max; none for ternary weights.
        codec: log_min_max or ternary.
        scope: which weights are in few bits.
        taught: whether the teacher helps it to train on.
        paper_megabytes: the paper's own size, to show beside ours.
        paper_accuracy: the paper's own accuracy in %, to show beside ours.
    """

    name: str
    trained: str
    bits: int | None = None
    codec: Literal["log_min_max", "ternary"] = "log_min_max"
    scope: Literal["convolutions", "all"] = "all"
    taught: bool = False
    paper_megabytes: float | None = None
    paper_accuracy: float | None = None


def plan(
    recipe: Recipe,
    row: Stage2Row,
    source: pathlib.Path,
    teacher: pathlib.Path,
    distillation: Distillation,
    folder: pathlib.Path,
) -> Run:
    """The training of a row with its weights in few bits."""
    asked = Quantization(codec=row.codec, bits=row.bits, scope=row.scope)
    options = recipe.written() | {"trained": str(source / row.trained), "quantization": dataclasses.asdict(asked)}
    if row.taught:
        options |= {"teacher": str(teacher), "distillation": dataclasses.asdict(distillation)}
    return Run(folder / row.name, "quantize", options, row.name, recipe.seed, row.taught, last="quantization.json")


def check(run: Run, trained: pathlib.Path) -> None:
    """Raises a ValueError if the folder holds a run of another recipe, or of another network than `trained` holds."""
    run.check()
    if not (run.folder / "recipe.yaml").is_file():
        return
    from tfslim.distillation import fingerprint
    from tfslim.inference.model_files import load_keras_file

    began = read_recipe(run.folder / "recipe.yaml")
    if began.get("trained") != fingerprint(load_keras_file(trained / "model.keras")):
        raise ValueError(
            f"{run.folder}: was begun with another network than {trained} holds now; name another folder with --out"
        )


Judge = Callable[[keras.Model], float]
CURVES = {
    "log min-max, ours": lambda bits: LogMinMax(bits),
    "log min-max, authors' (sign not counted)": lambda bits: LogMinMax(bits, "nearest"),
    "uniform": lambda bits: Uniform(bits),
}


def write_stage2_table(
    recipe: Recipe,
    celeba: CelebA,
    source: Path,
    runs: dict[Stage2Row, Run],
    drawn: list[Path],
    curve_bits: list[int],
    folder: Path,
) -> None:
    """Prints the table; writes stage2.json and .csv, and for each of `drawn` its curve as JSON and a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    judge = _judge(recipe, celeba)
    lines = []
    with progress_bar("rows") as move:
        for number, (row, run) in enumerate(runs.items(), start=1):
            lines.append(_line(row, load_keras_file(source / row.trained / "model.keras"), run, judge))
            move(number, len(runs))
    write_rows(folder / "stage2.csv", lines)
    curves = {}
    with progress_bar("curves") as move:
        for number, path in enumerate(drawn, start=1):
            curves[path.name] = _curve(load_keras_file(path / "model.keras"), judge, curve_bits)
            _draw(curves[path.name], curve_bits, folder / f"bits-{path.name}.png", path.name)
            move(number, len(drawn))
    write_json(folder / "stage2.json", {"rows": lines, "bits": curve_bits, "curves": curves})
    _print(lines)
    print(f"wrote {folder / 'stage2'}.json and .csv, {len(drawn)} curves")


def _judge(recipe: Recipe, celeba: CelebA) -> Judge:
    """Top-1 on the test part, in %."""
    images, _, labels = celeba.arrays("test", recipe.stages[-1].size)

    def judge(model: keras.Model) -> float:
        logits = model.predict(images, batch_size=128, verbose=0)
        return 100 * float(np.mean(logits.argmax(axis=-1) == labels))

    return judge


def _line(row: "Stage2Row", model: keras.Model, run: Run, judge: Judge) -> dict:
    ours = Ternary() if row.codec == "ternary" else LogMinMax(row.bits)
    theirs = None if row.codec == "ternary" else LogMinMax(row.bits, "nearest")
    snapped, report = tfslim.quantize_weights(model, ours, scope=row.scope)
    line = {
        "row": row.name,
        "bits": ours.code_bits,
        "paper_rule_megabytes": paper_bytes(model, row.bits or 2, row.scope) / 1e6,
        "weight_bytes": report.figures["weight bytes"],
        "of_float": report.figures["weight bytes"] / (4 * model.count_params()),
        "float": judge(model),
        "authors_rule": None,
        "post_training": judge(snapped),
        "trained": None,
        "packed_file_bytes": None,
        "paper_megabytes": row.paper_megabytes,
        "paper_accuracy": row.paper_accuracy,
    }
    if theirs is not None:
        line["authors_rule"] = judge(tfslim.quantize_weights(model, theirs, scope=row.scope)[0])
    if run.done:
        line["trained"] = judge(load_keras_file(run.folder / "model.keras"))
        line["packed_file_bytes"] = (run.folder / "model.tfslim").stat().st_size
    return line


def _curve(model: keras.Model, judge: Judge, bits: list[int]) -> dict[str, list[float]]:
    def accuracy(codec: Codec) -> float:
        return judge(tfslim.quantize_weights(model, codec, scope="all")[0])

    return {"float": [judge(model)] * len(bits)} | {
        name: [accuracy(make(width)) for width in bits] for name, make in CURVES.items()
    }


def _print(lines: list[dict]) -> None:
    shown = rich.table.Table(title="stage 2: top-1 on the test part, %")
    shown.add_column("network", no_wrap=True)
    heads = ("bits", "MB, paper's rule", "weight bytes", "of float", "float", "authors' rule", "ours", "trained on")
    for head in (*heads, "paper: MB", "accuracy"):
        shown.add_column(head, justify="right")
    for line in lines:
        accuracies = (line[name] for name in ("float", "authors_rule", "post_training", "trained"))
        shown.add_row(
            line["row"],
            str(line["bits"]),
            f"{line['paper_rule_megabytes']:.3f}",
            f"{line['weight_bytes']:,}",
            f"{100 * line['of_float']:.2f} %",
            *("-" if each is None else f"{each:.2f}" for each in accuracies),
            "-" if line["paper_megabytes"] is None else f"{line['paper_megabytes']:g}",
            "-" if line["paper_accuracy"] is None else f"{line['paper_accuracy']:.2f}",
        )
    print_table(shown)


def _draw(curves: dict[str, list[float]], bits: list[int], path: Path, title: str) -> None:
    from tfslim.plots.charts import bits_curve

    bits_curve(bits, {name: [value / 100 for value in values] for name, values in curves.items()}, path, title)
