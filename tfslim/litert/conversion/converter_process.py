"""Process of its own for TensorFlow's converter.

Some conversions end in SIGSEGV, which would end the caller's process.
"""

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

__all__ = ["ConversionError", "full_disk_named", "run_converter"]


class ConversionError(RuntimeError):
    """Raised if TensorFlow's converter refuses a model or crashes.

    No file was written.
    """


def run_converter(folder: Path, job: Mapping[str, str], samples: Mapping[str, np.ndarray] | None, model: str) -> bytes:
    """Convert a SavedModel to the bytes of a .tflite file.

    Args:
        folder: A scratch folder that holds the SavedModel under the name "model", with one signature. It may come from
            a Keras 3 or a tf_keras model.
        job: "quantization", "target" and "io", as in `tfslim.litert.convert`.
        samples: For "int8" and "int16x8": input name of the signature -> (N, ...) representative values in the dtype of
            the input; None for other quantizations.
        model: The model's name, for messages.

    Returns:
        The content of the file.

    Raises:
        ConversionError: If the converter fails or crashes.
        OSError: If the disk is full.

    Example:
        >>> content = run_converter(folder, job, {"image": images}, model.name)  # doctest: +SKIP
    """
    for number, values in enumerate((samples or {}).values()):
        np.save(folder / f"sample{number}.npy", values)
    (folder / "job.json").write_text(json.dumps({**job, "samples": list(samples or {})}))
    outcome = run_child(Path(__file__).with_name("worker.py"), folder)
    if outcome.returncode:
        raise _failure(outcome, f"'{model}' to quantization={job['quantization']!r}")
    return (folder / "result.tflite").read_bytes()


def _failure(outcome: subprocess.CompletedProcess, task: str) -> Exception:
    if name := crash_signal(outcome):
        advice = (
            "it was killed, most likely because memory ran out: pass fewer or smaller representative images"
            if name == "SIGKILL"
            else "this is a fault of the converter in one of the model's layers (recurrent layers in int8 are known "
            "for it): remove that layer or choose another quantization"
        )
        return ConversionError(
            f"TensorFlow's converter crashed with {name} on model {task}; no file was written; {advice}"
        )
    for line in reversed(outcome.stderr.splitlines()):
        if line.startswith(ERROR_MARK):
            error = json.loads(line.removeprefix(ERROR_MARK))
            if os.strerror(errno.ENOSPC) in error["message"]:
                return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return ConversionError(
                f"TensorFlow's converter refuses model {task} ({error['type']}): {error['message'].strip()}"
            )
    return ConversionError(
        f"TensorFlow's converter ended with exit status {outcome.returncode} on model {task}; its last output: "
        f"{outcome.stderr.strip()[-500:] or 'none'}"
    )


@contextlib.contextmanager
def full_disk_named(path: Path) -> Iterator[None]:
    """Report a full disk as an OSError with free space.

    TensorFlow's own exceptions for a full disk are turned into it too.

    Args:
        path: The file that is being written.
    """
    try:
        yield
    except Exception as error:
        if os.strerror(errno.ENOSPC) not in str(error):
            raise
        folders = {str(path.absolute().parent), tempfile.gettempdir()}
        free = ", ".join(f"{shutil.disk_usage(folder).free:,} bytes free in {folder}" for folder in sorted(folders))
        raise OSError(
            errno.ENOSPC,
            f"no space left to write {path} ({free}); nothing was written; free some space, or set TMPDIR to another "
            "scratch folder",
        ) from error
