"""A Python file run quietly in a process of its own, since what it calls may crash."""

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
    """Runs a Python file on the CPU, without input, and keeps what it prints.

    It finds the packages that this process finds; tfslim and the worker's own folder need not be among them.

    Args:
        worker: The file.
        *arguments: What it is given on its command line.
        python: Another interpreter, which then finds its own packages only.
        timeout: Seconds after which it is stopped.

    Raises:
        subprocess.TimeoutExpired: If it was stopped.

    Example:
        >>> run_child("inference_worker.py", "face.tflite", "1", "in.npz", "out.npz").returncode  # doctest: +SKIP
        0
    """
    # Neither lets modules beside the worker hide others of the same name; -P keeps PYTHONPATH and packages of the user.
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
    """The name of the signal that ended it, as "SIGSEGV"; None if it ended by itself."""
    return signal.Signals(-outcome.returncode).name if outcome.returncode < 0 else None


def printed_answer(outcome: subprocess.CompletedProcess) -> dict:
    """The JSON object in the last line that it printed; empty if there is none."""
    try:
        answer = json.loads(outcome.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {}
    return answer if isinstance(answer, dict) else {}


def last_words(outcome: subprocess.CompletedProcess) -> str:
    """The end of what it wrote on stderr, for messages."""
    return outcome.stderr.strip()[-_LAST_WORDS:] or "it said nothing"
