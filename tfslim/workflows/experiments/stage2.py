"""Stage 2 of the Flame paper: networks in few bits.

Trained networks are stored in few bits and trained on, and the tables are made.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

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
from tfslim.training.provenance import check_same_data
from tfslim.training.recipe import Distillation, Quantization, Recipe
from tfslim.training.run_folder import open_data, read_recipe
from tfslim.workflows.experiments.rows import Stage2Row
from tfslim.workflows.experiments.runs import Run, list_runs, run_all

__all__ = ["plan_stage2", "run_stage2", "write_stage2_table"]


def run_stage2(
    recipe: Recipe,
    trained: str,
    teacher: str,
    rows: list[Stage2Row],
    curve: list[str],
    curve_bits: list[int],
    distillation: Distillation = Distillation(),
    out: str = "runs/stage2",
    jobs: int = 1,
    dry_run: bool = False,
    table: bool = False,
) -> int:
    """Quantize the remaining rows and write the finished ones' tables.

    Args:
        recipe: the data, and how to train on.
        trained: the folder that stage 1 wrote.
        teacher: the teacher's run folder in it.
        rows: the networks and their bits.
        curve: run folders in `trained` whose accuracy is drawn against the bits.
        curve_bits: those bits.
        distillation: what the taught copy.
        out: folder for the run folders and the tables.
        jobs: trainings at once.
        dry_run: list the runs and stop.
        table: make the table of the runs that are done, and train nothing.

    Returns:
        The exit code: 1 if a training failed.

    Raises:
        ValueError: recipe, rows and trained networks do not fit, or a folder holds another run.
    """
    source, folder = Path(trained), Path(out)
    present = _trained_rows(recipe, rows, source)
    runs = {row: plan_stage2(recipe, row, source, source / teacher, distillation, folder) for row in present}
    for row, run in runs.items():
        check_run(run, source / row.trained)
    celeba = open_data(recipe, check_images=False)
    teaches = any(row.taught for row in present) and (source / teacher / "report.json").is_file()
    for name in dict.fromkeys([*(row.trained for row in present), *([teacher] if teaches else [])]):
        check_same_data(source / name / "model.keras", recipe, celeba)
    if dry_run:
        list_runs(runs.values())
        return 0
    failed = 0 if table else run_all(list(runs.values()), jobs)
    drawn = [source / name for name in curve if (source / name / "report.json").is_file()]
    write_stage2_table(recipe, celeba, source, runs, drawn, curve_bits, folder)
    return 1 if failed else 0


def _trained_rows(recipe: Recipe, rows: list[Stage2Row], source: Path) -> list[Stage2Row]:
    """Return rows with a trained network.

    The other rows are named on stdout.
    """
    if recipe.task != "identity":
        raise ValueError("stage 2 is about identities: the recipe needs task: identity")
    names = [row.name for row in rows]
    if not rows or len(set(names)) < len(names) or any("/" in name for name in names):
        raise ValueError(f"rows: at least one is needed, and names must differ and have no /: {names}")
    present = [row for row in rows if (source / row.trained / "report.json").is_file()]
    for row in rows:
        if row not in present:
            print(f"left out: {row.name}, as {source / row.trained} is not trained yet")
    if not present:
        raise ValueError(f"{source}: holds none of the networks; train them with `tfslim stage1` first")
    return present


def plan_stage2(
    recipe: Recipe,
    row: Stage2Row,
    source: Path,
    teacher: Path,
    distillation: Distillation,
    folder: Path,
) -> Run:
    """Plan a row's training with weights in few bits."""
    asked = Quantization(codec=row.codec, bits=row.bits, scope=row.scope)
    options = recipe.written() | {"trained": str(source / row.trained), "quantization": dataclasses.asdict(asked)}
    if row.taught:
        options |= {"teacher": str(teacher), "distillation": dataclasses.asdict(distillation)}
    return Run(folder / row.name, "quantize", options, row.name, recipe.seed, row.taught, last="quantization.json")


def check_run(run: Run, trained: Path) -> None:
    """Check that the folder has no other run.

    Another run is one of another recipe or network.

    Raises:
        ValueError: it does.
    """
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
CURVES: dict[str, Callable[[int], Codec]] = {
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
    """Write stage2.json, stage2.csv and the curves.

    The table is printed. Each of `drawn` has its curve written as JSON and as a picture.
    """
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
    """Return a function that measures a model's top-1.

    It is measured on the test part, in %.
    """
    images, _, labels = celeba.arrays("test", recipe.stages[-1].size)

    def judge(model: keras.Model) -> float:
        logits = model.predict(images, batch_size=128, verbose=0)
        return 100 * float(np.mean(logits.argmax(axis=-1) == labels))

    return judge


def _line(row: Stage2Row, model: keras.Model, run: Run, judge: Judge) -> dict:
    ternary = row.codec == "ternary" or row.bits is None
    ours: Codec = Ternary() if row.bits is None or ternary else LogMinMax(row.bits)
    theirs = None if row.bits is None or ternary else LogMinMax(row.bits, "nearest")
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
