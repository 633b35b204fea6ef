"""Teacher outputs, computed once and stored for many epochs."""

import contextlib
import json
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from tfslim._support.files import locked, replacing
from tfslim.distillation.distillation_loss import DistillationLoss
from tfslim.distillation.frozen_teacher import FrozenTeacher
from tfslim.distillation.layer_outputs import check_logits
from tfslim.distillation.model_fingerprint import fingerprint
from tfslim.distillation.teacher_manifest import (
    DTYPES,
    MANIFEST,
    VERSION,
    check_same,
    file_name,
    is_whole,
    missing_files,
    read_manifest,
    write_manifest,
)

__all__ = ["TeacherOutputs", "read_teacher_outputs", "write_teacher_outputs"]


class TeacherOutputs:
    """Folder of stored teacher outputs.

    `read_teacher_outputs` and `write_teacher_outputs` return it. Files are memory-mapped, and each is compared with its
    checksum when it is first used.

    Attributes:
        folder: path of the folder.
        shapes: layer name -> shape of its output for one image.
        dtype: "float16" or "float32".
        steps: batches per epoch.
        batch_size: images per batch.
        views: number of stored epochs; epoch e has the outputs of epoch e % views.
    """

    def __init__(self, folder: Path, manifest: dict):
        self.folder = folder
        self.shapes = {name: tuple(shape) for name, shape in manifest["outputs"].items()}
        self.dtype, self.steps, self.batch_size, self.views = (
            manifest[key] for key in ("dtype", "steps", "batch_size", "views")
        )
        self._checksums = manifest["files"]
        self._open: dict[int, dict[str, np.ndarray]] = {}

    def epoch(self, epoch: int) -> dict[str, np.ndarray]:
        """Return the outputs of an epoch by layer name.

        Each array is (steps * batch_size, ...), in the order of the stream.

        Raises:
            FileNotFoundError: if a file is missing.
            ValueError: if a file is damaged.
        """
        view = epoch % self.views
        if view not in self._open:
            self._open[view] = {name: self._map(file_name(view, name), shape) for name, shape in self.shapes.items()}
        return self._open[view]

    def batch(self, epoch: int, step: int) -> dict[str, np.ndarray]:
        """Return the outputs of one batch, (batch_size, ...) each.

        Raises:
            IndexError: if `step` is not in 0..steps - 1.
        """
        if not 0 <= step < self.steps:
            raise IndexError(f"{self.folder}: step {step} of an epoch of {self.steps} steps")
        rows = slice(step * self.batch_size, (step + 1) * self.batch_size)
        return {name: np.array(values[rows]) for name, values in self.epoch(epoch).items()}

    def batches(self, epochs: range) -> Iterator[dict[str, np.ndarray]]:
        """Yield the outputs batch by batch, epoch by epoch."""
        for epoch in epochs:
            for step in range(self.steps):
                yield self.batch(epoch, step)

    def _map(self, file: str, shape: tuple[int, ...]) -> np.ndarray:
        path = self.folder / file
        remedy = f"delete {self.folder} and run the teacher again"
        try:
            values = np.load(path, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            raise FileNotFoundError(f"{path}: missing; {remedy}") from error
        except (ValueError, EOFError, OSError) as error:
            raise ValueError(f"{path}: damaged ({error}); {remedy}") from error
        expected = (self.steps * self.batch_size, *shape)
        if values.shape != expected or values.dtype != self.dtype:
            raise ValueError(f"{path}: holds {values.dtype} {values.shape}, expected {self.dtype} {expected}; {remedy}")
        if zlib.crc32(values) != self._checksums[file]:
            raise ValueError(f"{path}: damaged (its checksum does not match the {MANIFEST}); {remedy}")
        return values


def write_teacher_outputs(
    folder: str | os.PathLike,
    teacher: keras.Model,
    layers: Sequence[str],
    batches: Callable[[int], Iterable],
    *,
    stream: Mapping,
    steps: int,
    batch_size: int,
    views: int = 1,
    dtype: str = "float16",
    losses: Sequence[DistillationLoss] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TeacherOutputs:
    """Run a teacher over a stream and store its outputs.

    If an epoch of the stream depends only on (seed, epoch), as in `tfslim.data.training_batches`, augmented images
    repeat exactly and their outputs can be stored. `views=K` stores the first K epochs, one file per epoch and layer,
    and training repeats them: epoch e has the images and outputs of epoch e % K.

    Epochs that the folder already holds are not run again, so an interrupted run resumes. Each file is written
    atomically, and the manifest lists the complete ones.

    Args:
        folder: created if it does not exist.
        teacher: functional or Sequential model with one input; it runs in inference mode on images resized to its
            input size.
        layers: names of the layers to store, "output" for the model's output; see `teacher_layers`.
        batches: function from an epoch to its batches in order: images (batch_size, H, W, C), or tuples that begin with
            them.
        stream: description of the stream (data, part, size, seed, augmentation) that JSON can hold. Outputs stored for
            another stream are refused.
        steps: batches per epoch.
        batch_size: images per batch.
        views: number of epochs to store.
        dtype: "float16", or "float32" at twice the size.
        losses: the losses that will use the outputs: if one needs logits, a teacher with probabilities is refused here,
            because a Distiller can't see it from the stored values.
        progress: called after each batch with the number of batches done and their total.

    Returns:
        The stored outputs.

    Raises:
        BlockingIOError: if another process is writing into the folder.
        ValueError: if the folder holds outputs of another teacher or stream, an epoch does not have `steps` batches of
            `batch_size`, an output is not finite or overflows float16, or a loss needs logits and the teacher returns
            probabilities.

    Example:
        >>> outputs = write_teacher_outputs(
        ...     "kept",
        ...     teacher,
        ...     ["output"],
        ...     lambda epoch: training_batches(celeba, (64, 64), 32, seed=0, epochs=range(epoch, epoch + 1)),
        ...     stream={"data": "celeba", "size": [64, 64], "seed": 0, "augmentation": "flip"},
        ...     steps=100,
        ...     batch_size=32,
        ...     views=10,
        ... )
    """
    for name, value in (("steps", steps), ("batch_size", batch_size), ("views", views)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected 1 or more")
    if dtype not in DTYPES:
        raise ValueError(f"dtype={dtype!r}; expected {' or '.join(DTYPES)}")
    folder = Path(folder)
    frozen = FrozenTeacher(teacher, layers)
    check_logits(teacher, "teacher", losses)
    manifest = {
        "version": VERSION,
        "teacher": fingerprint(teacher),
        "stream": json.loads(json.dumps(stream)),
        "steps": steps,
        "batch_size": batch_size,
        "views": views,
        "dtype": dtype,
        "outputs": {name: list(shape) for name, shape in frozen.shapes.items()},
        "files": {},
    }
    folder.mkdir(parents=True, exist_ok=True)
    # A complete folder is not locked, so that students that start at the same time don't block each other.
    with contextlib.nullcontext() if is_whole(folder) else locked(folder):
        return _complete(folder, frozen, manifest, batches, progress)


def _complete(folder: Path, frozen: FrozenTeacher, manifest: dict, batches: Callable, progress) -> TeacherOutputs:
    steps, views = manifest["steps"], manifest["views"]
    if (folder / MANIFEST).exists():
        found = read_manifest(folder)
        check_same(folder, found, {key: value for key, value in manifest.items() if key != "files"})
        manifest = found
    for stale in (*folder.glob(".epoch*.npy"), *folder.glob(".manifest*.json")):  # of a run that was killed
        stale.unlink(missing_ok=True)
    runner = _Runner(frozen)
    for epoch in range(views):
        files = {name: file_name(epoch, name) for name in frozen.shapes}
        if all(file in manifest["files"] for file in files.values()):
            progress((epoch + 1) * steps, views * steps)
            continue
        kept = _keep_epoch(folder, runner, batches(epoch), epoch, manifest, progress)
        manifest["files"] |= {files[name]: checksum for name, checksum in kept.items()}
        write_manifest(folder, manifest)
    return TeacherOutputs(folder, manifest)


def read_teacher_outputs(
    folder: str | os.PathLike, *, teacher: keras.Model | None = None, stream: Mapping | None = None
) -> TeacherOutputs:
    """Open stored teacher outputs.

    Args:
        folder: as written by `write_teacher_outputs`.
        teacher: the model that must have made them, compared by layers and weights; None skips the check.
        stream: the stream that they must belong to; None skips the check.

    Raises:
        FileNotFoundError: if the folder holds no outputs.
        ValueError: if they belong to another teacher or stream, some are missing, or the manifest is damaged.

    Example:
        >>> read_teacher_outputs("kept").shapes
        {'output': (40,)}
    """
    folder = Path(folder)
    if not (folder / MANIFEST).exists():
        raise FileNotFoundError(f"{folder}: no {MANIFEST} and so no teacher outputs; run write_teacher_outputs first")
    manifest = read_manifest(folder)
    expected = {} if stream is None else {"stream": json.loads(json.dumps(stream))}
    check_same(folder, manifest, expected if teacher is None else {**expected, "teacher": fingerprint(teacher)})
    missing = missing_files(manifest)
    if missing:
        total = manifest["views"] * len(manifest["outputs"])
        raise ValueError(
            f"{folder}: incomplete, {len(missing)} of {total} files are missing; run write_teacher_outputs again to "
            "resume"
        )
    return TeacherOutputs(folder, manifest)


class _Runner:
    """Frozen teacher compiled for the size of the first images."""

    def __init__(self, frozen: FrozenTeacher):
        self.frozen = frozen
        self.model: keras.Model | None = None

    def __call__(self, images: np.ndarray) -> dict[str, np.ndarray]:
        if self.model is None:
            inputs = keras.Input(images.shape[1:], dtype=str(images.dtype))
            self.model = keras.Model(inputs, self.frozen(inputs))
        return self.model.predict_on_batch(images)


def _keep_epoch(folder: Path, runner: _Runner, batches: Iterable, epoch: int, manifest: dict, progress) -> dict:
    """Write the files of an epoch; return checksums by layer."""
    steps, batch_size, dtype = (manifest[key] for key in ("steps", "batch_size", "dtype"))
    checksums = {}
    with contextlib.ExitStack() as files:
        arrays = {}
        for name, shape in manifest["outputs"].items():
            path = files.enter_context(replacing(folder / file_name(epoch, name)))
            full = (steps * batch_size, *shape)
            arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=full)
        for step, images in enumerate(_exactly(steps, batch_size, batches, epoch)):
            rows = slice(step * batch_size, (step + 1) * batch_size)
            for name, values in runner(images).items():
                arrays[name][rows] = _stored(values, dtype, name)
            progress(epoch * steps + step + 1, manifest["views"] * steps)
        for name, array in arrays.items():
            array.flush()
            checksums[name] = zlib.crc32(array.data)
    return checksums


def _exactly(steps: int, batch_size: int, batches: Iterable, epoch: int) -> Iterator[np.ndarray]:
    """Yield the images of an epoch, checking its batches.

    Another number or size of batches would shift the rows of the outputs against the images.
    """
    expected = f"expected exactly {steps} batches of {batch_size} images"
    step = 0
    for element in batches:
        images = np.asarray(element[0] if isinstance(element, tuple | list) else element)
        if step == steps:
            raise ValueError(f"epoch {epoch} of the stream has more than {steps} batches; {expected}")
        if len(images) != batch_size:
            raise ValueError(f"epoch {epoch} of the stream has a batch of {len(images)}; {expected}")
        yield images
        step += 1
    if step < steps:
        raise ValueError(f"epoch {epoch} of the stream has only {step} batches; {expected}")


def _stored(values: np.ndarray, dtype: str, name: str) -> np.ndarray:
    values = np.asarray(values, "float32")
    invalid = np.count_nonzero(~np.isfinite(values))
    if invalid:
        raise ValueError(
            f"the teacher's {name} is NaN or infinite in {invalid} of the {values.size} values of a batch; check its "
            "weights and the precision that it runs in"
        )
    with np.errstate(over="ignore"):
        stored = values.astype(dtype)
    if not np.isfinite(stored).all():
        largest = np.abs(values).max()
        raise ValueError(f"the teacher's {name} holds {largest}, which overflows {dtype}; use dtype='float32'")
    return stored
