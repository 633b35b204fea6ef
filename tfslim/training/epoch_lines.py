"""Lines of a training's progress, one an epoch.

On a terminal Keras' `fit` shows its own bar instead.
"""

import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

import keras

from tfslim._support.text import ProgressLines, clock

EVERY = 30.0  # seconds between two lines in an epoch


def fit_verbosity() -> int:
    """Return the `verbose` to train with.

    It is 1, Keras' bar, if stdout is a terminal, else 2, a line an epoch.
    """
    return 1 if sys.stdout.isatty() else 2


def epoch_reporting(
    verbose: int, epochs: int, steps: int, title: str = "epoch", callbacks: ModuleType = keras.callbacks
) -> tuple[int, list[Any]]:
    """Return the `verbose` and the callbacks that report epochs.

    The callbacks are added at the end of `fit`'s list. With `verbose` 2 each epoch ends with a line such as "epoch
    3/20: accuracy 0.8123, loss 0.495; 0:12, 3:20 left", and a long one has lines in between. Keras' own lines, two an
    epoch, do not say how long is left.

    Args:
        verbose: as for Keras' `fit`.
        epochs: the number at which the training ends, which may be after several calls of `fit`.
        steps: those of an epoch.
        title: what an epoch is called.
        callbacks: whose `LambdaCallback` to take: that of Keras 3, or of tf_keras.
    """
    if verbose != 2:
        return verbose, []
    lines = EpochLines(epochs, steps, title, lambda line: print(line, flush=True))
    return 0, [
        callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: lines.begin(epoch),
            on_train_batch_end=lambda batch, logs: lines.step(batch + 1),
            on_epoch_end=lambda epoch, logs: lines.end(epoch, logs or {}),
        )
    ]


class EpochLines:
    """Lines of a training.

    Args:
        epochs: the number at which the training ends.
        steps: those of an epoch.
        title: what an epoch is called.
        write: takes a line.
        now: returns the time in seconds.
    """

    def __init__(
        self,
        epochs: int,
        steps: int,
        title: str,
        write: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ):
        self._epochs, self._steps, self._title, self._write, self._now = epochs, steps, title, write, now
        self._durations: list[float] = []
        self._began, self._epoch = now(), 0

    def begin(self, epoch: int) -> None:
        """Begin an epoch, counted from 0."""
        self._began, self._epoch = self._now(), epoch

    def step(self, done: int) -> None:
        """Count the steps done in this epoch."""
        if done == 1:  # it may have compiled, so the time per step is taken from here
            title = f"{self._title} {self._epoch + 1}/{self._epochs}: step"
            self._within = ProgressLines(title, EVERY, self._write, self._now)
        else:
            self._within.move(done, self._steps)

    def end(self, epoch: int, logs: dict[str, float]) -> None:
        """End an epoch with its figures."""
        self._durations.append(self._now() - self._began)
        # The first epoch compiles the step, which would make the others look as long.
        typical = self._durations[1:] or self._durations
        rest = (self._epochs - epoch - 1) * sum(typical) / len(typical)
        left = f", {clock(rest)} left" if epoch + 1 < self._epochs else ""
        figures = ", ".join(f"{name} {float(value):.4g}" for name, value in sorted(logs.items()))
        self._write(f"{self._title} {epoch + 1}/{self._epochs}: {figures}; {clock(self._durations[-1])}{left}")
