"""Compare a distillation step with the student's step and the teacher's forward pass, in one run."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tfslim.cli import app

if TYPE_CHECKING:
    import keras

DESCRIPTION = """\
Measures a distillation step as a share of the student's own step plus the teacher's forward pass, and a step that
learns from the teacher's outputs, kept beforehand, as a share of the student's own. VGG11 teaches VGG11 with Flame
modules its classes and its embedding, on random images. All take turns; the medians over the rounds are shown, of
the time gone by and of the time that all cores worked, which other programs on the machine disturb less.

Examples:
  python benchmarks/distillation.py
  KERAS_BACKEND=jax python benchmarks/distillation.py --size 120 --steps 100 --out distillation.json
"""
STUDENT, TEACHER = "student's step", "teacher's forward pass"
ONLINE, KEPT = "distillation step", "distillation step, kept outputs"


def main(
    size: int = 64,
    batch_size: int = 32,
    classes: int = 160,
    steps: int = 8,
    rounds: int = 7,
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32",
    at_most: float | None = None,
    out: str | None = None,
) -> int:
    """Measures the steps and prints the table.

    Args:
        size: height and width of the images, in pixels
        batch_size: images in a batch
        classes: identities, and so logits
        steps: training steps of a measurement
        rounds: how often each is measured, after one round that does not count
        precision: of student and teacher
        at_most: end with exit code 1 if a distillation step costs more than this share of its parts
        out: JSON file for the results
    """
    for name, value in (("batch_size", batch_size), ("steps", steps), ("rounds", rounds)):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more")
    with tempfile.TemporaryDirectory() as folder:
        timings = measure(runs(size, batch_size, classes, steps, precision, Path(folder)), rounds)
    results = [summary(name, timings, steps) for name in timings]
    show(results, rounds, size, batch_size, precision)
    if out:
        from tfslim._support.files import replacing

        content = {"size": size, "batch_size": batch_size, "classes": classes, "steps": steps, "rounds": rounds}
        with replacing(out) as beside:
            content |= {"precision": precision, "results": results}
            Path(beside).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    worst = max(result["share"] for result in results if "share" in result)
    return int(at_most is not None and worst > at_most)


def runs(
    size: int, batch_size: int, classes: int, steps: int, precision: str, folder: Path
) -> dict[str, Callable[[], object]]:
    """Returns what is measured: name -> a function that takes `steps` steps; `folder` is for the kept outputs."""
    import keras
    import numpy as np

    from tfslim.distillation import Distiller, FeatureDistance, SoftTargets, teacher_layers, write_teacher_outputs
    from tfslim.models import VGG11

    random = np.random.default_rng(0)
    images = random.integers(0, 256, (steps * batch_size, size, size, 3)).astype("uint8")
    labels = random.integers(0, classes, len(images)).astype("int32")
    losses = [SoftTargets(temperature=4.0), FeatureDistance("embedding", "embedding")]
    teacher = training_copy(VGG11((size, size, 3), classes), precision)
    features = keras.Model(
        teacher.input, {"output": teacher.output, "embedding": teacher.get_layer("embedding").output}
    )

    def student() -> "keras.Model":
        return training_copy(VGG11((size, size, 3), classes, module="flame"), precision)

    def fitting(model: "keras.Model", *data, **settings) -> Callable[[], object]:
        optimizer = keras.optimizers.AdamW(1e-3)
        if precision == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        return lambda: model.fit(*data, **settings, shuffle=False, verbose=0)

    def forward():
        return features.predict(images, batch_size=batch_size, verbose=0)

    def batches(epoch: int):
        starts = range(0, len(images), batch_size)
        return ((images[start : start + batch_size], labels[start : start + batch_size]) for start in starts)

    kept = write_teacher_outputs(
        folder, teacher, teacher_layers(losses), batches, stream={}, steps=steps, batch_size=batch_size
    )
    without_teacher = Distiller(student(), None, losses, teacher_shapes=kept.shapes)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        from tfslim.distillation.cached_batches import taught_batches

        # From disk and through tf.data, as a training reads them.
        stream = tf.data.Dataset.from_tensor_slices((images, labels)).batch(batch_size)
        taught = [taught_batches(lambda epochs: stream.repeat(len(epochs)), kept, range(1))]
        plain, settings = [stream.prefetch(tf.data.AUTOTUNE)], {}
    else:
        plain, settings = [images, labels], {"batch_size": batch_size}
        taught = [images, {"labels": labels, "teacher": kept.epoch(0)}]
    return {
        STUDENT: fitting(student(), *plain, **settings),
        TEACHER: forward,
        ONLINE: fitting(Distiller(student(), teacher, losses), *plain, **settings),
        KEPT: fitting(without_teacher, *taught, **settings, steps_per_epoch=steps),
    }


def training_copy(model: "keras.Model", precision: str) -> "keras.Model":
    """Returns the model as `training/` trains it: in this precision and, under TensorFlow, with its fused kernel."""
    import keras

    from tfslim.graph.cloning import clone_model

    if keras.backend.backend() != "tensorflow":
        return clone_model(model, dtype=precision)
    from tfslim.layers.fused_batch_norm import FusedBatchNormalization

    return clone_model(model, dtype=precision, replace={keras.layers.BatchNormalization: FusedBatchNormalization})


def measure(actions: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Returns for each action and round the seconds it took, and the seconds of all cores' work."""
    timings = {name: [] for name in actions}
    for turn in range(rounds + 1):
        for name in list(actions)[turn % len(actions) :] + list(actions)[: turn % len(actions)]:
            started, worked = time.perf_counter(), time.process_time()
            actions[name]()
            if turn:  # the first round traces and compiles
                timings[name].append((time.perf_counter() - started, time.process_time() - worked))
    return timings


def summary(name: str, timings: dict[str, list[tuple[float, float]]], steps: int) -> dict:
    """Returns the medians of an action's times, and of its shares of its parts, each taken within its round."""
    seconds, work = zip(*timings[name], strict=True)
    result = {
        "name": name,
        "milliseconds": 1000 * statistics.median(seconds) / steps,
        "core_milliseconds": 1000 * statistics.median(work) / steps,
        "seconds": seconds,
    }
    parts = {ONLINE: (STUDENT, TEACHER), KEPT: (STUDENT,)}.get(name)
    if not parts:
        return result
    shares, core_shares = (
        [whole[kind] / sum(part[kind] for part in turn) for whole, *turn in rounds_of(timings, name, parts)]
        for kind in (0, 1)
    )
    return {
        **result,
        "of": " + ".join(parts),
        "share": statistics.median(shares),
        "share_lowest": min(shares),
        "share_highest": max(shares),
        "core_share": statistics.median(core_shares),
    }


def rounds_of(timings: dict[str, list[tuple[float, float]]], name: str, parts: tuple[str, ...]):
    """Yields the timings of an action and of its parts, round by round."""
    return zip(timings[name], *(timings[part] for part in parts), strict=True)


def show(results: list[dict], rounds: int, size: int, batch_size: int, precision: str) -> None:
    """Prints the table."""
    import keras
    from rich.console import Console
    from rich.table import Table

    backend = keras.backend.backend()
    table = Table(
        title=f"Distillation: medians of {rounds} rounds; {size}x{size}, {batch_size} images, {precision}, {backend}"
    )
    table.add_column("what")
    for head in ("ms/step", "share", "lowest", "highest", "core ms/step", "share"):
        table.add_column(head, justify="right")
    for result in results:
        *shares, core_share = (
            f"{result[key]:.3f}" if key in result else ""
            for key in ("share", "share_lowest", "share_highest", "core_share")
        )
        milliseconds, work = (f"{result[key]:.1f}" for key in ("milliseconds", "core_milliseconds"))
        table.add_row(result["name"], milliseconds, *shares, work, core_share)
    table.caption = f"Shares are of {STUDENT} + {TEACHER}, and with kept outputs of {STUDENT}."
    Console(width=120).print(table)


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
