"""Evaluates models on a part of CelebA, attribute by attribute."""

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import program
from progress import progress_bar

if TYPE_CHECKING:
    from tfslim.answers import Answers
    from tfslim.data import CelebA
    from tfslim.metrics import AttributeTable

DESCRIPTION = """\
Evaluates models on a part of CelebA: accuracy, balanced accuracy, F1, positive rate and majority floor by attribute.

Prints the table and writes it as JSON and CSV, with a bar chart. Several models are compared by their means as well.

Examples:
  python training/evaluate.py runs/slimnet --data celeba
  python training/evaluate.py runs/slimnet/model.keras face-int8.tflite --data celeba --out comparison
  python training/evaluate.py runs/slimnet --data celeba --thresholds balanced --save_thresholds
"""
HEADS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced",
    "f1": "F1",
    "positive_rate": "positive",
    "majority": "majority",
}
LISTED = 20  # skipped images named on the screen
CHOSEN = ("balanced", "accuracy")


def main(
    models: list[str],
    data: str,
    split: Literal["official", "7:2:1", "random"] = "official",
    seed: int = 0,
    part: Literal["train", "validation", "test"] = "test",
    thresholds: Literal["labels", "zero", "balanced", "accuracy"] = "labels",
    save_thresholds: bool = False,
    out: str | None = None,
    batch_size: int = 64,
    on_error: Literal["raise", "skip"] = "raise",
) -> None:
    """Evaluates models.

    Args:
        models: run folders, .keras or .tflite files.
        data: folder with CelebA's label files and images
        split: how the images are parted: by CelebA's file, 7:2:1 in file order, or 7:2:1 at random
        seed: of the random split
        part: the part to evaluate on
        thresholds: logits above which an attribute is there: those of the model's labels.json, 0 for all, or chosen on
            the validation part for the best balanced accuracy, or for the best accuracy
        save_thresholds: write the chosen thresholds into the labels.json beside each model.
        out: folder for the results; by default evaluation-PART beside each model
        batch_size: images a model takes at once
        on_error: whether a wrong label row or an image that can't be decoded stops the evaluation or is left out
    """
    from tfslim.answers import check_attributes, label_columns
    from tfslim.data import CelebA
    from tfslim.predictor import load_predictor, model_file

    files = [model_file(model) for model in models]
    names = _display_names(models, files)
    _check_arguments(files, part, thresholds, save_thresholds, out, batch_size)

    celeba = CelebA(data, split=split, seed=seed, on_error=on_error)
    check_attributes(celeba)
    for needed in {part, "validation"} if thresholds in CHOSEN else {part}:
        celeba.part(needed)  # an empty part is told before models are loaded
    predictors = [load_predictor(file, batch_size) for file in files]
    for predictor in predictors:
        label_columns(predictor, celeba)
    folders = [Path(out) if out else file.parent / f"evaluation-{part}" for file in files]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)

    results = []
    for name, file, folder, predictor in zip(names, files, folders, predictors, strict=True):
        limits = [0.0] * len(predictor.labels.attributes)
        if thresholds == "labels":
            limits = predictor.labels.thresholds
        elif thresholds in CHOSEN:
            limits = _chosen_thresholds(thresholds, _answers(name, predictor, celeba, "validation", batch_size))
        answers = _answers(name, predictor, celeba, part, batch_size)
        settings = {"data": data, "split": split, "part": part, "thresholds": thresholds}
        results.append(_report(name, file, answers, limits, folder, settings))
        if save_thresholds:
            _save_thresholds(file, answers, limits)
    if len(results) > 1:
        _compare(results, folders[0])


def _display_names(models: list[str], files: list[Path]) -> list[str]:
    """Names to print and to call result files by: those of the run folder or file, told apart by numbers if need be."""
    if len({file.resolve() for file in files}) < len(files):
        raise ValueError(f"a model is given twice: {', '.join(map(str, files))}")
    names = [Path(model).resolve().name for model in models]
    if len(set(names)) < len(names):
        names = [f"{file.resolve().parent.name}-{file.name}" for file in files]
    if len(set(names)) < len(names):
        names = [f"{number}-{name}" for number, name in enumerate(names, start=1)]
    return names


def _check_arguments(
    files: list[Path], part: str, thresholds: str, save_thresholds: bool, out: str | None, batch_size: int
) -> None:
    if thresholds in CHOSEN and part == "validation":
        raise ValueError(
            f"--thresholds {thresholds} are chosen on the validation part: evaluate another part with them"
        )
    if save_thresholds and thresholds not in CHOSEN:
        raise ValueError(f"--save_thresholds needs --thresholds balanced or accuracy, found {thresholds}")
    if save_thresholds and len({file.resolve().parent for file in files}) < len(files):
        raise ValueError("--save_thresholds: two of the models lie in one folder and would share its labels.json")
    if batch_size < 1:
        raise ValueError(f"--batch_size must be 1 or more, found {batch_size}")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out {out}: there is a file of this name; give a folder")


def _answers(name: str, predictor, celeba: "CelebA", part: str, batch_size: int) -> "Answers":
    from tfslim.answers import answer_part

    with progress_bar(f"{name}, {part}") as move:
        return answer_part(predictor, celeba, part, batch_size, move)


def _chosen_thresholds(rule: str, answers: "Answers") -> list[float]:
    from tfslim import metrics

    choose = {"balanced": metrics.balanced_thresholds, "accuracy": metrics.accuracy_thresholds}[rule]
    return [float(limit) for limit in choose(answers.labels, answers.logits, answers.names)]


def _report(name: str, file: Path, answers: "Answers", limits, folder: Path, settings: dict) -> dict:
    """Prints a model's tables, writes its files and gives what the comparison needs."""
    import rich

    from tfslim.atomic import replacing
    from tfslim.metrics import attribute_table
    from tfslim.plots import attribute_bars

    table = attribute_table(answers.labels, answers.logits, answers.names, limits)
    at_zero = attribute_table(answers.labels, answers.logits, answers.names)
    means = {"threshold 0": at_zero.means()}
    if any(limits):
        means[f"thresholds: {settings['thresholds']}"] = table.means()
    result = {"model": name, "file_bytes": file.stat().st_size, **settings, **table.to_dict()}
    result |= {"means_by_thresholds": means, "skipped": answers.skipped}

    rich.print(_attribute_table(f"{name}: {table.images:,} images of the {settings['part']} part, %", table))
    if len(means) > 1:
        rich.print(_means_table(f"{name}: means, %", means))
    _print_skipped(answers.skipped)
    with replacing(folder / f"{name}.json") as beside:
        Path(beside).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
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
        shown.add_column(head, _percent(table.means()[column]), justify="right", no_wrap=True)
    for row in table.rows():
        shown.add_row(escape(row["attribute"]), *(_percent(row[column]) for column in HEADS))
    return shown


def _means_table(title: str, means: dict[str, dict[str, float]], first: str = ""):
    import rich.table
    from rich.markup import escape

    shown = rich.table.Table(
        first, *(rich.table.Column(head, justify="right") for head in HEADS.values()), title=escape(title)
    )
    for name, row in means.items():
        shown.add_row(escape(name), *(_percent(row[column]) for column in HEADS))
    return shown


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _print_skipped(skipped: dict[str, str]) -> None:
    if skipped:
        print(f"{len(skipped)} skipped:")
    for what, why in list(skipped.items())[:LISTED]:
        print(f"  {what}: {why}")
    if len(skipped) > LISTED:
        print(f"  and {len(skipped) - LISTED} more, listed in the JSON file")


def _save_thresholds(file: Path, answers: "Answers", limits: list[float]) -> None:
    from tfslim.data import write_labels

    print(f"wrote the thresholds into {write_labels(file, answers.names, limits)}")


def _compare(results: list[dict], folder: Path) -> None:
    """Prints and writes the models' means side by side."""
    import rich

    from tfslim.atomic import replacing

    means = {result["model"]: result["means"] for result in results}
    rich.print(_means_table("means over the attributes, %", means, "model"))
    rows = [{key: result[key] for key in ("model", "file_bytes", "images")} | result["means"] for result in results]
    with replacing(folder / "comparison.json") as beside:
        Path(beside).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    with replacing(folder / "comparison.csv") as beside, open(beside, "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    print(f"wrote {folder / 'comparison'}.json and .csv")


if __name__ == "__main__":
    program.run(
        main,
        DESCRIPTION,
        positional={"models": "run folders (their model.keras), .keras or .tflite files"},
        flags={"save_thresholds": "write the chosen thresholds into the labels.json beside each model"},
    )
