"""Child processes for code that may crash the interpreter."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

_LAST_WORDS = 300  # characters


def run_child(
    worker: str | Path, *arguments: str | Path, python: str | Path | None = None, timeout: float | None = None
) -> subprocess.CompletedProcess:
    """Run a Python file on the CPU, capturing its output.

    The child imports the packages of this process; tfslim and the worker's folder need not be importable. It has no
    standard input.

    Args:
        worker: path of the Python file.
        *arguments: its command-line arguments.
        python: another interpreter, which imports its own packages only.
        timeout: seconds after which the child is killed.

    Returns:
        The completed process with stdout and stderr as text.

    Raises:
        subprocess.TimeoutExpired: if the child was killed.

    Example:
        >>> run_child("inference_worker.py", "face.tflite", "1", "in.npz", "out.npz").returncode  # doctest: +SKIP
        0
    """
    # Both flags keep modules beside the worker from shadowing others; -P keeps PYTHONPATH and the user's packages.
    command = [sys.executable, "-P"] if python is None else [str(python), "-I"]
    return subprocess.run(
        [*command, str(worker), *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
    )


def crash_signal(outcome: subprocess.CompletedProcess) -> str | None:
    """Return the name of the signal that killed the process.

    Returns:
        A name such as "SIGSEGV", or None if the process exited by itself.
    """
    return signal.Signals(-outcome.returncode).name if outcome.returncode < 0 else None


def printed_answer(outcome: subprocess.CompletedProcess) -> dict:
    """Parse the last line of stdout as JSON.

    Returns:
        The JSON object, or an empty dictionary if the line does not hold one.
    """
    try:
        answer = json.loads(outcome.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def last_words(outcome: subprocess.CompletedProcess) -> str:
    """Return the end of stderr, for error messages."""
    return outcome.stderr.strip()[-_LAST_WORDS:] or "it printed no error"
