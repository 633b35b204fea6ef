"""TensorFlow's converter run on a SavedModel in a process of its own, since some conversions end in SIGSEGV."""

import contextlib
import errno
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from tfslim._support.child_process import crash_signal, run_child
from tfslim.litert.conversion.worker import ERROR_MARK


class ConversionError(RuntimeError):
    """TensorFlow's converter refused the model, or crashed on it; no file was written."""


def run_converter(folder: Path, job: Mapping[str, str], samples: Mapping[str, np.ndarray] | None, model: str) -> bytes:
    """Converts a SavedModel to the bytes of a .tflite file.

    Args:
        folder: A scratch folder that holds the SavedModel under the name "model", with one signature. It may come from
            a Keras 3 or a tf_keras model.
        job: "quantization", "target" and "io", as `tfslim.litert.convert` takes them.
        samples: For "int8" and "int16x8": input name of the signature -> (N, ...) representative values in the dtype of
            the input; None for other quantizations.
        model: The model's name, for messages.

    Raises:
        ConversionError: If the converter fails or crashes.
        OSError: If the disk is full.

    Example:
        >>> content = run_converter(folder, job, {"image": images}, model.name)  # doctest: +SKIP
    """
    for number, values in enumerate((samples or {}).values()):
        np.save(folder / f"sample{number}.npy", values)
    job = {**job, "samples": list(samples or {})}
    (folder / "job.json").write_text(json.dumps(job))
    outcome = run_child(Path(__file__).with_name("worker.py"), folder)
    if outcome.returncode:
        raise _failure(outcome, f"'{model}' to quantization={job['quantization']!r}")
    return (folder / "result.tflite").read_bytes()


def _failure(outcome: subprocess.CompletedProcess, what: str) -> Exception:
    if name := crash_signal(outcome):
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
def full_disk_named(path: Path) -> Iterator[None]:
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
