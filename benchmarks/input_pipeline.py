"""Images per second of the training pipeline, beside bare JPEG decoding and Keras' own loader, in one run."""

import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tfslim.cli import app

if TYPE_CHECKING:
    import tensorflow as tf

    from tfslim.data import CelebA

DESCRIPTION = """\
Measures how many images a second tfslim's training pipeline gives, as a share of what bare JPEG decoding
(tf.data with read_file and decode_jpeg, the same threads) gives: the limit of any pipeline that decodes.
keras.utils.image_dataset_from_directory is measured beside it. All take turns; the medians over the rounds are shown.

Examples:
  python benchmarks/input_pipeline.py
  python benchmarks/input_pipeline.py --data celeba --threads 8 --out input_pipeline.json
"""
LIMIT = "bare decoding"
PIPELINE = "tfslim, flips"


def main(
    data: str | None = None,
    count: int = 1000,
    images: int = 3000,
    rounds: int = 7,
    height: int = 218,
    width: int = 178,
    batch_size: int = 64,
    threads: int | None = None,
    at_least: float | None = None,
    out: str | None = None,
) -> int:
    """Measures the pipelines and prints the table.

    Args:
        data: folder in CelebA's layout with images of this height and width; by default faces are drawn and removed
        count: number of faces to draw
        images: images that each pipeline gives in a round
        rounds: how often each pipeline is measured, after one round that does not count
        height: of the images, in pixels
        width: of the images, in pixels
        batch_size: images in a batch
        threads: threads of each pipeline; as many as there are cores by default
        at_least: end with exit code 1 if the pipeline with flips gives less than this share of the limit
        out: JSON file for the results
    """
    threads = threads or os.cpu_count() or 1
    for name, value in (("count", count), ("rounds", rounds), ("batch_size", batch_size), ("threads", threads)):
        if value < 1:
            raise ValueError(f"{name} is {value}; expected 1 or more")
    if images < batch_size:
        raise ValueError(f"images is {images}; expected one batch ({batch_size}) or more")

    with tempfile.TemporaryDirectory() as scratch:
        if data is None:
            from tfslim.data.drawn_faces.dataset import draw_faces

            print(f"drawing {count} faces of {width}x{height}", file=sys.stderr)
            data = draw_faces(Path(scratch) / "faces", count, size=(height, width))
        timings = measure(Path(data), images, rounds, (height, width), batch_size, threads)
    results = [summary(name, timings[name], timings[LIMIT]) for name in timings]
    show(results, rounds, threads)
    if out:
        from tfslim._support.files import replacing

        content = {"threads": threads, "size": [height, width], "batch_size": batch_size, "rounds": rounds}
        with replacing(out) as beside:
            Path(beside).write_text(json.dumps({**content, "results": results}, indent=1) + "\n", encoding="utf-8")
    share = next(result["share"] for result in results if result["name"] == PIPELINE)
    return int(at_least is not None and share < at_least)


def measure(
    data: Path, images: int, rounds: int, size: tuple[int, int], batch_size: int, threads: int
) -> dict[str, list[tuple[float, float]]]:
    """Returns for each pipeline and round the images per second, and the seconds of all cores' work an image."""
    import tensorflow as tf

    from tfslim.data import CelebA

    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    celeba = CelebA(data)
    runs = {}
    for name, make in pipelines(celeba, size, batch_size).items():
        runs[name] = counting(make(), images, batch_size, options)
    timings = {name: [] for name in runs}
    for turn in range(rounds + 1):
        for name in list(runs)[turn % len(runs) :] + list(runs)[: turn % len(runs)]:
            started, worked = time.perf_counter(), time.process_time()
            given = runs[name]()
            if turn:  # the first round fills the page cache and traces the functions
                seconds, work = time.perf_counter() - started, time.process_time() - worked
                timings[name].append((given / seconds, work / given))
    return timings


def pipelines(celeba: "CelebA", size: tuple[int, int], batch_size: int) -> dict[str, Callable[[], "tf.data.Dataset"]]:
    """Returns what is measured: name -> a function that makes an endless dataset of images or batches."""
    import keras
    import tensorflow as tf

    from tfslim.data.augmentation import Augmentation
    from tfslim.data.pipeline import training_batches

    records = celeba.part("train")
    folder = os.fspath(celeba.source.path)

    def bare(dct_method: str) -> "tf.data.Dataset":
        files = tf.data.Dataset.from_tensor_slices([os.path.join(folder, file) for file in records.files]).repeat()
        return files.map(
            lambda file: tf.io.decode_jpeg(tf.io.read_file(file), channels=3, dct_method=dct_method),
            num_parallel_calls=tf.data.AUTOTUNE,
        ).prefetch(tf.data.AUTOTUNE)

    def ours(augmentation: Augmentation) -> "tf.data.Dataset":
        return training_batches(celeba, size, batch_size, augmentation=augmentation, epochs=range(1_000_000))

    def peer() -> "tf.data.Dataset":
        return keras.utils.image_dataset_from_directory(
            folder, labels=None, image_size=size, batch_size=batch_size, shuffle=True, seed=0, verbose=False
        ).repeat()

    flip = Augmentation(flip=True)
    shift = Augmentation(flip=True, shift=0.05)
    full = Augmentation(flip=True, shift=0.05, rotation=5, brightness=0.1, contrast=0.1, saturation=0.1)
    return {
        LIMIT: lambda: bare(""),
        "bare decoding, accurate": lambda: bare("INTEGER_ACCURATE"),
        "tfslim, plain": lambda: ours(Augmentation()),
        PIPELINE: lambda: ours(flip),
        "tfslim, flips and shifts": lambda: ours(shift),
        "tfslim, also rotation and colour": lambda: ours(full),
        "keras.utils.image_dataset_from_directory": peer,
    }


def counting(dataset: "tf.data.Dataset", images: int, batch_size: int, options: "tf.data.Options") -> Callable[[], int]:
    """Returns a function that draws `images` images through the dataset, inside TensorFlow, and returns how many."""
    import tensorflow as tf

    targets = isinstance(dataset.element_spec, tuple)
    pictures = dataset.map(lambda images, _: images) if targets else dataset
    batched = len(pictures.element_spec.shape) == 4
    finite = pictures.take(images // batch_size if batched else images).with_options(options)

    def count(seen: "tf.Tensor", images: "tf.Tensor") -> "tf.Tensor":
        return seen + (tf.shape(images, tf.int64)[0] if batched else 1)

    return lambda: int(finite.reduce(tf.constant(0, tf.int64), count))


def summary(name: str, timings: list[tuple[float, float]], limit: list[tuple[float, float]]) -> dict:
    """Returns the medians of a pipeline's rates and of its shares of the limit, each taken within its round."""
    shares = [rate / most for (rate, _), (most, _) in zip(timings, limit, strict=True)]
    rates = [rate for rate, _ in timings]
    return {
        "name": name,
        "images_per_second": statistics.median(rates),
        "share": statistics.median(shares),
        "share_lowest": min(shares),
        "share_highest": max(shares),
        "core_milliseconds": 1000 * statistics.median(work for _, work in timings),
        "rates": rates,
    }


def show(results: list[dict], rounds: int, threads: int) -> None:
    """Prints the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title=f"Input pipelines: medians of {rounds} rounds, {threads} threads")
    table.add_column("pipeline")
    for head in ("images/s", "of the limit", "lowest", "highest", "core ms/image"):
        table.add_column(head, justify="right")
    for result in results:
        shares = (f"{result[key]:.2f}" for key in ("share", "share_lowest", "share_highest"))
        work = f"{result['core_milliseconds']:.2f}"
        table.add_row(result["name"], f"{result['images_per_second']:,.0f}", *shares, work)
    Console().print(table)


if __name__ == "__main__":
    app.run(main, DESCRIPTION)
