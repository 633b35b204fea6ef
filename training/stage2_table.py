"""The tables of stage 2: each network's sizes and test accuracy in few bits, and accuracy against bits."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
import rich.table
from progress import progress_bar
from recipe import Recipe
from results import write_json, write_rows
from runs import Run
from show_table import print_table

import tfslim
from tfslim.data.celeba import CelebA
from tfslim.model_files import load_keras_file
from tfslim.paper_size import paper_bytes
from tfslim.quantization import LogMinMax, Ternary, Uniform
from tfslim.quantization.codecs import Codec

if TYPE_CHECKING:
    from stage2 import Row

Judge = Callable[[keras.Model], float]
CURVES = {
    "log min-max, ours": lambda bits: LogMinMax(bits),
    "log min-max, authors' (sign not counted)": lambda bits: LogMinMax(bits, "nearest"),
    "uniform": lambda bits: Uniform(bits),
}


def write(
    recipe: Recipe,
    celeba: CelebA,
    source: Path,
    runs: dict["Row", Run],
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


def _line(row: "Row", model: keras.Model, run: Run, judge: Judge) -> dict:
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
    from tfslim.plots import bits_curve

    bits_curve(bits, {name: [value / 100 for value in values] for name, values in curves.items()}, path, title)
