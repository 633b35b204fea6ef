"""A Keras model turned into a .tflite file: float32, float16, dynamic range or full int8."""

import contextlib
import errno
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np

from tfslim.atomic import replacing
from tfslim.cost import measure
from tfslim.litert.calibration import gather
from tfslim.litert.flatfile import float_islands
from tfslim.litert.static import input_structure, static_float32
from tfslim.litert.worker import ERROR_MARK
from tfslim.report import Report

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")
TARGETS = ("mobile", "edgetpu")
IO_TYPES = ("float32", "int8", "uint8")


class ConversionError(RuntimeError):
    """TensorFlow's converter refused the model, or crashed on it; no file was written."""


def convert(
    model: keras.Model,
    path: str | Path,
    quantization: str = "none",
    representative: np.ndarray | Iterable | None = None,
    target: str = "mobile",
    io: str | None = None,
) -> Report:
    """Writes a Keras model as a .tflite file of batch 1.

    The model may have been trained in mixed precision; its file computes in float32 or in integers. The converter runs
    in a process of its own, and the file gets its name when it is complete.

    Args:
        model: A functional or Sequential model on the TensorFlow backend, all sizes but the batch fixed.
        path: The file to write; its folder exists.
        quantization: "none" (float32), "float16" (weights stored in 16 bits), "dynamic" (weights in int8, activations
            in float32), or "int8" (weights and activations).
        representative: For "int8": (N, H, W, C) array, or an iterable or tf.data.Dataset of images or batches, on the
            scale that the model takes; at least 20 different images, of which at most 500 are used.
        target: "mobile", or "edgetpu" (int8 only), which keeps to one scale a dense layer.
        io: What the file takes and gives: "float32", "int8" or "uint8"; by default "int8" for int8, else "float32".

    Returns:
        A report: bytes and gzipped bytes of the file; in `skipped` every operator of an int8 file that stayed in float.

    Raises:
        ValueError: If an argument is not one of those named, the model has an open size, or the representative images
            are missing, too few, constant or of another shape.
        TypeError: If the model's graph cannot be read.
        ConversionError: If the converter fails or crashes; its message names the model and the signal.
        OSError: If the file cannot be written; nothing is left under its name.

    Example:
        >>> report = convert(model, "face.tflite", "int8", representative=images)  # doctest: +SKIP
        >>> report.figures["bytes"]  # doctest: +SKIP
        642312
    """
    path = Path(path)
    io = io or ("int8" if quantization == "int8" else "float32")
    _check_choices(path, quantization, target, io)
    copy = static_float32(model)
    images = gather(representative, _image_shape(copy)) if quantization == "int8" else None
    job = {"quantization": quantization, "target": target, "io": io}
    with _full_disk_named(path), tempfile.TemporaryDirectory(prefix="tfslim-convert-") as folder:
        content = _run_worker(copy, images, job, Path(folder))
        with replacing(path) as beside:
            Path(beside).write_bytes(content)
    islands = float_islands(path) if quantization == "int8" else {}
    figures = {
        **job,
        "bytes": len(content),
        "gzipped": len(gzip.compress(content, 9, mtime=0)),
        "params": model.count_params(),
    }
    if images is not None:
        figures["representative_images"] = len(images)
    return Report(
        step=f"convert to {path.name}",
        before=measure(model),
        after=None,
        done=[f"{model.name} -> {path.name}, quantization {quantization}, target {target}, {io} inputs and outputs"],
        skipped={tensor: f"{operator} stays in float32" for tensor, operator in islands.items()},
        figures=figures,
    )


def _check_choices(path: Path, quantization: str, target: str, io: str) -> None:
    for name, value, choices in (
        ("quantization", quantization, QUANTIZATIONS),
        ("target", target, TARGETS),
        ("io", io, IO_TYPES),
    ):
        if value not in choices:
            raise ValueError(f"{name}={value!r}; expected one of {', '.join(map(repr, choices))}")
    if target == "edgetpu" and quantization != "int8":
        raise ValueError(
            f'target="edgetpu" runs int8 only, got quantization={quantization!r}; pass quantization="int8"'
        )
    if io != "float32" and quantization != "int8":
        raise ValueError(f'io={io!r} needs quantization="int8", got {quantization!r}')
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file to write")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder does not exist; make it first")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"convert needs Keras on the TensorFlow backend, this process runs {keras.backend.backend()!r}: save the "
            "model to .keras and convert it in a process with KERAS_BACKEND=tensorflow"
        )


def _image_shape(model: keras.Model) -> tuple[int, ...]:
    if len(model.inputs) != 1:
        raise ValueError(
            f"model '{model.name}' has {len(model.inputs)} inputs; int8 is offered for models of one input"
        )
    return tuple(model.inputs[0].shape[1:])


def _run_worker(model: keras.Model, images: np.ndarray | None, job: dict, folder: Path) -> bytes:
    signature = keras.tree.map_structure(
        lambda tensor: keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), input_structure(model)
    )
    # Of the ways from Keras 3 to the converter some lose the weights without a word; this one keeps them.
    model.export(str(folder / "model"), format="tf_saved_model", input_signature=[signature], verbose=False)
    (folder / "job.json").write_text(json.dumps(job))
    if images is not None:
        np.save(folder / "representative.npy", images)
    # A file and not a module, and -P: the worker then needs neither tfslim nor this folder on its import path.
    command = [sys.executable, "-P", str(Path(__file__).with_name("worker.py")), str(folder)]
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    outcome = subprocess.run(
        command, env=quiet, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace"
    )
    if outcome.returncode:
        raise _failure(outcome, f"'{model.name}' to quantization={job['quantization']!r}")
    return (folder / "result.tflite").read_bytes()


def _failure(outcome: subprocess.CompletedProcess, what: str) -> Exception:
    if outcome.returncode < 0:
        name = signal.Signals(-outcome.returncode).name
        advice = (
            "it was killed, most likely for want of memory: give fewer or smaller representative images"
            if name == "SIGKILL"
            else "this is a fault of the converter in one of the model's layers (recurrent layers in int8 are known "
            "for it): take that layer out or choose another quantization"
        )
        return ConversionError(
            f"TensorFlow's converter crashed with {name} on model {what}; no file was written; {advice}"
        )
    for line in reversed(outcome.stderr.splitlines()):
        if line.startswith(ERROR_MARK):
            error = json.loads(line.removeprefix(ERROR_MARK))
            if os.strerror(errno.ENOSPC) in error["message"]:
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return ConversionError(
                f"TensorFlow's converter refuses model {what} ({error['type']}): {error['message'].strip()}"
            )
    return ConversionError(
        f"TensorFlow's converter ended with exit status {outcome.returncode} on model {what}; its last words: "
        f"{outcome.stderr.strip()[-500:] or 'none'}"
    )


@contextlib.contextmanager
def _full_disk_named(path: Path) -> Iterator[None]:
    """Turns what a full disk raises, TensorFlow's own exceptions too, into an OSError that says where it is."""
    try:
        yield
    except Exception as error:
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        folders = {str(path.absolute().parent), tempfile.gettempdir()}
        room = ", ".join(f"{shutil.disk_usage(folder).free:,} bytes free in {folder}" for folder in sorted(folders))
        raise OSError(
            errno.ENOSPC,
            f"no space left to write {path} ({room}); nothing was written; TMPDIR names another scratch folder",
        ) from error
