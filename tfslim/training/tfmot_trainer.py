"""Training of TF-MOT's models with a recipe.

The data, loss and schedule are the recipe's, and the state is saved after every epoch.
"""

import contextlib
import dataclasses
import pathlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfslim._support.files import read_json, write_json
from tfslim.data.celeba.dataset import CelebA
from tfslim.distillation import DistillationLoss, FrozenTeacher
from tfslim.tfmot import restore_training, save_training
from tfslim.tfmot.packages import tf_keras
from tfslim.training.epoch_lines import epoch_reporting
from tfslim.training.optimizers import make_optimizer
from tfslim.training.recipe import Recipe
from tfslim.training.tasks import Task
from tfslim.training.trainer import stage_batches, steps_per_epoch, still_batches

STATE = "state.npz"
HISTORY = "history.json"
BEST = "best.npz"
CHOSEN = "best.json"  # epoch and accuracy of BEST


@dataclasses.dataclass(frozen=True)
class TeacherTargets:
    """A teacher's outputs as targets beside the labels.

    Args:
        teacher: the teacher.
        losses: the losses on its outputs.
        labels: weight of the loss on the labels beside these.
    """

    teacher: FrozenTeacher
    losses: Sequence[DistillationLoss]
    labels: float


def fit_tfmot(
    model: Any,
    recipe: Recipe,
    celeba: CelebA,
    task: Task,
    answers: TeacherTargets | None,
    folder: pathlib.Path,
    callbacks: list,
    verbose: int,
    best: bool = False,
) -> int:
    """Train one of TF-MOT's models for the recipe's epochs.

    A training that exists in `folder` is resumed. Dropout is seeded by the recipe's seed, the folder's name and the
    epoch, so that a resumed training ends with the weights of an uninterrupted one.

    Args:
        model: the model; it is compiled here.
        recipe: the recipe.
        celeba: its data.
        task: its task.
        answers: a teacher's outputs, or None for labels alone.
        folder: folder for the state after every epoch, and the history.
        callbacks: further callbacks of tf_keras.
        verbose: as for Keras' `fit`; 2 prints a line an epoch.
        best: whether to restore the best epoch on the validation part, of those that are validated and the start, with
            the weights averaged as the recipe asks; otherwise the last epoch's weights stay, not averaged, as the
            average of masked or clustered weights is neither.

    Returns:
        The epoch whose weights the model has; 0 is before the first.
    """
    optimization = recipe.optimization if best else dataclasses.replace(recipe.optimization, average=0.0)
    steps, epochs = steps_per_epoch(recipe, celeba), recipe.epochs
    columns = task.outputs if task.targets == "attributes" else 1
    model.compile(
        make_optimizer(optimization, steps, epochs, recipe.precision, tf_keras().optimizers),
        make_loss(task, columns, answers),
        metrics=[make_accuracy(task, columns)],
    )
    folder.mkdir(parents=True, exist_ok=True)
    done = 0
    if (folder / STATE).is_file():
        restore_training(model, folder / STATE)
        done = int(model.optimizer.iterations) // steps
    if done == epochs:
        return _take_best(model, folder) if best else epochs
    history = read_json(folder / HISTORY, list)[:done] if done and (folder / HISTORY).is_file() else []

    def beside_labels(images: tf.Tensor, wanted: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        wanted = _columns(wanted, columns)
        if answers is not None:
            wanted = tf.concat([wanted, answers.teacher(images)["output"]], axis=-1)
        return images, wanted

    stream = stage_batches(recipe, celeba, task.targets, recipe.stages[0], range(done, epochs))
    validation = still_batches(recipe, celeba, task.targets, "validation").map(
        lambda images, wanted: (images, _columns(wanted, columns))
    )
    if best and not done:
        _, accuracy = model.evaluate(validation, verbose=0)
        _keep_best(model, folder, 0, accuracy)
    verbose, lines = epoch_reporting(verbose, epochs, steps, callbacks=tf_keras().callbacks)
    model.fit(
        stream.map(beside_labels).prefetch(1),
        steps_per_epoch=steps,
        initial_epoch=done,
        epochs=epochs,
        validation_data=validation,
        validation_freq=[*range(recipe.validate_every, epochs, recipe.validate_every), epochs],
        callbacks=[_seeding(recipe.seed, folder), _averaging(), *callbacks, _saving(folder, history, best), *lines],
        shuffle=False,  # the stream is shuffled already
        verbose=verbose,
    )
    if int(model.optimizer.iterations) < steps * epochs:
        raise ValueError(f"{folder}: the images ran out before epoch {epochs}; resume the run")
    return _take_best(model, folder) if best else epochs


def _columns(wanted: tf.Tensor, columns: int) -> tf.Tensor:
    return tf.cast(tf.reshape(wanted, (-1, columns)), tf.float32)


def make_loss(task: Task, columns: int, answers: TeacherTargets | None) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the task's loss for labels and a teacher's outputs.

    The first `columns` of the targets are labels, the others the teacher's outputs.
    """
    labels = task.loss()

    def loss(wanted: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        by_labels = labels.call(wanted[:, :columns], logits)
        # No teacher, or validation images, which have no outputs of it.
        if answers is None or wanted.shape[-1] == columns:
            return by_labels
        copied = sum(each.weight * each(logits, wanted[:, columns:]) for each in answers.losses)
        return answers.labels * by_labels + copied

    return loss


def make_accuracy(task: Task, columns: int) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Return the task's accuracy for the targets of `make_loss`."""

    def accuracy(wanted: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        if task.targets == "attributes":
            right = (logits > 0) == (wanted[:, :columns] > 0.5)
        else:
            right = tf.argmax(logits, -1) == tf.cast(wanted[:, 0], tf.int64)
        return tf.cast(right, tf.float32)

    return accuracy


def _seeding(seed: int, folder: pathlib.Path) -> Any:
    """Return a callback that seeds each epoch by its number."""
    randomness = tf_keras().__internal__.layers.BaseRandomLayer

    callback: Any = tf_keras().callbacks.Callback

    class Seeding(callback):
        def on_epoch_begin(self, epoch, logs=None):
            keras.utils.set_random_seed(zlib.crc32(f"{seed} {folder.name} {epoch}".encode()))
            # Random operations are seeded when a step is traced, and count on from there.
            if any(isinstance(each, randomness) for each in self.model.submodules):
                self.model.make_train_function(force=True)

    return Seeding()


@contextlib.contextmanager
def _averaged(model: Any) -> Iterator[None]:
    """Replace a model's weights by their averages for a while.

    Nothing changes if its optimizer keeps no averages.
    """
    variables = model.trainable_variables
    model.optimizer.build(variables)  # has no effect if it is built already
    own = [variable.numpy() for variable in variables]
    model.optimizer.finalize_variable_values(variables)
    try:
        yield
    finally:
        for variable, value in zip(variables, own, strict=True):
            variable.assign(value)


def _averaging() -> Any:
    """Return a callback that validates the averaged weights."""

    callback: Any = tf_keras().callbacks.Callback

    class Averaging(callback):
        def on_test_begin(self, logs=None):
            self.averages = contextlib.ExitStack()
            self.averages.enter_context(_averaged(self.model))

        def on_test_end(self, logs=None):
            self.averages.close()

    return Averaging()


def _saving(folder: pathlib.Path, history: list[dict], best: bool) -> Any:
    """Return a callback that saves the history and the state.

    Each epoch is added to the history.
    """

    callback: Any = tf_keras().callbacks.Callback

    class Saving(callback):
        def on_epoch_end(self, epoch, logs=None):
            history.append({"epoch": epoch + 1, **{name: float(value) for name, value in (logs or {}).items()}})
            accuracy = (logs or {}).get("val_accuracy", 0.0)
            if best and accuracy > read_json(folder / CHOSEN, dict)["accuracy"]:
                _keep_best(self.model, folder, epoch + 1, accuracy)
            write_json(folder / HISTORY, history)
            save_training(self.model, folder / STATE)

    return Saving()


def _keep_best(model: Any, folder: pathlib.Path, epoch: int, accuracy: float) -> None:
    with _averaged(model):
        save_training(model, folder / BEST)
    write_json(folder / CHOSEN, {"epoch": epoch, "accuracy": float(accuracy)})


def _take_best(model: Any, folder: pathlib.Path) -> int:
    restore_training(model, folder / BEST)
    chosen = read_json(folder / CHOSEN, dict)
    print(f"{folder.name}: the best epoch on the validation part is {chosen['epoch']}: {chosen['accuracy']:.2%}")
    return chosen["epoch"]
