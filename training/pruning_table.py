"""The table of a pruning: what each cut left, and how well it does on images that were not trained on."""

import gzip
from pathlib import Path

import rich
import rich.table
from progress import progress_bar
from recipe import Recipe
from results import percent, write_json, write_rows

import tfslim
from tfslim.data.celeba import CelebA
from tfslim.model_files import load_keras_file
from tfslim.pruning import channel_graph

TEMPLATE = 5  # images, in the paper


def write(recipe: Recipe, models: dict[str, Path], folder: Path) -> None:
    """Prints the table and writes it as JSON and CSV, and the curve as a picture.

    Args:
        recipe: whose data and task it was.
        models: label -> file of a model, the unpruned one first.
        folder: where to write.
    """
    celeba = CelebA(recipe.data, split=recipe.split, seed=recipe.split_seed, on_error=recipe.on_error)
    judge = judge_identity if recipe.task == "identity" else judge_attributes
    lines = []
    with progress_bar("measuring") as move:
        for number, (label, model) in enumerate(models.items(), start=1):
            lines.append({"model": label, **_cost(model), **judge(model, celeba)})
            move(number, len(models))
    write_rows(folder / "pruning.csv", lines)
    write_json(folder / "pruning.json", lines)
    _print(lines)
    _draw(lines, folder / "pruning.png")
    print(f"wrote {folder / 'pruning'}.json, .csv and .png")


def judge_identity(model: Path, celeba: CelebA) -> dict[str, float | None]:
    """Shares: naming people of the test part, and for .keras files telling apart people held out of training."""
    from evaluate_verification import held_out_records

    from tfslim.data.verification_pairs import pairs
    from tfslim.embedder import embed_files, load_embedder
    from tfslim.identifier import identify, load_identifier
    from tfslim.pair_scores import pair_scores
    from tfslim.verification import verification_table

    identifier = load_identifier(model)
    records = identifier.people.known(celeba.part("test"), "test", identifier.path)
    table, _ = identify(identifier, celeba.source, records, on_error=celeba.on_error)
    figures = {"accuracy": table.top_1, "balanced accuracy": table.balanced_accuracy, "majority": table.majority}
    if not identifier.people.held_out or model.suffix == ".tflite":  # which can't be cut at its embedding
        return figures
    everyone = CelebA(celeba.folder, split="7:2:1", on_error=celeba.on_error)
    records = held_out_records(everyone, identifier.people.held_out)
    embedded = embed_files(load_embedder(model), everyone.source, records.files.tolist(), on_error=celeba.on_error)
    for size in (1, TEMPLATE):
        judged = pairs(records, template=size, seed=0).without(embedded.skipped)
        scores = pair_scores(embedded, judged)
        verified = verification_table(scores, judged.genuine)
        name = "single images" if size == 1 else f"templates of {size}"
        figures[f"EER {name}"] = verified.eer
        tar = verified.tar[1]
        figures[f"TAR@FAR {tar.far:g} {name}"] = tar.tar if tar.resolved else None
    return figures


def judge_attributes(model: Path, celeba: CelebA) -> dict[str, float | None]:
    """Shares: mean accuracy over attributes on the test part, balanced accuracy, and always saying the majority."""
    from tfslim.answers import answer_part
    from tfslim.metrics import attribute_table
    from tfslim.predictor import load_predictor

    answers = answer_part(load_predictor(model), celeba, "test")
    means = attribute_table(answers.labels, answers.logits, answers.names).means()
    return {
        "accuracy": means["accuracy"],
        "balanced accuracy": means["balanced_accuracy"],
        "majority": means["majority"],
    }


def _cost(file: Path) -> dict[str, int]:
    model = load_keras_file(file)
    cost = tfslim.measure(model)
    content = file.read_bytes()
    return {
        "filters": channel_graph(model).filter_count,
        "parameters": cost.params,
        "MACs": cost.macs,
        "weight bytes": cost.total_bytes,
        "file bytes": len(content),
        "gzipped bytes": len(gzip.compress(content)),
    }


def _print(lines: list[dict]) -> None:
    """What fits on a screen; the files have all."""
    shown = rich.table.Table(
        "model", title=f"pruning; shares in %, always the commonest: {percent(lines[0]['majority'])}"
    )
    shares = [name for name in lines[0] if name.startswith(("accuracy", "balanced", "EER"))]
    for head in ("filters", "parameters", "M MACs", "kB", *shares):
        shown.add_column(head, justify="right")
    for line in lines:
        size = (f"{line['filters']:,}", f"{line['parameters']:,}", f"{line['MACs'] / 1e6:.1f}")
        shown.add_row(
            line["model"], *size, f"{line['weight bytes'] / 1e3:,.0f}", *(percent(line[name]) for name in shares)
        )
    rich.print(shown)


def _draw(lines: list[dict], path: Path) -> None:
    from tfslim.plots import pruning_curve

    removed = [1 - line["filters"] / lines[0]["filters"] for line in lines]
    names = [name for name in lines[0] if name.startswith(("accuracy", "EER"))]
    pruning_curve(removed, {name: [line[name] for line in lines] for name in names}, path)
