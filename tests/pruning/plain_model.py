"""Checks that a pruned model opens without tfslim, trains and becomes a TFLite file."""

import contextlib
import io
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple
from unittest import mock

import keras
import numpy as np

import tfslim
from tests.layer_checks import randomize
from tests.pruning.invariance import assert_same, outputs_of
from tfslim.litert.conversion.worker import convert_folder

# Reads folders, one a line, and leaves in each what its model makes of its images.
STRANGER = """
import sys
sys.modules["tfslim"] = None
import keras, numpy
for line in sys.stdin:
    folder = line.rstrip()
    keras.utils.clear_session()
    model = keras.models.load_model(folder + "/model.keras")
    numpy.save(folder + "/found.npy", model(numpy.load(folder + "/images.npy"), training=False))
    print("done", flush=True)
"""


class Network(NamedTuple):
    """A network with random weights, the same with 30 % of its filters removed at random, and images for both."""

    name: str
    model: keras.Model
    smaller: keras.Model
    x: np.ndarray


def pruned(name: str, build: Callable[[], keras.Model], count: int) -> Network:
    """Return what `build` makes as a `Network` with so many images."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)  # what dropout leaves out in training
    model = build()
    randomize(model)
    smaller, _ = tfslim.prune_filters(model, 0.3, importance="random")
    x = np.random.default_rng(0).integers(0, 256, (count, *model.input_shape[1:])).astype("float32")
    return Network(name, model, smaller, x)


class Stranger:
    """A process that can't import tfslim and opens saved models of one output; one for all models, as it starts slowly.

    Args:
        process: runs `STRANGER`.
    """

    def __init__(self, process: subprocess.Popen):
        self.orders: IO[str] = process.stdin
        self.answers: IO[str] = process.stdout

    def assert_opens(self, model: keras.Model, folder: Path, x: np.ndarray) -> None:
        """Asserts that the model, saved to the folder, is there what it is here."""
        model.save(folder / "model.keras")
        np.save(folder / "images.npy", x)
        print(folder, file=self.orders, flush=True)
        assert self.answers.readline() == "done\n", "the process that opens models has ended; see what it wrote"
        assert_same([np.load(folder / "found.npy")], outputs_of(model, x))


@contextlib.contextmanager
def stranger() -> Iterator[Stranger]:
    command = [sys.executable, "-I", "-c", STRANGER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Stranger(process)


def assert_trains(model: keras.Model, x: np.ndarray) -> None:
    """Asserts that a step of training comes to nearly all variables, and leaves numbers.

    A bias before batch normalisation has a gradient of rounding errors alone.
    """
    before = [np.asarray(each) for each in model.trainable_variables]
    model.compile(keras.optimizers.Adam(1e-3), "mse", run_eagerly=True)  # compiling takes longer than a single step
    loss = model.train_on_batch(x, np.zeros((len(x), *model.output_shape[1:]), "float32"))
    after = [np.asarray(each) for each in model.trainable_variables]
    assert np.isfinite(loss) and all(np.isfinite(value).all() for value in after)
    least = [0.0 if each.name == "bias" else 1e-4 for each in model.trainable_variables]
    steps = [np.abs(new - old).max() for old, new in zip(before, after, strict=True)]
    moved = np.greater(steps, least)
    assert moved.mean() > 0.95, f"no gradient comes to {(~moved).sum()} of {len(moved)} variables"


def assert_converts(model: keras.Model, path: Path, x: np.ndarray) -> None:
    """Asserts that the model's TFLite file gives what the model does, to 1e-4 of the largest output."""
    with mock.patch("tfslim.litert.conversion.converter.run_converter", _run_converter_here):
        tfslim.litert.convert(model, path)
    model.run_eagerly = True  # as in training
    found = tfslim.litert.verify(model, path, x, task="outputs")
    assert found.figures["max_abs_error"] < 1e-4 * np.abs(outputs_of(model, x)[0]).max()


def _run_converter_here(folder: Path, job: dict[str, str], samples: None, model: str) -> bytes:
    """`run_converter` without a process of its own, whose start takes longer than most conversions."""
    (folder / "job.json").write_text(json.dumps({**job, "samples": []}))
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():  # the converter talks
        warnings.simplefilter("ignore")
        convert_folder(folder)
    return (folder / "result.tflite").read_bytes()
