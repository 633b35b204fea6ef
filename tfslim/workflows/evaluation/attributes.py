"""Evaluation of models of attributes."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfslim._support.files import write_json, write_rows
from tfslim._support.terminal import progress_bar
from tfslim.workflows.evaluation.results import percent, print_skipped, result_folders

if TYPE_CHECKING:
    from tfslim.data import CelebA
    from tfslim.inference.predictor import PartPredictions
    from tfslim.metrics.attributes import AttributeTable
    from tfslim.training.provenance import Split

HEADS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "f1": "F1",
    "positive_rate": "positive",
    "majority": "majority",
}
CHOSEN = ("balanced", "accuracy")


def check_thresholds(files: list[Path], part: str, thresholds: str, save_thresholds: bool) -> None:
    """Check that thresholds can be chosen and saved as asked.

    Raises:
        ValueError: they can't, saying what to change.
    """
    if thresholds in CHOSEN and part == "validation":
        raise ValueError(
            f"--thresholds {thresholds} are chosen on the validation part: evaluate another part with them"
        )
    if save_thresholds and thresholds not in CHOSEN:
        raise ValueError(f"--save_thresholds needs --thresholds balanced or accuracy, found {thresholds}")
    if save_thresholds and len({file.resolve().parent for file in files}) < len(files):
        raise ValueError(
            "--save_thresholds: two models lie in one folder and would share its labels.json: evaluate them apart"
        )


def evaluate_attributes(
    names: list[str],
    files: list[Path],
    data: str,
    split: "Split",
    why: str,
    part: str,
    thresholds: str,
    save_thresholds: bool,
    out: str | None,
    batch_size: int,
    on_error: str,
) -> None:
    """Write each model's figures by attribute, and compare the means.

    The figures are printed too.

    Args:
        names: the models' names.
        files: their files.
        data: folder with CelebA's label files and images.
        split: how the images are split.
        why: the reason for that split, to print.
        part: the part to evaluate on.
        thresholds: "labels", "zero", "balanced" or "accuracy", as `evaluate_models` has them.
        save_thresholds: whether to write chosen thresholds into each labels.json.
        out: folder for the results; evaluation-PART beside each model by default.
        batch_size: images a model takes at once.
        on_error: "raise" or "skip".

    Raises:
        ValueError: a model and the data do not fit.
    """
    from tfslim.data import CelebA
    from tfslim.inference.predictor import check_attributes, label_columns, load_predictor

    celeba = CelebA(data, split=split.kind, seed=split.seed, on_error=on_error)
    check_attributes(celeba)
    for needed in {part, "validation"} if thresholds in CHOSEN else {part}:
        celeba.part(needed)  # an empty part raises before models are loaded
    predictors = [load_predictor(file, batch_size) for file in files]
    for predictor in predictors:
        label_columns(predictor, celeba)
    folders = result_folders(files, out, f"evaluation-{part}")
    print(f"{split}: {why}")

    results = []
    for name, file, folder, predictor in zip(names, files, folders, predictors, strict=True):
        limits: Sequence[float] = [0.0] * len(predictor.labels.attributes)
        if thresholds == "labels":
            limits = predictor.labels.thresholds
        elif thresholds in CHOSEN:
            limits = _chosen_thresholds(thresholds, _answers(name, predictor, celeba, "validation", batch_size))
        answers = _answers(name, predictor, celeba, part, batch_size)
        settings = {"data": data, "split": split.kind, "split_seed": split.seed, "part": part}
        settings |= {"thresholds": thresholds}
        results.append(_report(name, file, answers, limits, folder, settings, split))
        if save_thresholds:
            _save_thresholds(file, answers, limits)
    if len(results) > 1:
        _compare(results, folders[0])


def _answers(name: str, predictor, celeba: "CelebA", part: str, batch_size: int) -> "PartPredictions":
    from tfslim.inference.predictor import predict_part

    with progress_bar(f"{name}, {part}") as move:
        return predict_part(predictor, celeba, part, batch_size, move)


def _chosen_thresholds(rule: str, answers: "PartPredictions") -> list[float]:
    from tfslim.metrics import attributes

    choose = {"balanced": attributes.balanced_thresholds, "accuracy": attributes.accuracy_thresholds}[rule]
    return [float(limit) for limit in choose(answers.labels, answers.logits, answers.names)]


def _report(
    name: str, file: Path, answers: "PartPredictions", limits, folder: Path, settings: dict, split: "Split"
) -> dict:
    """Print a model's tables and write its files.

    Its figures are returned.
    """
    from tfslim._support.terminal import print_table
    from tfslim.metrics.attributes import attribute_table
    from tfslim.plots.charts import attribute_bars

    table = attribute_table(answers.labels, answers.logits, answers.names, limits)
    at_zero = attribute_table(answers.labels, answers.logits, answers.names)
    means = {"threshold 0": at_zero.means()}
    if any(limits):
        means[f"thresholds: {settings['thresholds']}"] = table.means()
    result = {"model": name, "file_bytes": file.stat().st_size, **settings, **table.to_dict()}
    result |= {"means_by_thresholds": means, "skipped": answers.skipped}

    title = f"{name}: {table.images:,} images of the {settings['part']} part ({split}), %"
    print_table(_attribute_table(title, table))
    if len(means) > 1:
        print_table(_means_table(f"{name}: means, %", means))
    print_skipped(answers.skipped)
    write_json(folder / f"{name}.json", result)
    table.to_csv(folder / f"{name}.csv")
    attribute_bars(table, folder / f"{name}.png", title=name)
    print(f"wrote {folder / name}.json, .csv and .png")
    return result


def _attribute_table(title: str, table: "AttributeTable"):
    import rich.table
    from rich.markup import escape

    shown = rich.table.Table(title=escape(title), show_footer=True)
    shown.add_column("attribute", "mean", no_wrap=True)
    for column, head in HEADS.items():
        shown.add_column(head, percent(table.means()[column]), justify="right", no_wrap=True)
    for row in table.rows():
        shown.add_row(escape(row["attribute"]), *(percent(row[column]) for column in HEADS))
    return shown


def _means_table(title: str, means: dict[str, dict[str, float]], first: str = ""):
    import rich.table
    from rich.markup import escape

    shown = rich.table.Table(
        first, *(rich.table.Column(head, justify="right") for head in HEADS.values()), title=escape(title)
    )
    for name, row in means.items():
        shown.add_row(escape(name), *(percent(row[column]) for column in HEADS))
    return shown


def _save_thresholds(file: Path, answers: "PartPredictions", limits: Sequence[float]) -> None:
    from tfslim.data import write_labels

    print(f"wrote the thresholds into {write_labels(file, answers.names, limits)}")


def _compare(results: list[dict], folder: Path) -> None:
    """Print and write the models' means side by side."""
    from tfslim._support.terminal import print_table

    means = {result["model"]: result["means"] for result in results}
    print_table(_means_table("means over the attributes, %", means, "model"))
    rows = [{key: result[key] for key in ("model", "file_bytes", "images")} | result["means"] for result in results]
    write_json(folder / "comparison.json", rows)
    write_rows(folder / "comparison.csv", rows)
    print(f"wrote {folder / 'comparison'}.json and .csv")
