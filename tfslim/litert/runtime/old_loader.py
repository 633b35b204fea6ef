"""Runs in TensorFlow 2.6, which is as old as edgetpu_compiler.

It stands in for the compiler's own loader. A run shows whether that loader knows the file's operators and whether its
kernels agree with LiteRT's; it does not show which operators the Edge TPU would map.
"""

import dataclasses
import subprocess
from pathlib import Path

from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.runtime.isolated import CannotRun, largest_difference, random_inputs, run_isolated

__all__ = ["MAX_STEPS", "OldRun", "make_environment", "run_old"]

_PACKAGES = ("tensorflow-cpu==2.6.5", "protobuf<3.21", "numpy<1.20")
# Kernels round differently at every layer; outputs of deep nets of random weights differ by up to 9 steps.
MAX_STEPS = 12
_MARKER = "made-by-tfslim"
_TIMEOUT = 1800  # seconds


@dataclasses.dataclass(frozen=True)
class OldRun:
    """Result of one file in the old loader.

    Attributes:
        path: the file.
        error: why it does not run there, "" if it does.
        steps: the largest difference from LiteRT's outputs, in the units that the file stores; None if either does not
            run it.
    """

    path: Path
    error: str
    steps: float | None

    @property
    def agrees(self) -> bool:
        """Return whether the outputs agree to within 12 steps.

        A file that does not run does not agree.
        """
        return self.steps is not None and self.steps <= MAX_STEPS


def make_environment(folder: str | Path, python: str = "python3.9") -> Path:
    """Create a virtual environment with TensorFlow 2.6.5, once.

    Args:
        folder: Folder of the environment; one that an earlier call made there is used again.
        python: A Python 3.9 interpreter.

    Returns:
        The environment's Python interpreter.

    Raises:
        RuntimeError: If `python` is not Python 3.9, or the packages can't be installed.

    Example:
        >>> make_environment("old-loader")  # doctest: +SKIP
        PosixPath('old-loader/bin/python')
    """
    folder = Path(folder)
    inside = folder / "bin" / "python"
    if (folder / _MARKER).exists():
        return inside
    version = _run([python, "--version"])
    if not version.startswith("Python 3.9."):
        raise RuntimeError(f"{python} is {version.strip()}; TensorFlow 2.6 needs Python 3.9; pass its interpreter")
    _run([python, "-m", "venv", str(folder)])
    _run([str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *_PACKAGES])
    (folder / _MARKER).write_text(" ".join(_PACKAGES) + "\n")
    return inside


def run_old(path: str | Path, python: str | Path, runs: int = 3) -> OldRun:
    """Run a file in TensorFlow 2.6 and in LiteRT.

    Both get the same random inputs, each in a process of its own.

    Args:
        path: The file.
        python: The interpreter that `make_environment` returned.
        runs: Number of random inputs.

    Returns:
        Whether it runs, and how far the outputs differ.

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


def _run(command: list[str]) -> str:
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
