"""`tfslim distill`: training of a student with a teacher.

The student learns from labels and the teacher's outputs.
"""

from functools import partial

from tfslim.cli import app
from tfslim.training.recipe import Distillation, Recipe

DESCRIPTION = """\
Trains a student network on labels and on the outputs of a larger, trained teacher for the same images. Writes a run
folder as `tfslim train` does; the student in it is a plain model that can be used without its teacher.

examples:
  tfslim distill --config flame-identity-64 --data celeba --teacher runs/teacher --out runs/student
  tfslim distill --config flame-identity-64 --data celeba --teacher runs/teacher --out runs/student --resume
  tfslim distill --config slimnet-attributes-small --data celeba --teacher runs/mobilenet \\
      --distillation.temperature 2 --out runs/slimnet-taught
  tfslim distill --config flame-identity-64 --data celeba --teacher runs/teacher \\
      --distillation.views 10 --teacher-outputs runs/teacher-outputs --out runs/student
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
    """Train a student.

    Args:
        recipe: what to train, on what, and how.
        teacher: the trained teacher: a run folder or a .keras file.
        distillation: what the student copies.
        teacher_outputs: folder for the outputs kept with distillation.views, which several students may share;
            teacher-outputs in the run folder by default.
        out: the run folder to write.
        resume: see `app.RUN_FLAGS`.
        check_images: see `app.RUN_FLAGS`.
        dry_run: see `app.RUN_FLAGS`.
    """
    from tfslim.workflows.network_training import distill_network

    distill_network(recipe, teacher, out, distillation, teacher_outputs, resume, check_images, dry_run)


run = partial(app.run, main, DESCRIPTION, flags=app.RUN_FLAGS, recipe="recipe")
