"""Training of a network from a recipe.

The network is trained alone, or as the student of a trained teacher.
"""

from collections.abc import Callable
from pathlib import Path

import keras
import tensorflow as tf

from tfslim.distillation import Distiller
from tfslim.distillation.cached_batches import taught_batches
from tfslim.distillation.teacher_outputs import TeacherOutputs
from tfslim.training import teacher as teaching
from tfslim.training.epoch_lines import fit_verbosity
from tfslim.training.provenance import written_with_data
from tfslim.training.recipe import Distillation, Recipe, Stage
from tfslim.training.run_folder import check_folder, check_same, open_data, working
from tfslim.training.tasks import make_task
from tfslim.training.trainer import Training, fit_training, prepare_training

__all__ = ["distill_network", "train_network"]


def train_network(
    recipe: Recipe, out: str, resume: bool = False, check_images: bool = False, dry_run: bool = False
) -> None:
    """Train a network and write its run folder.

    Args:
        recipe: what to train, on what, and how.
        out: the run folder to write.
        resume: continue the run in `out` from its last whole epoch.
        check_images: decode every image before training.
        dry_run: check everything, print what would be trained, and stop.

    Raises:
        ValueError: the recipe and the data do not fit, or `out` holds another run.

    Example:
        >>> recipe = Recipe(data="faces", model=Network("SlimNet"), stages=[Stage(10, (109, 89))])
        >>> train_network(recipe, "runs/slimnet")
    """
    folder = Path(out)
    if resume or not dry_run:
        check_folder(folder, resume)
    if resume:
        check_same(folder, recipe.written())
    celeba = open_data(recipe, check_images)
    training = prepare_training(recipe, celeba)
    print(training.summary())
    if dry_run:
        return
    with working(folder, written_with_data(recipe, celeba), resume):
        fit_training(training, folder, resume, fit_verbosity())


def distill_network(
    recipe: Recipe,
    teacher: str,
    out: str,
    distillation: Distillation = Distillation(),
    teacher_outputs: str | None = None,
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Train a student of a teacher and write its folder.

    It learns from labels and the teacher's outputs.

    Args:
        recipe: what to train, on what, and how.
        teacher: the trained teacher: a run folder or a `.keras` file.
        out: the run folder to write.
        distillation: what the student copies.
        teacher_outputs: folder for the outputs kept with `distillation.views`; `teacher-outputs` in `out` by default.
        resume: continue the run in `out` from its last whole epoch.
        check_images: decode every image before training.
        dry_run: check everything, print what would be trained, and stop.

    Raises:
        ValueError: recipe, teacher and data do not fit, or `out` holds another run.

    Example:
        >>> recipe = Recipe(data="faces", model=Network("SlimNet"), stages=[Stage(10, (109, 89))])
        >>> distill_network(recipe, "runs/mobilenet", "runs/slimnet-taught")
    """
    if teacher_outputs and not distillation.views:
        raise ValueError(
            "teacher_outputs is a folder for kept outputs, and distillation.views is 0: set it to 1 or more"
        )
    folder = Path(out)
    if resume or not dry_run:
        check_folder(folder, resume)
    celeba = open_data(recipe, check_images)
    targets = make_task(recipe, celeba).targets
    setup = teaching.taught_by(teacher, recipe, celeba, distillation)
    written = written_with_data(recipe, celeba) | setup.written
    if resume:
        check_same(folder, written)
    training = prepare_training(recipe, celeba, _distiller(setup, recipe, distillation))
    print(training.summary())
    print(setup.summary)
    if dry_run:
        return
    with working(folder, written, resume):
        batches = None
        if distillation.views:
            kept_folder = Path(teacher_outputs) if teacher_outputs else folder / "teacher-outputs"
            kept = teaching.keep_outputs(kept_folder, setup.teacher, distillation, recipe, celeba, targets)
            batches = _kept_batches(training, kept)
        fit_training(training, folder, resume, fit_verbosity(), batches, step="distill")


def _distiller(
    setup: teaching.TeacherSetup, recipe: Recipe, distillation: Distillation
) -> Callable[[keras.Model], keras.Model]:
    """Return a function that wraps a student for `fit`."""
    if not distillation.views:
        return setup

    def make(student: keras.Model) -> keras.Model:
        shapes = teaching.kept_shapes(setup.teacher, distillation, recipe)
        return Distiller(student, None, setup.losses, setup.labels, shapes)

    return make


def _kept_batches(training: Training, kept: TeacherOutputs) -> Callable[[Stage, range], tf.data.Dataset]:
    """Return a function that batches images with teacher outputs.

    It takes a stage and its epochs.
    """

    def batches(stage: Stage, epochs: range) -> tf.data.Dataset:
        return taught_batches(lambda views: training.batches(stage, views), kept, epochs)

    return batches
