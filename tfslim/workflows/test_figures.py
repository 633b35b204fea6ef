"""Figures of a model on the test part.

They are for the tables of `tfslim prune` and `tfslim quantize`.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfslim.data.celeba.dataset import CelebA
from tfslim.training.recipe import Recipe

if TYPE_CHECKING:
    from tfslim.data.celeba.records import Records
    from tfslim.data.verification.pairs import Pairs
    from tfslim.inference.embedder import Embedder
    from tfslim.inference.identifier import Identifier

BATCH = 64  # images at once
TEMPLATE = 5  # images, in SqueezerFaceNet's paper
Judge = Callable[[Path], dict[str, float | None]]


def judge_of(recipe: Recipe) -> Judge:
    """Return a function that measures a model file.

    It measures on the recipe's data, by the recipe's task.

    Args:
        recipe: the recipe.

    Returns:
        A function whose result maps names of figures to shares in 0..1, or None where the data are too few.
    """
    celeba = CelebA(recipe.data, split=recipe.split, seed=recipe.split_seed, on_error=recipe.on_error)
    if recipe.task != "identity":
        return lambda file: _attributes(file, celeba)
    everyone = CelebA(celeba.folder, split="7:2:1", on_error=celeba.on_error) if recipe.hold_out else None
    return lambda file: _identity(file, celeba, everyone)


def _identity(file: Path, celeba: CelebA, everyone: CelebA | None) -> dict[str, float | None]:
    """Measure identification, and verification on held-out people.

    Identification is measured on the test part, verification only for `.keras` files and on people held out of
    training. If these have too few images for templates, the figures of templates are left out.
    """
    from tfslim.inference.identifier import identify

    identifier, embedder = _open_model(file)
    records = identifier.people.known(celeba.part("test"), "test", file)
    table, _ = identify(identifier, celeba.source, records, on_error=celeba.on_error)
    figures: dict[str, float | None] = {
        "accuracy": table.top_1,
        "balanced accuracy": table.balanced_accuracy,
        "majority": table.majority,
    }
    if everyone is None or embedder is None:
        return figures
    return figures | _verify_held_out(embedder, everyone, identifier.people.held_out)


def _open_model(file: Path) -> tuple["Identifier", "Embedder | None"]:
    """Load a model to identify people and embed faces.

    The file is read once. A `.tflite` file can't be cut at its embedding.
    """
    from tfslim.data.celeba.people import read_people
    from tfslim.inference.embedder import Embedder, cut_at_embedding
    from tfslim.inference.identifier import Identifier, load_identifier
    from tfslim.inference.model_files import keras_outputs, load_keras_file

    if file.suffix == ".tflite":
        return load_identifier(file), None
    model = load_keras_file(file)
    people, size = read_people(file, model.outputs[0].shape[-1]), tuple(model.inputs[0].shape[1:3])
    assert people is not None  # as training wrote it beside the model
    features = cut_at_embedding(model)
    length = features.outputs[0].shape[-1]
    identifier = Identifier(file, size, people, keras_outputs(model, BATCH))
    return identifier, Embedder(file, size, people.crop, length, keras_outputs(features, BATCH))


def _verify_held_out(embedder: "Embedder", everyone: CelebA, held_out: tuple[int, ...]) -> dict[str, float | None]:
    from tfslim.inference.embedder import embed_files
    from tfslim.inference.pair_scoring import pair_scores
    from tfslim.metrics.verification import verification_table
    from tfslim.workflows.evaluation.verification import held_out_records

    records = held_out_records(everyone, held_out)
    figures: dict[str, float | None] = {}
    embedded = embed_files(embedder, everyone.source, records.files.tolist(), on_error=everyone.on_error)
    for size in (1, TEMPLATE):
        judged = _pairs(records, size, embedded.skipped)
        if judged is None:
            continue
        scores = pair_scores(embedded, judged)
        verified = verification_table(scores, judged.genuine)
        name = "single images" if size == 1 else f"templates of {size}"
        figures[f"EER {name}"] = verified.eer
        tar = verified.tar[1]
        figures[f"TAR@FAR {tar.far:g} {name}"] = tar.tar if tar.resolved else None
    return figures


def _pairs(records: "Records", template: int, skipped: Collection[str]) -> "Pairs | None":
    """Return all pairs of templates, or None.

    None is returned if the images are too few for genuine and impostor pairs.
    """
    from tfslim.data.verification.pairs import pairs

    assert records.identities is not None  # as people are held out
    templates = np.unique(records.identities, return_counts=True)[1] // template
    if templates.max() < 2 or np.count_nonzero(templates) < 2:
        return None
    judged = pairs(records, template=template, seed=0).without(skipped)
    return judged if judged.genuine.any() and not judged.genuine.all() else None


def _attributes(file: Path, celeba: CelebA) -> dict[str, float | None]:
    """Measure the means over attributes on the test part.

    They are accuracy, balanced accuracy and the majority floor.
    """
    from tfslim.inference.predictor import load_predictor, predict_part
    from tfslim.metrics.attributes import attribute_table

    answers = predict_part(load_predictor(file), celeba, "test")
    means = attribute_table(answers.labels, answers.logits, answers.names).means()
    return {
        "accuracy": means["accuracy"],
        "balanced accuracy": means["balanced_accuracy"],
        "majority": means["majority"],
    }
