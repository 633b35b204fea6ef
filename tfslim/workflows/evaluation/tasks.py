"""Evaluation of model files for one task.

The task is chosen, the arguments are checked, and the figures are printed and written.
"""

from pathlib import Path
from typing import Any, Literal

from tfslim.workflows.evaluation.results import display_names

__all__ = ["evaluate_models"]


def evaluate_models(
    models: list[str],
    data: str,
    task: Literal["auto", "attributes", "identity", "verification"] = "auto",
    split: Literal["auto", "official", "7:2:1", "random"] = "auto",
    seed: int = 0,
    part: Literal["auto", "train", "validation", "test", "held out"] = "auto",
    thresholds: Literal["labels", "zero", "balanced", "accuracy"] = "labels",
    save_thresholds: bool = False,
    pairs: str | None = None,
    against: Literal["train", "validation", "test"] | None = None,
    template: int = 1,
    distance: Literal["cosine", "chi_squared"] = "cosine",
    fars: list[float] | None = None,
    out: str | None = None,
    batch_size: int = 64,
    on_error: Literal["raise", "skip"] = "raise",
) -> None:
    """Evaluate models and write their tables.

    The tables are printed, and written as JSON and CSV with charts.

    Args:
        models: run folders, `.keras`, `.tflite` or `.tfslim` files
        data: folder with CelebA's label files and images, or, to verify, with a sub-folder of images for each person
        task: the models' task; auto is identity for models with a people.json beside them, else attributes
        split: how the images are split: by CelebA's file, 7:2:1 in file order, or 7:2:1 at random; auto is as in the
            training by the people.json or recipe.yaml beside the models, else official
        seed: seed of the random split if auto finds none, and of drawn pairs and folds
        part: the part to evaluate on; auto is test, but to verify, the people held out of training if there are any
        thresholds: logits above which an attribute is present: those of the model's labels.json, 0 for all, or chosen
            on the validation part for the best balanced accuracy, or for the best accuracy
        save_thresholds: whether to write the chosen thresholds into the labels.json beside each model
        pairs: a file of pairs in the form of LFW's pairs.txt, in place of drawn ones
        against: to verify, another part, whose images those of `part` are compared with, in place of one another
        template: to verify, number of images of a person taken as one on each side of a pair: each embedding is scaled
            to unit length, their mean is taken and scaled to unit length; for chi_squared it is the plain mean
        distance: to verify, how embeddings are compared; chi_squared takes embeddings that are never negative
        fars: to verify, the FARs in 0..1 to compute the TAR at; by default 0.1, 0.01 and 0.001
        out: folder for the results; by default evaluation-PART or verification-... beside each model
        batch_size: images that a model takes at once
        on_error: whether a wrong label row or an image that can't be decoded stops the evaluation or is left out

    Raises:
        ValueError: options do not fit one another or the task, or a file is damaged.

    Example:
        >>> evaluate_models(["runs/slimnet"], "celeba")
    """
    from tfslim.inference.model_files import model_file

    files = [model_file(model) for model in models]
    names = display_names(models, files)
    if batch_size < 1:
        raise ValueError(f"--batch_size must be 1 or more, found {batch_size}")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out {out}: there is a file of this name; give a folder")
    task = _find_task(files) if task == "auto" else task
    for option, given, meant_for in (
        ("thresholds", thresholds != "labels", "attributes"),
        ("save_thresholds", save_thresholds, "attributes"),
        ("pairs", pairs is not None, "verification"),
        ("against", against is not None, "verification"),
        ("template", template != 1, "verification"),
        ("distance", distance != "cosine", "verification"),
        ("fars", fars is not None, "verification"),
        ("part 'held out'", part == "held out", "verification"),
    ):
        if given and task != meant_for:
            raise ValueError(f"--{option} is for --task {meant_for}; the task is {task}")
    if pairs and (template != 1 or part != "auto" or against or split != "auto"):
        raise ValueError(
            "--pairs lists its own pairs of single images: give no --template, --part, --against or --split"
        )
    if against and part in ("auto", "held out", against):
        raise ValueError(f"--against {against}: give --part another part, whose images are compared with these")
    if fars is not None and not (fars and all(0 <= far <= 1 for far in fars)):
        raise ValueError(f"--fars {fars}: give one or more shares in 0..1, such as 0.01,0.001")

    if part == "auto" and task != "verification":
        part = "test"
    where: dict[str, Any] = {"names": names, "files": files, "data": data}
    if task != "verification":  # whose pairs need not be of a part
        from tfslim.training.provenance import split_asked_for

        where["split"], where["why"] = split_asked_for(split, seed, files)
    how: dict[str, Any] = {"out": out, "batch_size": batch_size, "on_error": on_error}
    if task == "attributes":
        from tfslim.workflows.evaluation.attributes import check_thresholds, evaluate_attributes

        check_thresholds(files, part, thresholds, save_thresholds)
        evaluate_attributes(**where, part=part, thresholds=thresholds, save_thresholds=save_thresholds, **how)
    elif task == "identity":
        from tfslim.workflows.evaluation.identity import evaluate_identity

        evaluate_identity(**where, part=part, **how)
    else:
        from tfslim.workflows.evaluation.verification import evaluate_verification

        drawing: dict[str, Any] = {"split": split, "part": part, "seed": seed, "pairs_file": pairs, "against": against}
        judging: dict[str, Any] = {"template": template, "distance": distance, "fars": fars}
        evaluate_verification(**where, **drawing, **judging, **how)


def _find_task(files: list[Path]) -> str:
    """Return the task of models, by the files beside them."""
    from tfslim.data.celeba.people import read_people

    people = [file for file in files if read_people(file)]
    if people and len(people) < len(files):
        other = next(file for file in files if file not in people)
        raise ValueError(
            f"{people[0]} has a people.json beside it and {other} has none: evaluate them apart, or give --task"
        )
    return "identity" if people else "attributes"
