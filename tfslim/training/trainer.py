"""Training of a network from a recipe.

It has the model, its training copy, the data of each stage, and the loop over them.
"""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator

import keras
import tensorflow as tf

import tfslim
from tfslim._support.text import pluralize
from tfslim.data.celeba.dataset import CelebA
from tfslim.data.images import ImageError
from tfslim.data.pipeline import evaluation_batches, training_batches
from tfslim.graph.cloning import clone_model
from tfslim.layers.l2_normalization import learned_scales
from tfslim.layers.unit_norm import SteadyUnitNormalization
from tfslim.report import Report
from tfslim.training.checkpoint import Checkpoint
from tfslim.training.epoch_lines import epoch_reporting
from tfslim.training.optimizers import make_optimizer
from tfslim.training.recipe import Recipe, Stage
from tfslim.training.tasks import Task, make_task

STATISTICS_BATCHES = 30  # of 100 images
STRATEGIES = {"mirrored": "MirroredStrategy", "multi_worker_mirrored": "MultiWorkerMirroredStrategy"}


@dataclasses.dataclass(frozen=True)
class Training:
    """Model, data and settings of a run.

    All is built and checked before the first step.

    Args:
        recipe: the recipe.
        celeba: its data.
        task: its task.
        plain: the float32 model that is validated and saved.
        copy: the model that is trained in its place.
        fitted: the model whose `fit` is called: the copy, or a Distiller that holds it.
    """

    recipe: Recipe
    celeba: CelebA
    task: Task
    plain: keras.Model
    copy: keras.Model
    fitted: keras.Model

    @property
    def steps(self) -> int:
        return steps_per_epoch(self.recipe, self.celeba)

    def summary(self) -> str:
        """Return lines about the model, its cost and its data.

        The lines also have the number of epochs.
        """
        cost = tfslim.measure(self.plain)
        counts = ", ".join(f"{len(self.celeba.part(part)):,} {part}" for part in ("train", "validation"))
        stages = ", ".join(f"{s.epochs} at {s.size[0]}x{s.size[1]}" for s in self.recipe.stages)
        return (
            f"{self.plain.name}: {cost.trainable_params:,} trainable parameters, {cost.macs / 1e6:.2f}M MACs\n"
            f"{counts} images; {self.task.summary}; {len(self.celeba.skipped)} skipped\n"
            f"{pluralize(self.recipe.epochs, 'epoch')} ({stages}) of {pluralize(self.steps, 'step')} "
            f"of {pluralize(self.recipe.optimization.batch_size, 'image')}"
        )

    def batches(self, stage: Stage, epochs: range) -> tf.data.Dataset:
        """Return the training batches of some epochs of a stage."""
        return stage_batches(self.recipe, self.celeba, self.task.targets, stage, epochs)

    def still_batches(self, part: str) -> tf.data.Dataset:
        """Return batches of a part's images without augmentation.

        The images have the model's size.
        """
        return still_batches(self.recipe, self.celeba, self.task.targets, part)


def steps_per_epoch(recipe: Recipe, celeba: CelebA) -> int:
    """Return the number of whole batches in the training part."""
    return len(celeba.part("train")) // recipe.optimization.batch_size


def still_batches(recipe: Recipe, celeba: CelebA, targets: str, part: str) -> tf.data.Dataset:
    """Return batches of a part's images without augmentation.

    A batch has 100 images, at the size of the last stage.
    """
    size = recipe.stages[-1].size
    cache = part == "validation" and _cached(recipe, celeba, part, size)
    batches = evaluation_batches(celeba, part, size, 100, targets=targets, cache=cache)
    # A stream that may skip images has no known length, of which Keras warns; by now all images are checked.
    return batches.apply(tf.data.experimental.assert_cardinality(-(-len(celeba.part(part)) // 100)))


def stage_batches(recipe: Recipe, celeba: CelebA, targets: str, stage: Stage, epochs: range) -> tf.data.Dataset:
    """Return the training batches of some epochs of a stage."""
    return training_batches(
        celeba,
        stage.size,
        recipe.optimization.batch_size,
        targets=targets,
        augmentation=recipe.augmentation,
        seed=recipe.seed,
        epochs=epochs,
        cache=_cached(recipe, celeba, "train", stage.size),
    )


def _cached(recipe: Recipe, celeba: CelebA, part: str, size: tuple[int, int]) -> bool:
    return len(celeba.part(part)) * size[0] * size[1] * 3 <= recipe.cache_gigabytes * 1e9


def prepare_training(
    recipe: Recipe,
    celeba: CelebA,
    teach: Callable[[keras.Model], keras.Model] = lambda student: student,
    plain: keras.Model | None = None,
    around: Callable[[keras.optimizers.Optimizer, keras.Model], keras.optimizers.Optimizer] | None = None,
) -> Training:
    """Build and compile the model and its training copy.

    The model is the plain one, the copy the one that is trained.

    Args:
        recipe: the recipe.
        celeba: its data.
        teach: wraps the copy in the model whose `fit` is called, such as a Distiller.
        plain: the model to train; a new one of the recipe's network by default.
        around: wraps the optimizer in another one, for the copy that is trained.

    Raises:
        ValueError: recipe, data and model do not fit.
    """
    stages, optimization = recipe.stages, recipe.optimization
    check_amounts(recipe, celeba)
    task = make_task(recipe, celeba)
    keras.utils.set_random_seed(recipe.seed)
    strategy = recipe.strategy
    with getattr(tf.distribute, STRATEGIES[strategy])().scope() if strategy != "none" else contextlib.nullcontext():
        plain = plain or task.build(stages[-1].size)
        sizes = {(stage.size[0], stage.size[1]) for stage in stages}
        for size in sizes - {tuple(stages[-1].size)}:
            _check_fits(plain, size)
        copy = clone_model(
            plain,
            dtype=recipe.precision,
            batch_size=None,
            input_shape=(None, None, 3) if len(sizes) > 1 else None,
            replace=_training_layers(strategy),
        )
        training = Training(recipe, celeba, task, plain, copy, teach(copy))
        scales = learned_scales(copy)
        optimizer = make_optimizer(
            optimization,
            training.steps,
            recipe.epochs,
            recipe.precision,
            spared=scales,
            around=lambda inner: around(inner, copy) if around else inner,
        )
        training.fitted.compile(optimizer, task.loss(), metrics=[task.metric()])
        plain.compile(loss=task.loss(), metrics=[task.metric()])
        optimizer.build(training.fitted.trainable_variables)
    return training


def check_amounts(recipe: Recipe, celeba: CelebA) -> None:
    """Check that the data have enough images.

    There must be a batch to train on, and some to validate on.

    Raises:
        ValueError: there are too few.
    """
    images, batch = len(celeba.part("train")), recipe.optimization.batch_size
    if batch > images:
        raise ValueError(f"batch_size={batch} is more than the {images} training images; give a smaller one")
    celeba.part("validation")  # raises if it is empty


def fit_training(
    training: Training,
    folder: pathlib.Path,
    resume: bool,
    verbose: int,
    batches: Callable[[Stage, range], tf.data.Dataset] | None = None,
    step: str = "train",
    finish: Callable[[], dict[str, object]] = dict,
) -> None:
    """Run or resume a training and write its run folder.

    report.json is written last.

    Args:
        training: as `prepare_training` returned it.
        folder: the run folder.
        resume: whether to continue from the state in `folder`, if it has one.
        verbose: as for Keras' `fit`; 2 prints a line an epoch.
        batches: stage and epochs -> their batches; `training.batches` by default.
        step: the name of the step in the report.
        finish: called with the trained model.keras in place; returns further figures for the report.

    Raises:
        ImageError: an image can't be decoded.
    """
    recipe, task = training.recipe, training.task
    task.name_outputs(folder, resume)
    checkpoint = Checkpoint(
        folder,
        training.plain,
        training.still_batches("validation"),
        "accuracy",
        recipe.validate_every,
        recipe.epochs,
        trained=training.copy,
    )
    checkpoint.set_model(training.fitted)
    done = checkpoint.restore() if resume and (folder / "state.npz").is_file() else 0
    board = keras.callbacks.TensorBoard(folder / "tensorboard")
    verbose, lines = epoch_reporting(verbose, recipe.epochs, training.steps)
    first = 0
    for stage in recipe.stages:
        epochs = range(max(first, done), first + stage.epochs)
        first += stage.epochs
        if not len(epochs):
            continue
        with naming_broken_images(training.celeba):
            training.fitted.fit(
                (batches or training.batches)(stage, epochs),
                steps_per_epoch=training.steps,
                initial_epoch=epochs.start,
                epochs=epochs.stop,
                callbacks=[checkpoint, board, *lines],
                shuffle=False,  # the stream is shuffled already
                verbose=verbose,
            )
    with naming_broken_images(training.celeba):  # an epoch leaves out what does not fill a batch
        accuracy = checkpoint.finish_with(training.still_batches("train").take(STATISTICS_BATCHES))
    measured = {"with batch statistics measured at the end": round(accuracy, 5)} | finish()
    _report(training, checkpoint, folder, step, measured)


@contextlib.contextmanager
def naming_broken_images(celeba: CelebA) -> Iterator[None]:
    """Raise an `ImageError` that names a broken image.

    It replaces TensorFlow's error.
    """
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.UnknownError) as error:
        named = re.search(r"ImageError: (.*)", str(error))
        if named:
            advice = "; --on_error skip leaves such images out" if celeba.on_error == "raise" else ""
            raise ImageError(f"{named[1]}{advice}") from error
        # A file that is whole at both ends but damaged within is decoded on the fast path, which has no names.
        celeba.check_images()
        _check_for_tensorflow(celeba)
        raise


def _check_for_tensorflow(celeba: CelebA) -> None:
    """Raise an ImageError for a JPEG that only Pillow decodes.

    It names the first one that TensorFlow does not decode.
    """
    for name in (name for part in ("train", "validation") for name in celeba.part(part).files.tolist()):
        data = celeba.read(name)
        if not data.startswith(b"\xff\xd8"):
            continue
        try:
            tf.io.decode_jpeg(data)
        except tf.errors.InvalidArgumentError as error:
            raise ImageError(
                f"{name}: TensorFlow can't decode it, though Pillow can: save it again, or give --on_error skip, with "
                "which Pillow decodes all images"
            ) from error


def _report(training: Training, checkpoint: Checkpoint, folder: pathlib.Path, step: str, measured: dict) -> None:
    rows = checkpoint.history
    report = Report(
        step=step,
        before=None,
        after=tfslim.measure(training.plain),
        done=[f"{pluralize(len(rows), 'epoch')} in {sum(row['seconds'] for row in rows) / 60:.1f} minutes"],
        skipped=dict(training.celeba.skipped),
        figures={
            "validation accuracy": round(checkpoint.best, 5),
            **measured,
            "seed": training.recipe.seed,
        },
    )
    report.save(folder / "report.json")
    print(report)


def _training_layers(strategy: str) -> dict[type, type]:
    """Return the replacements of stock layers in the training copy."""
    steady: dict[type, type] = {keras.layers.UnitNormalization: SteadyUnitNormalization}
    # The fused kernel is TensorFlow's, and assigns its moving statistics itself, which a strategy's replicas can't.
    if keras.backend.backend() != "tensorflow" or strategy != "none":
        return steady
    from tfslim.layers.fused_batch_norm import FusedBatchNormalization

    return steady | {keras.layers.BatchNormalization: FusedBatchNormalization}


def _check_fits(plain: keras.Model, size: tuple[int, int]) -> None:
    try:
        clone_model(plain, input_shape=(*size, 3))
    except ValueError as error:
        raise ValueError(
            f"stages: {plain.name} for its last stage can't take {size[0]}x{size[1]} images: {error}"
        ) from error
