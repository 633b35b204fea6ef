"""How well a model does on images that were not trained on, for the tables of prune.py and quantize.py."""

from collections.abc import Callable
from pathlib import Path

from recipe import Recipe

from tfslim.data.celeba import CelebA

TEMPLATE = 5  # images, in SqueezerFaceNet's paper
Judge = Callable[[Path], dict[str, float | None]]


def judge_of(recipe: Recipe) -> Judge:
    """What gives a model file's figures on the recipe's data, for its task."""
    celeba = CelebA(recipe.data, split=recipe.split, seed=recipe.split_seed, on_error=recipe.on_error)
    figures = _identity if recipe.task == "identity" else _attributes
    return lambda model: figures(model, celeba)


def _identity(model: Path, celeba: CelebA) -> dict[str, float | None]:
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


def _attributes(model: Path, celeba: CelebA) -> dict[str, float | None]:
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
