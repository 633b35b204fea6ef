"""Stage 1 of the Flame paper: teacher and students.

They are trained, the students alone and taught, and the table is made.
"""

import dataclasses
import gzip
import statistics
from pathlib import Path

import rich.table

import tfslim
from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import print_table, progress_bar
from tfslim.cost.paper_rule import paper_bytes
from tfslim.data.celeba.dataset import CelebA
from tfslim.inference.identifier import identify, load_identifier
from tfslim.inference.model_files import load_keras_file
from tfslim.metrics.identification import IdentityTable
from tfslim.training.recipe import Distillation, Recipe
from tfslim.workflows.experiments.rows import Stage1Row
from tfslim.workflows.experiments.runs import Run, list_runs, run_all

__all__ = ["plan_stage1", "run_stage1", "write_stage1_table"]

TEACHER = 0  # the row


def run_stage1(
    recipe: Recipe,
    rows: list[Stage1Row],
    distillation: Distillation = Distillation(),
    out: str = "runs/stage1",
    jobs: int = 1,
    dry_run: bool = False,
    table: bool = False,
) -> int:
    """Train the remaining rows and write the finished ones' table.

    Args:
        recipe: what all rows have in common.
        rows: the networks; the first is the teacher.
        distillation: what the students copy.
        out: folder for the run folders and the table.
        jobs: trainings at once.
        dry_run: list the runs and stop.
        table: make the table of the runs that are done, and train nothing.

    Returns:
        The exit code: 1 if a training failed.

    Raises:
        ValueError: recipe and rows do not fit, or a folder holds a run of another recipe.
    """
    check_stage1(recipe, rows, distillation)
    folder = Path(out)
    runs = plan_stage1(recipe, rows, distillation, folder)
    for run in runs:
        run.check()
    if dry_run:
        list_runs(runs)
        return 0
    failed = 0 if table else run_all(runs, jobs)
    write_stage1_table(recipe, rows, runs, folder)
    return 1 if failed else 0


def check_stage1(recipe: Recipe, rows: list[Stage1Row], distillation: Distillation) -> None:
    """Check that recipe and rows fit.

    Raises:
        ValueError: they do not, saying what to change.
    """
    if recipe.task != "identity":
        raise ValueError("stage 1 learns identities: the recipe needs task: identity")
    if len(rows) < 2 or min(row.seeds for row in rows) < 1:
        raise ValueError("rows: a teacher and at least one student are needed, each with at least one seed")
    if any(row.epochs for row in rows) and len(recipe.stages) > 1:
        raise ValueError("rows: epochs are for recipes of one stage")
    if max(row.seeds for row in rows) > rows[TEACHER].seeds:
        raise ValueError(f"rows: a student has more seeds than its teacher, {rows[TEACHER].name}; give it as many")
    short = [row.name for row in rows[1:] if (row.epochs or recipe.epochs) < distillation.views]
    if short:  # they share the kept outputs with the other rows
        raise ValueError(f"distillation.views={distillation.views} is more than the epochs of {', '.join(short)}")
    names = [row.name for row in rows]
    if len(set(names)) < len(names) or any("-" in name or "/" in name for name in names):
        raise ValueError(f"rows: names must differ and have no - or /, as folders are called after them: {names}")


def plan_stage1(recipe: Recipe, rows: list[Stage1Row], distillation: Distillation, folder: Path) -> list[Run]:
    """Plan the runs in an order that can be done.

    Teachers come first, then rows of many seeds.
    """
    seeds = {row.name: row.seeds for row in rows}
    runs = []
    for number, row in enumerate(rows):
        for seed in range(recipe.seed, recipe.seed + row.seeds):
            network = dataclasses.replace(recipe.model, arguments={**recipe.model.arguments, **row.arguments})
            rate = row.learning_rate or recipe.optimization.learning_rate
            optimization = dataclasses.replace(recipe.optimization, learning_rate=rate)
            stages = [dataclasses.replace(stage, epochs=row.epochs or stage.epochs) for stage in recipe.stages]
            asked = dataclasses.replace(
                recipe, model=network, stages=stages, optimization=optimization, seed=seed
            ).written()
            plain = Run(folder / f"{row.name}-{seed}", "train", asked, row.name, seed)
            runs.append(plain)
            if number == TEACHER:
                continue
            teacher = next(run for run in runs if run.row == rows[TEACHER].name and run.seed == seed)
            asked = asked | {
                "teacher": str(teacher.folder),
                "distillation": dataclasses.asdict(distillation),
            }
            if distillation.views:
                asked["teacher_outputs"] = str(folder / f"teacher-outputs-{seed}")
            taught = folder / f"{row.name}-taught-{seed}"
            runs.append(Run(taught, "distill", asked, row.name, seed, taught=True, needs=teacher))
    return sorted(runs, key=lambda run: (run.row != rows[TEACHER].name, -seeds[run.row], run.seed, run.taught))


def write_stage1_table(recipe: Recipe, rows: list[Stage1Row], runs: list[Run], folder: Path) -> None:
    """Write the test figures of the finished runs.

    The table is printed, and written as stage1.json, .csv and .png.
    """
    done = [run for run in runs if run.done]
    if not done:
        print("no run is done yet: the table is made when one is")
        return
    celeba = CelebA(recipe.data, split=recipe.split, seed=recipe.split_seed, on_error=recipe.on_error)
    judged = {}
    with progress_bar("test part") as move:
        for number, run in enumerate(done, start=1):
            judged[run] = evaluate_run(run, celeba)
            move(number, len(done))
    lines = [_line(row, judged) for row in rows if any(run.row == row.name for run in done)]
    _add_changes(lines, judged, rows[0])
    write_rows(folder / "stage1.csv", lines)
    each = [{"row": run.row, "seed": run.seed, "taught": run.taught} | table.to_dict() for run, table in judged.items()]
    write_json(folder / "stage1.json", {"rows": lines, "runs": each})
    first = next(iter(judged.values()))
    _print(lines, first.images, first.majority)
    _draw(lines, folder / "stage1.png")
    print(f"wrote {folder / 'stage1'}.json, .csv and .png; {len(done)} of {len(runs)} runs are done")


def evaluate_run(run: Run, celeba: CelebA) -> IdentityTable:
    """Evaluate a run's model on the test part.

    The data have CelebA's own identity numbers.
    """
    identifier = load_identifier(run.folder)
    records = identifier.people.known(celeba.part("test"), "test", identifier.path)
    return identify(identifier, celeba.source, records, on_error=celeba.on_error)[0]


def _line(row: Stage1Row, judged: dict[Run, IdentityTable]) -> dict:
    own = [run for run in judged if run.row == row.name]
    model = load_keras_file(own[0].folder / "model.keras")
    cost = tfslim.measure(model)
    file = (own[0].folder / "model.keras").read_bytes()
    line = {
        "row": row.name,
        "paper_rule_megabytes": paper_bytes(model) / 1e6,
        "weight_bytes": sum(cost.bytes.values()),
        "file_bytes": len(file),
        "gzipped_bytes": len(gzip.compress(file)),
        "million_macs": cost.macs / 1e6,
    }
    for name, taught in (("alone", False), ("taught", True)):
        values = [100 * judged[run].top_1 for run in own if run.taught == taught]
        line[f"{name}_seeds"] = len(values)
        line[name] = statistics.mean(values) if values else None
        line[f"{name}_deviation"] = statistics.stdev(values) if len(values) > 1 else None
        balanced = [100 * judged[run].balanced_accuracy for run in own if run.taught == taught]
        line[f"{name}_balanced"] = statistics.mean(balanced) if balanced else None
    return line | {"paper_megabytes": row.paper_megabytes, "paper_accuracy": row.paper_accuracy}


def _add_changes(lines: list[dict], judged: dict[Run, IdentityTable], teacher: Stage1Row) -> None:
    """Add changes against the teacher, in points.

    They are the paper's, and ours over the seeds that both have.
    """
    found = {(run.row, run.taught, run.seed): 100 * table.top_1 for run, table in judged.items()}
    for line in lines:
        for name, taught in (("alone", False), ("taught", True)):
            changes = [
                top_1 - found[teacher.name, False, seed]
                for (row, with_teacher, seed), top_1 in found.items()
                if (row, with_teacher) == (line["row"], taught) and (teacher.name, False, seed) in found
            ]
            line[f"{name}_change"] = statistics.mean(changes) if changes else None
        known = line["paper_accuracy"] is not None and teacher.paper_accuracy is not None
        line["paper_change"] = line["paper_accuracy"] - teacher.paper_accuracy if known else None


def _print(lines: list[dict], images: int, majority: float) -> None:
    shown = rich.table.Table(
        title=f"stage 1: top-1 on {images:,} test images, %; naming the commonest person scores {100 * majority:.2f}"
    )
    shown.add_column("network", no_wrap=True)
    for head in ("MB by the paper's rule", "file bytes", "gzipped", "M MACs", "alone", "change", "taught", "change"):
        shown.add_column(head, justify="right")
    for head in ("paper: MB", "accuracy", "change"):
        shown.add_column(head, justify="right")
    for line in lines:
        shown.add_row(
            line["row"],
            f"{line['paper_rule_megabytes']:.3f}",
            f"{line['file_bytes']:,}",
            f"{line['gzipped_bytes']:,}",
            f"{line['million_macs']:.1f}",
            _accuracy(line, "alone"),
            _signed(line["alone_change"]),
            _accuracy(line, "taught"),
            _signed(line["taught_change"]),
            "-" if line["paper_megabytes"] is None else f"{line['paper_megabytes']:g}",
            "-" if line["paper_accuracy"] is None else f"{line['paper_accuracy']:.2f}",
            _signed(line["paper_change"]),
        )
    print_table(shown)
    print("± standard deviation (number of seeds), where there are several")
    print("change: points against the first row, over the seeds that both have")
    print("paper: on its own validation images")


def _accuracy(line: dict, name: str) -> str:
    if line[name] is None:
        return "-"
    spread, seeds = line[f"{name}_deviation"], line[f"{name}_seeds"]
    return f"{line[name]:.2f}" + (f" ± {spread:.2f} ({seeds})" if spread is not None else "")


def _signed(points: float | None) -> str:
    return "-" if points is None else f"{points:+.2f}"


def _draw(lines: list[dict], path: Path) -> None:
    from tfslim.plots.charts import size_against_accuracy

    points = [
        (f"{line['row']}{' (taught)' if name == 'taught' else ''}", line["weight_bytes"], line[name], name == "taught")
        for line in lines
        for name in ("alone", "taught")
        if line[name] is not None
    ]
    size_against_accuracy(points, path, title="stage 1: accuracy and size")
