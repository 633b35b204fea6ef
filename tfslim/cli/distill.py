"""Trains a student on labels and a teacher's answers; see `python training/distill.py --help`."""

import pathlib
import sys

from tfslim.cli import app
from tfslim.training import run_folder
from tfslim.training.recipe import Distillation, Recipe

DESCRIPTION = """\
Trains a student network on labels and on what a larger, trained teacher makes of the same images. Writes a run folder
as train.py does; the student in it is a plain model that knows nothing of its teacher.

examples:
  python training/distill.py --config training/recipes/flame-identity-64.yaml --data celeba --teacher runs/teacher \\
      --out runs/student
  python training/distill.py --config training/recipes/flame-identity-64.yaml --data celeba --teacher runs/teacher \\
      --out runs/student --resume
  python training/distill.py --config training/recipes/slimnet-attributes-small.yaml --data celeba \\
      --teacher runs/mobilenet --distillation.temperature 2 --out runs/slimnet-taught
  python training/distill.py --config training/recipes/flame-identity-64.yaml --data celeba --teacher runs/teacher \\
      --distillation.views 10 --teacher_outputs runs/teacher-outputs --out runs/student
"""


def main(
    recipe: Recipe,
    teacher: str,
    distillation: Distillation = Distillation(),
    teacher_outputs: str | None = None,
    out: str = "runs/latest",
    resume: bool = False,
    check_images: bool = False,
    dry_run: bool = False,
) -> None:
    """Trains a student.

    Args:
        recipe: what to train, on what, and how.
        teacher: the trained teacher: a run folder or a .keras file.
        distillation: what the student copies.
        teacher_outputs: folder for the outputs kept with distillation.views, which several students may share;
            teacher-outputs in the run folder by default.
        out: the run folder to write.
        resume: see `run_folder.FLAGS`.
        check_images: see `run_folder.FLAGS`.
        dry_run: see `run_folder.FLAGS`.
    """
    if teacher_outputs and not distillation.views:
        raise ValueError("teacher_outputs: is a folder for outputs that are kept, and distillation.views keeps none")
    folder = pathlib.Path(out)
    if resume or not dry_run:
        run_folder.check_folder(folder, resume)
    celeba = run_folder.open_data(recipe, check_images)

    from tfslim.distillation import Distiller
    from tfslim.training import provenance, tasks, trainer
    from tfslim.training import teacher as teaching

    targets = tasks.make_task(recipe, celeba).targets
    taught = teaching.taught_by(teacher, recipe, celeba, distillation)
    model, written = taught.teacher, provenance.written_with_data(recipe, celeba) | taught.written
    if resume:
        run_folder.check_same(folder, written)

    def teach(student):
        if not distillation.views:
            return taught(student)
        shapes = teaching.kept_shapes(model, distillation, recipe)
        return Distiller(student, None, taught.losses, taught.labels, shapes)

    training = trainer.prepare_training(recipe, celeba, teach)
    print(training.summary())
    print(taught.summary)
    if dry_run:
        return
    with run_folder.working(folder, written, resume):
        batches = None
        if distillation.views:
            from tfslim.distillation.cached_batches import taught_batches

            kept_folder = pathlib.Path(teacher_outputs) if teacher_outputs else folder / "teacher-outputs"
            kept = teaching.keep_outputs(kept_folder, model, distillation, recipe, celeba, targets)

            def batches(stage, epochs):
                return taught_batches(lambda views: training.batches(stage, views), kept, epochs)

        verbose = 1 if sys.stdout.isatty() else 2
        trainer.fit_training(training, folder, resume, verbose, batches, step="distill")


def run() -> None:
    """Run the program with the command line's arguments."""
    app.run(main, DESCRIPTION, flags=run_folder.FLAGS, recipe="recipe")
