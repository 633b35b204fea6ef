"""Teacher of a distillation.

It has the model, the losses on its outputs, and outputs kept for many epochs.
"""

import dataclasses
import zlib
from pathlib import Path

import keras

import tfslim
from tfslim._support.terminal import progress_bar
from tfslim.data.celeba.dataset import CelebA
from tfslim.distillation import (
    BernoulliTargets,
    DistillationLoss,
    Distiller,
    FeatureDistance,
    FrozenTeacher,
    SoftTargets,
    TeacherOutputs,
    fingerprint,
    teacher_layers,
    write_teacher_outputs,
)
from tfslim.distillation.layer_outputs import check_logits
from tfslim.graph.cloning import clone_model
from tfslim.inference.model_files import load_keras_file, model_file
from tfslim.training.provenance import check_same_data
from tfslim.training.recipe import Distillation, Head, Recipe, as_plain
from tfslim.training.run_folder import read_recipe, recipe_of, with_defaults
from tfslim.training.trainer import naming_broken_images, stage_batches, steps_per_epoch


def load_teacher(path: str, recipe: Recipe, celeba: CelebA) -> keras.Model:
    """Load a teacher in the training's precision.

    Its outputs are checked to mean the same as the student's.
    """
    return clone_model(open_trained(path, recipe, celeba), dtype=recipe.precision, batch_size=None)


def open_trained(path: str, recipe: Recipe, celeba: CelebA) -> keras.Model:
    """Load a trained model and check it against the recipe.

    Its outputs and its data must be the recipe's.

    Raises:
        ValueError: they are not, or the file is not a `.keras` file.
    """
    file = model_file(path)
    if file.suffix != ".keras":
        raise ValueError(f"{file}: expected a .keras file or a run folder with one")
    model = load_keras_file(file)
    check_same_data(file, recipe, celeba, model.outputs[0].shape[-1])
    return model


def open_to_train_on(trained: str, recipe: Recipe, celeba: CelebA) -> tuple[Path, keras.Model]:
    """Load a trained network to train on with the recipe.

    The recipe's stages and head are checked to fit it.

    Returns:
        Its file, and the network.

    Raises:
        ValueError: they do not fit, saying what to change.
    """
    celeba.part("test")  # for the table at the end; an empty part raises here, before any training
    file = model_file(trained)
    model = open_trained(trained, recipe, celeba)
    ours = {name.lower(): name for name in tfslim.models.list_models()}
    network = ours.get(model.name.split("_")[0])  # a name such as vgg11_flame; other names are of people's own networks
    if network and network != recipe.model.name:
        raise ValueError(
            f"model.name={recipe.model.name}: {file} holds {network}; set model.name to that, or give another file"
        )
    size = tuple(model.inputs[0].shape[1:3])
    if any(tuple(stage.size) != size for stage in recipe.stages):
        raise ValueError(f"stages: {file} takes images of {size[0]}x{size[1]}: give every stage that size")
    _check_head(file, recipe.head)
    return file, model


def _check_head(file: Path, head: Head) -> None:
    """Check that the recipe's head is the network's.

    The loss depends on the head; only margins may differ.
    """
    written = recipe_of(file)
    theirs = with_defaults(Recipe, read_recipe(written))["head"] if written else dataclasses.asdict(head)
    for option in ("kind", "scale", "learned_scale"):
        if theirs[option] != getattr(head, option):
            raise ValueError(
                f"head.{option}={getattr(head, option)}: {file} was trained with {theirs[option]} by {written}; set "
                "the recipe's head to that"
            )


@dataclasses.dataclass(frozen=True)
class TeacherSetup:
    """Wrapper of a student in a Distiller, for training.

    Without a teacher it returns the student itself.

    Args:
        teacher: the teacher, or None.
        losses: the losses on its outputs.
        labels: weight of the loss on the labels beside these.
        written: entries for the run folder's recipe.yaml.
    """

    teacher: keras.Model | None = None
    losses: tuple[DistillationLoss, ...] = ()
    labels: float = 1.0
    written: dict = dataclasses.field(default_factory=dict)

    @property
    def summary(self) -> str:
        if self.teacher is None:
            return "no teacher"
        return f"taught by {self.teacher.name} of {self.teacher.count_params():,} parameters"

    def __call__(self, student: keras.Model) -> keras.Model:
        return student if self.teacher is None else Distiller(student, self.teacher, self.losses, self.labels)


def teach_with(teacher: str | None, recipe: Recipe, celeba: CelebA, distillation: Distillation) -> TeacherSetup:
    """Set up a teacher that runs with every step.

    Without a path there is none.
    """
    if teacher is None:
        return TeacherSetup()
    if distillation.views:
        raise ValueError("distillation.views: only `tfslim distill` keeps a teacher's outputs: set it to 0")
    return taught_by(teacher, recipe, celeba, distillation)


def taught_by(teacher: str, recipe: Recipe, celeba: CelebA, distillation: Distillation) -> TeacherSetup:
    """Set up a teacher."""
    model = load_teacher(teacher, recipe, celeba)
    written = {
        "teacher": teacher,
        "teacher_weights": fingerprint(model),
        "distillation": as_plain(dataclasses.asdict(distillation)),
    }
    return TeacherSetup(model, tuple(losses(distillation, recipe.task)), distillation.labels, written)


def losses(asked: Distillation, task: str) -> list[DistillationLoss]:
    """Build the distillation losses that a recipe asks for."""
    chosen: list[DistillationLoss] = []
    if asked.answers:
        kind = SoftTargets if task == "identity" else BernoulliTargets
        chosen.append(kind(temperature=asked.temperature, weight=asked.answers))
    if asked.features:
        chosen.append(FeatureDistance(asked.student_layer, asked.teacher_layer, asked.distance, weight=asked.features))
    return chosen


def kept_shapes(teacher: keras.Model, asked: Distillation, recipe: Recipe) -> dict[str, tuple[int | None, ...]]:
    """Return the shapes of the outputs that `keep_outputs` will keep.

    Raises:
        ValueError: the recipe can't use kept outputs.
    """
    if len(recipe.stages) > 1:
        raise ValueError("distillation.views: outputs are kept for one image size; give one stage, or set views to 0")
    if recipe.on_error == "skip":
        raise ValueError("distillation.views needs every image: set on_error to raise, or views to 0")
    chosen = losses(asked, recipe.task)
    check_logits(teacher, "teacher", chosen)  # a Distiller that has shapes alone can't check them
    return FrozenTeacher(teacher, teacher_layers(chosen)).shapes


def keep_outputs(
    folder: Path, teacher: keras.Model, asked: Distillation, recipe: Recipe, celeba: CelebA, targets: str
) -> TeacherOutputs:
    """Keep a teacher's outputs of the recipe's first epochs.

    Outputs that exist are opened, or continued if they are unfinished.
    """
    stage, records = recipe.stages[0], celeba.part("train")
    with naming_broken_images(celeba):
        first = next(iter(stage_batches(recipe, celeba, targets, stage, range(1))))[0]
    stream = {
        "images": len(records),
        "files": zlib.crc32("\n".join(records.files.tolist()).encode()),
        # Tell other pictures of the same names by their sizes, and other decoding or resizing by the first batch.
        "file_sizes": zlib.crc32(celeba.source.sizes(records.files.tolist()).astype("<i8").tobytes()),
        "first_batch": zlib.crc32(first.numpy().tobytes()),
        "precision": recipe.precision,
        "size": list(stage.size),
        "crop": None if recipe.crop is None else list(recipe.crop),
        "augmentation": dataclasses.asdict(recipe.augmentation),
        "seed": recipe.seed,
    }
    chosen = losses(asked, recipe.task)
    with naming_broken_images(celeba), progress_bar("teacher's outputs") as move:
        return write_teacher_outputs(
            folder,
            teacher,
            teacher_layers(chosen),
            lambda epoch: stage_batches(recipe, celeba, targets, stage, range(epoch, epoch + 1)),
            stream=stream,
            steps=steps_per_epoch(recipe, celeba),
            batch_size=recipe.optimization.batch_size,
            views=min(asked.views, stage.epochs),
            dtype=asked.kept_dtype,
            losses=chosen,
            progress=move,
        )
