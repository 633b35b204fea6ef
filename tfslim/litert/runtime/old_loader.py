"""Files run by TensorFlow 2.6, whose loader is of the Edge TPU compiler's age: a stand-in for the compiler.

It says nothing of what the Edge TPU would map: only whether the loader knows the file's operators, and whether its
kernels compute what LiteRT's do.
"""

import dataclasses
import subprocess
from pathlib import Path

from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.runtime.isolated import CannotRun, largest_difference, random_inputs, run_isolated

PACKAGES = ("tensorflow-cpu==2.6.5", "protobuf<3.21", "numpy<1.20")
# Kernels round differently at every layer; deep nets of random weights end up to 9 steps apart.
FEW_STEPS = 12
_MADE = "made-by-tfslim"
_TIMEOUT = 1800  # seconds


@dataclasses.dataclass(frozen=True)
class OldRun:
    """One file in the old loader: `error` is why it does not run there ("" if it does), `steps` the largest difference
    of an output from LiteRT's, in what the file stores; None where either does not run."""

    path: Path
    error: str
    steps: float | None

    @property
    def agrees(self) -> bool:
        """Whether it runs there and gives LiteRT's outputs within a few steps."""
        return self.steps is not None and self.steps <= FEW_STEPS


def make_environment(folder: str | Path, python: str = "python3.9") -> Path:
    """Makes an environment with TensorFlow 2.6.5, once.

    Args:
        folder: Where; what an earlier call made there is used again.
        python: An interpreter of Python 3.9.

    Returns:
        The environment's interpreter of Python.

    Raises:
        RuntimeError: If there is no Python 3.9, or the packages can't be had.

    Example:
        >>> make_environment("old-loader")  # doctest: +SKIP
        PosixPath('old-loader/bin/python')
    """
    folder = Path(folder)
    inside = folder / "bin" / "python"
    if (folder / _MADE).exists():
        return inside
    version = _ran([python, "--version"])
    if not version.startswith("Python 3.9."):
        raise RuntimeError(f"{python} is {version.strip()}; TensorFlow 2.6 needs Python 3.9")
    _ran([python, "-m", "venv", str(folder)])
    _ran([str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES])
    (folder / _MADE).write_text(" ".join(PACKAGES) + "\n")
    return inside


def run_old(path: str | Path, python: str | Path, runs: int = 3) -> OldRun:
    """Runs a file in TensorFlow 2.6 and in LiteRT on the same random inputs, each in a process of its own.

    Args:
        path: The file.
        python: What `make_environment` gave.
        runs: How many random inputs.

    Raises:
        ModelFileError: If the file is damaged.

    Example:
        >>> run_old("face-int8.tflite", "old-loader/bin/python").steps  # doctest: +SKIP
        1.0
    """
    path = Path(path)
    try:
        inputs = random_inputs(open_file(path).graphs[0], runs)
        old = run_isolated(path, inputs, python)
    except CannotRun as error:
        return OldRun(path, str(error), None)
    try:
        return OldRun(path, "", largest_difference(old, run_isolated(path, inputs)))
    except CannotRun as error:
        return OldRun(path, f"LiteRT: {error}", None)


def _ran(command: list[str]) -> str:
    try:
        outcome = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_TIMEOUT,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RuntimeError(f"{command[0]} cannot be run ({error})") from error
    if outcome.returncode:
        raise RuntimeError(f"{' '.join(command)} fails: {outcome.stdout.strip()[-500:]}")
    return outcome.stdout
