"""Evaluates models: attributes, whose face it is, or whether two faces are of one person."""

from pathlib import Path
from typing import Literal

from tfslim.cli import app
from tfslim.workflows.evaluation.results import display_names

DESCRIPTION = """\
Evaluates models. Prints tables and writes them as JSON and CSV, with charts; several models are compared.

attributes: accuracy, balanced accuracy, F1, positive rate and majority floor by attribute, on a part of CelebA.
identity: top-1, top-5 and balanced accuracy of a classifier of people, beside the majority floor, on a part of CelebA.
verification: whether two images show one person, by a model's embeddings: EER, TAR at FAR 10 %, 1 % and 0.1 % or
others, AUC, 10-fold accuracy, DET and ROC curves. The pairs are drawn from people held out of training (by
people.json), within a part of CelebA or across two, or from a folder with a sub-folder of images for each person; or
they are listed in a file like LFW's.

Examples:
  python training/evaluate.py runs/slimnet --data celeba
  python training/evaluate.py runs/slimnet/model.keras face-int8.tflite --data celeba --out comparison
  python training/evaluate.py runs/slimnet --data celeba --thresholds balanced --save_thresholds
  python training/evaluate.py runs/vgg11 runs/flame --data celeba
  python training/evaluate.py runs/vgg11 runs/flame --task verification --data celeba --template 5
  python training/evaluate.py runs/flame --task verification --data celeba --part test --against validation
  python training/evaluate.py runs/flame --task verification --pairs pairs.txt --data lfw --fars '[0.01, 0.001]'
"""


def main(
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
    """Evaluates models.

    Args:
        models: run folders, .keras, .tflite or .tfslim files.
        data: folder with CelebA's label files and images, or, to verify, with a sub-folder of images for each person
        task: what the models do; auto is identity for models with a people.json beside them, else attributes
        split: how the images are parted: by CelebA's file, 7:2:1 in file order, or 7:2:1 at random; auto is as in the
            training by the people.json or recipe.yaml beside the models, else official
        seed: of the random split where auto finds none, and of drawn pairs and folds
        part: the part to evaluate on; auto is test, but to verify, the people held out of training if there are any
        thresholds: logits above which an attribute is there: those of the model's labels.json, 0 for all, or chosen on
            the validation part for the best balanced accuracy, or for the best accuracy
        save_thresholds: write the chosen thresholds into the labels.json beside each model.
        pairs: a file of pairs in the form of LFW's pairs.txt, in place of drawn ones
        against: to verify, another part, whose images those of `part` are compared with, in place of one another
        template: to verify, so many images of a person taken as one on each side of a pair: each embedding is scaled
            to unit length, their mean is taken and scaled to unit length; for chi_squared it is the plain mean
        distance: to verify, how embeddings are compared; chi_squared takes embeddings that are never negative
        fars: to verify, the FARs in 0..1 to give the TAR at; by default 0.1, 0.01 and 0.001
        out: folder for the results; by default evaluation-PART or verification-... beside each model
        batch_size: images a model takes at once
        on_error: whether a wrong label row or an image that can't be decoded stops the evaluation or is left out
    """
    from tfslim.inference.model_files import model_file

    files = [model_file(model) for model in models]
    names = display_names(models, files)
    if batch_size < 1:
        raise ValueError(f"--batch_size must be 1 or more, found {batch_size}")
    if out and Path(out).exists() and not Path(out).is_dir():
        raise ValueError(f"--out {out}: there is a file of this name; give a folder")
    task = _kind(files) if task == "auto" else task
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
        raise ValueError(f"--fars {fars}: give one or more shares in 0..1, such as '[0.01, 0.001]'")

    if part == "auto" and task != "verification":
        part = "test"
    where = {"names": names, "files": files, "data": data}
    if task != "verification":  # whose pairs need not be of a part
        from tfslim.training.provenance import split_asked_for

        where["split"], where["why"] = split_asked_for(split, seed, files)
    how = {"out": out, "batch_size": batch_size, "on_error": on_error}
    if task == "attributes":
        from tfslim.workflows.evaluation.attributes import check_thresholds, evaluate_attributes

        check_thresholds(files, part, thresholds, save_thresholds)
        evaluate_attributes(**where, part=part, thresholds=thresholds, save_thresholds=save_thresholds, **how)
    elif task == "identity":
        from tfslim.workflows.evaluation.identity import evaluate_identity

        evaluate_identity(**where, part=part, **how)
    else:
        from tfslim.workflows.evaluation.verification import evaluate_verification

        drawing = {"split": split, "part": part, "seed": seed, "pairs_file": pairs, "against": against}
        judging = {"template": template, "distance": distance, "fars": fars}
        evaluate_verification(**where, **drawing, **judging, **how)


def _kind(files: list[Path]) -> str:
    """What models do, by the file that lies beside them."""
    from tfslim.data.celeba.people import read_people

    people = [file for file in files if read_people(file)]
    if people and len(people) < len(files):
        other = next(file for file in files if file not in people)
        raise ValueError(
            f"{people[0]} has a people.json beside it and {other} has none: evaluate them apart, or say --task"
        )
    return "identity" if people else "attributes"


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(
        main,
        DESCRIPTION,
        positional={"models": "run folders (their model.keras), .keras, .tflite or .tfslim files"},
        flags={"save_thresholds": "write the chosen thresholds into the labels.json beside each model"},
    )
