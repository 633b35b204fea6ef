"""Programs of training/, run as a user runs them."""

import contextlib
import io
import runpy
import subprocess
import sys
import warnings
from pathlib import Path
from unittest import mock

TRAINING = Path(__file__).parents[1] / "training"


def program_command(setting: Path, program: str, recipe: str, out: str, *more: object) -> list[str]:
    """The words that run a program with a recipe of a test's folder on the faces there."""
    options = ["--config", setting / f"{recipe}.yaml", "--data", setting / "faces", "--out", setting / out]
    return [sys.executable, str(TRAINING / program), *map(str, options), *map(str, more)]


def check_mistake(words: list[str], message: str) -> None:
    """Runs a program that must end with one line that says what is wrong."""
    done = run_here(words)
    errors = done.stderr.splitlines()
    assert done.returncode == 2 and len(errors) == 1 and message in errors[0], done.stderr


def run_here(words: list[str]) -> subprocess.CompletedProcess:
    """Runs it to its end in this process, which saves the seconds that loading TensorFlow takes."""
    said, errors = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(errors),
        mock.patch.object(sys, "argv", words[1:]),
        warnings.catch_warnings(),
    ):
        # Networks trained for an epoch or two may answer alike.
        warnings.filterwarnings("ignore", ".*its outputs are the same for all")
        try:
            runpy.run_path(words[1], run_name="__main__")
        except SystemExit as ended:
            return subprocess.CompletedProcess(words, ended.code, said.getvalue(), errors.getvalue())
    raise AssertionError(f"{words[1]} returned: a program ends its process")


def run(words: list[str]) -> subprocess.CompletedProcess:
    """Runs it to its end in a process of its own, and keeps what it says."""
    return subprocess.run(words, capture_output=True, text=True)
