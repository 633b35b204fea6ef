"""One training run: the model, its training copy, the data of each stage, and the loop over them."""

import contextlib
import dataclasses
import pathlib
import re
from collections.abc import Iterator

import keras
import tensorflow as tf
from recipe import Network, Optimization, Stage

import tfslim
from tfslim.checkpoint import Checkpoint
from tfslim.data.augmentation import Augmentation
from tfslim.data.celeba import CelebA
from tfslim.data.images import ImageError
from tfslim.data.names import write_labels
from tfslim.data.pipeline import evaluation_batches, training_batches
from tfslim.fused_norm import FusedBatchNormalization
from tfslim.losses import BalancedBinaryCrossentropy
from tfslim.recast import recast
from tfslim.report import Report

STATISTICS_BATCHES = 30  # of 100 images
STRATEGIES = {"mirrored": "MirroredStrategy", "multi_worker_mirrored": "MultiWorkerMirroredStrategy"}


@dataclasses.dataclass(frozen=True)
class Training:
    """Everything that a run needs, made and checked before the first step."""

    celeba: CelebA
    plain: keras.Model
    copy: keras.Model
    stages: list[Stage]
    optimization: Optimization
    augmentation: Augmentation
    cache_gigabytes: float
    seed: int

    @property
    def epochs(self) -> int:
        return sum(stage.epochs for stage in self.stages)

    @property
    def steps(self) -> int:
        return len(self.celeba.part("train")) // self.optimization.batch_size

    def summary(self) -> str:
        cost = tfslim.measure(self.plain)
        counts = ", ".join(f"{len(self.celeba.part(part)):,} {part}" for part in ("train", "validation"))
        stages = ", ".join(f"{s.epochs} at {s.size[0]}x{s.size[1]}" for s in self.stages)
        return (
            f"{self.plain.name}: {cost.trainable_params:,} trainable parameters, {cost.macs / 1e6:.2f}M MACs\n"
            f"{counts} images; {len(self.celeba.attribute_names)} attributes; {len(self.celeba.skipped)} skipped\n"
            f"{self.epochs} epochs ({stages}) of {self.steps} steps of {self.optimization.batch_size}"
        )

    def cached(self, part: str, size: tuple[int, int]) -> bool:
        return len(self.celeba.part(part)) * size[0] * size[1] * 3 <= self.cache_gigabytes * 1e9


def prepare(
    celeba: CelebA,
    network: Network,
    stages: list[Stage],
    optimization: Optimization,
    augmentation: Augmentation,
    precision: str,
    strategy: str,
    cache_gigabytes: float,
    seed: int,
) -> Training:
    """Builds and compiles the plain model and the copy that is trained."""
    if not stages:
        raise ValueError("stages: at least one is needed")
    if not celeba.attribute_names:
        raise ValueError(f"{celeba.folder}: has no attribute file, so there is nothing to learn here")
    if optimization.batch_size > len(celeba.part("train")):
        raise ValueError(
            f"batch_size={optimization.batch_size} is more than the {len(celeba.part('train'))} training images"
        )
    if not len(celeba.part("validation")):
        raise ValueError(f"{celeba.folder}: the validation part is empty, so the best model can't be chosen")
    keras.utils.set_random_seed(seed)
    with getattr(tf.distribute, STRATEGIES[strategy])().scope() if strategy != "none" else contextlib.nullcontext():
        plain = _build(network, stages[-1].size, len(celeba.attribute_names))
        sizes = {tuple(stage.size) for stage in stages}
        for size in sizes - {tuple(stages[-1].size)}:
            _check_fits(plain, size)
        copy = recast(
            plain,
            precision,
            input_shape=(None, None, 3) if len(sizes) > 1 else None,
            # The fused kernel assigns its moving statistics itself, which replicas of a strategy may not.
            replace={keras.layers.BatchNormalization: FusedBatchNormalization} if strategy == "none" else None,
        )
        training = Training(celeba, plain, copy, stages, optimization, augmentation, cache_gigabytes, seed)
        copy.compile(_optimizer(training, precision), _loss(optimization, celeba), metrics=[_accuracy()])
        plain.compile(loss=_loss(optimization, celeba), metrics=[_accuracy()])
        copy.optimizer.build(copy.trainable_variables)
    return training


def fit(training: Training, folder: pathlib.Path, validate_every: int, resume: bool, verbose: int) -> Report:
    """Runs or resumes the training and writes the run folder; returns what it also saves as report.json."""
    model, size = training.copy, training.stages[-1].size
    if not (resume and (folder / "labels.json").exists()):  # which may hold thresholds chosen since
        write_labels(folder / "model.keras", training.celeba.attribute_names)
    validation = evaluation_batches(training.celeba, "validation", size, 100, cache=training.cached("validation", size))
    checkpoint = Checkpoint(folder, training.plain, validation, "accuracy", validate_every, training.epochs)
    checkpoint.set_model(model)
    done = checkpoint.restore() if resume else 0
    board = keras.callbacks.TensorBoard(folder / "tensorboard")
    first = 0
    for stage in training.stages:
        epochs = range(max(first, done), first + stage.epochs)
        first += stage.epochs
        if not len(epochs):
            continue
        batches = training_batches(
            training.celeba,
            stage.size,
            training.optimization.batch_size,
            augmentation=training.augmentation,
            seed=training.seed,
            epochs=epochs,
            cache=training.cached("train", stage.size),
        )
        with _naming_broken_images(training.celeba):
            model.fit(
                batches,
                steps_per_epoch=training.steps,
                initial_epoch=epochs.start,
                epochs=epochs.stop,
                callbacks=[checkpoint, board],
                shuffle=False,  # the stream is shuffled already
                verbose=verbose,
            )
    seen = evaluation_batches(training.celeba, "train", size, 100).take(STATISTICS_BATCHES)
    accuracy = checkpoint.finish_with(seen)
    return _report(training, checkpoint, folder, accuracy)


@contextlib.contextmanager
def _naming_broken_images(celeba: CelebA) -> Iterator[None]:
    """Turns an image that can't be decoded, met in the middle of a stream, into one line that names it."""
    try:
        yield
    except (tf.errors.InvalidArgumentError, tf.errors.UnknownError) as error:
        named = re.search(r"ImageError: (.*)", str(error))
        if named:
            raise ImageError(f"{named[1]}; --on_error skip leaves such images out") from error
        # A file whole at both ends but damaged within is decoded on the fast path, which knows no names.
        celeba.check_images()
        raise


def _report(training: Training, checkpoint: Checkpoint, folder: pathlib.Path, measured: float) -> Report:
    rows = checkpoint.history
    report = Report(
        step="train",
        before=None,
        after=tfslim.measure(training.plain),
        done=[f"{len(rows)} epochs in {sum(row['seconds'] for row in rows) / 60:.1f} minutes"],
        skipped=dict(training.celeba.skipped),
        figures={
            "validation accuracy": round(checkpoint.best, 5),
            "with batch statistics measured at the end": round(measured, 5),
            "seed": training.seed,
        },
    )
    report.save(folder / "report.json")
    print(report)
    return report


def _build(network: Network, size: tuple[int, int], classes: int) -> keras.Model:
    known = tfslim.models.list_models()
    if network.name not in known:
        raise ValueError(f"model.name={network.name!r} is not one of {', '.join(known)}")
    try:
        return getattr(tfslim.models, network.name)(input_shape=(*size, 3), classes=classes, **network.arguments)
    except TypeError as error:
        raise ValueError(f"model.arguments={network.arguments}: {error}") from error


def _check_fits(plain: keras.Model, size: tuple[int, int]) -> None:
    try:
        recast(plain, input_shape=(*size, 3))
    except ValueError as error:
        raise ValueError(
            f"stages: {plain.name} for its last stage can't take {size[0]}x{size[1]} images: {error}"
        ) from error


def _optimizer(training: Training, precision: str) -> keras.optimizers.Optimizer:
    asked = training.optimization
    warmup = round(asked.warmup_epochs * training.steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=asked.learning_rate / 20,
        decay_steps=max(1, training.epochs * training.steps - warmup),
        alpha=asked.final_rate,
        warmup_target=asked.learning_rate,
        warmup_steps=warmup,
    )
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=asked.weight_decay, use_ema=asked.average > 0, ema_momentum=asked.average or 0.99
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # Small gradients would vanish in float16; bfloat16 has float32's range.
    return keras.optimizers.LossScaleOptimizer(optimizer) if precision == "mixed_float16" else optimizer


def _loss(asked: Optimization, celeba: CelebA) -> keras.losses.Loss:
    if asked.loss == "balanced":
        if asked.label_smoothing:
            raise ValueError("label_smoothing is for the loss 'bce'; the balanced loss has none")
        rates = celeba.part("train").attributes.mean(axis=0)
        return BalancedBinaryCrossentropy(rates)
    return keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=asked.label_smoothing)


def _accuracy() -> keras.metrics.Metric:
    return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0)
