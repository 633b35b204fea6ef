"""Checkpoints of a training run.

They are the best model as a plain `.keras`, and the state to resume from.
"""

import csv
import json
import os
import pathlib
import time
import zipfile
from collections.abc import Iterable

import keras
import numpy as np

from tfslim._support.files import replacing
from tfslim.graph.cloning import clone_model
from tfslim.training.batch_statistics import reestimate_statistics


class Checkpoint(keras.callbacks.Callback):
    """Callback that keeps the best model and the training's state.

    The plain model is validated after each epoch, or after every few. The model in training may be a faster or less
    precise copy, and its weights may be averaged by the optimizer (`use_ema`). The model that is validated and saved is
    `plain`: the float32 model, with averaged weights.

    Writes `model.keras` (best on validation), `state.npz` (variables of model and optimizer at the end of the last
    epoch) and `history.csv` into `folder`, atomically.

    Args:
        folder: an existing run folder.
        plain: the compiled model to validate and save; its weights have the order of the trained model's.
        validation: dataset of (inputs, targets) batches; None if `every` leaves no epoch to validate.
        monitor: metric of `plain` to maximize, without "val_".
        every: epochs between two validations; the last epoch, `finish`, is always validated.
        finish: the number of epochs in all.
        trained: the model whose weights `plain` takes, if `fit` is called on another that holds it, such as a
            Distiller; of that other model, the state keeps the trainable variables, not the frozen teacher.

    Example:
        >>> checkpoint = Checkpoint("runs/slimnet", plain, validation, monitor="accuracy")
        >>> model.fit(batches, callbacks=[checkpoint])
    """

    def __init__(
        self,
        folder: str | os.PathLike,
        plain: keras.Model,
        validation,
        monitor: str,
        every: int = 1,
        finish: int | None = None,
        trained: keras.Model | None = None,
    ):
        super().__init__()
        self.folder = pathlib.Path(folder)
        self.plain, self.validation, self.monitor, self.every, self.finish = plain, validation, monitor, every, finish
        self._trained = trained
        self.best = -np.inf
        self.history: list[dict[str, float]] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        seconds = time.monotonic() - self._started
        if (epoch + 1) % self.every == 0 or epoch + 1 == self.finish:
            self._take_weights()
            logs.update({f"val_{name}": value for name, value in self._validate().items()})
        self.history.append(
            {"epoch": epoch + 1, "seconds": round(seconds, 2), **{k: float(v) for k, v in logs.items()}}
        )
        self._write_history()
        if epoch + 1 == self.params["epochs"] and self._averages():
            # Keras replaces the weights by their average when `fit` ends; the next stage starts from it, and so must a
            # run that is resumed there.
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self._write_state()

    def finish_with(self, batches: Iterable) -> float:
        """Recompute the averaged weights' batch statistics and validate.

        The model is saved if it is the best.

        Args:
            batches: as for `reestimate_statistics`.

        Returns:
            The value of `monitor` on the validation part.
        """
        self._take_weights()
        reestimate_statistics(self.plain, batches)
        return self._validate()[self.monitor]

    def restore(self) -> int:
        """Restore model and optimizer to the last epoch's end.

        The model is the one in training.

        Returns:
            The number of epochs done.

        Raises:
            FileNotFoundError: the folder has no state to go on from.
            ValueError: the state is damaged, or is that of another model or optimizer.
        """
        path = self.folder / "state.npz"
        if not path.is_file():
            raise FileNotFoundError(f"{path}: does not exist, so there is nothing to resume; start without resume")
        variables = self._variables()
        try:
            with open(path, "rb") as file, np.load(file, allow_pickle=False) as state:
                values = [state[f"v{index}"] for index in range(len(state.files) - 1)]
                record = json.loads(str(state["record"]))
        except (ValueError, OSError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: damaged ({error}); remove it to start again") from error
        if [v.shape for v in values] != [tuple(v.shape) for v in variables]:
            raise ValueError(
                f"{path}: holds the state of another model or optimizer; resume with the recipe that the run began with"
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        self.best, self.history = record["best"], record["history"]
        return len(self.history)

    def _validate(self) -> dict[str, float]:
        results = self.plain.evaluate(self.validation, return_dict=True, verbose=0)
        if results[self.monitor] > self.best:
            self.best = float(results[self.monitor])
            with replacing(self.folder / "model.keras") as path:
                # An uncompiled copy: a loss of tfslim's in the file would keep programs without tfslim from opening it.
                clone_model(self.plain, dtype="float32", batch_size=None).save(path)
        return {name: float(value) for name, value in results.items()}

    @property
    def trained(self) -> keras.Model:
        return self.model if self._trained is None else self._trained

    def _variables(self) -> list[keras.Variable]:
        own = {id(variable) for variable in self.trained.variables}
        beside = [variable for variable in self.model.trainable_variables if id(variable) not in own]
        return [*self.trained.variables, *beside, *self.model.optimizer.variables]

    def _averages(self) -> bool:
        optimizer = self.model.optimizer
        return getattr(optimizer, "inner_optimizer", optimizer).use_ema

    def _take_weights(self) -> None:
        if not self._averages():
            self.plain.set_weights(self.trained.get_weights())
            return
        raw = [keras.ops.convert_to_numpy(variable) for variable in self.model.trainable_variables]
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        self.plain.set_weights(self.trained.get_weights())
        for variable, value in zip(self.model.trainable_variables, raw, strict=True):
            variable.assign(value)
        for variable in self.plain.trainable_variables:
            if variable.constraint is not None:  # the average of unit vectors is shorter than one
                variable.assign(variable.constraint(variable))

    def _write_state(self) -> None:
        record = json.dumps({"best": self.best, "history": self.history})
        values = {f"v{index}": keras.ops.convert_to_numpy(v) for index, v in enumerate(self._variables())}
        with replacing(self.folder / "state.npz") as path:
            np.savez(path, record=record, **values)

    def _write_history(self) -> None:
        columns = list(dict.fromkeys(name for row in self.history for name in row))
        with replacing(self.folder / "history.csv") as path, open(path, "w", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.history)
