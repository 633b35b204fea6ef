"""Programs of training/, run as a user runs them."""

import subprocess
import sys
from pathlib import Path

TRAINING = Path(__file__).parents[2] / "training"


def program_command(setting: Path, program: str, recipe: str, out: str, *more: object) -> list[str]:
    """The words that run a program with a recipe of a test's folder on the faces there."""
    options = ["--config", setting / f"{recipe}.yaml", "--data", setting / "faces", "--out", setting / out]
    return [sys.executable, str(TRAINING / program), *map(str, options), *map(str, more)]


def check_mistake(words: list[str], message: str) -> None:
    """Runs a program that must end with one line that says what is wrong."""
    done = run(words)
    assert done.returncode == 2 and message in done.stderr and "Traceback" not in done.stderr, done.stderr


def run(words: list[str]) -> subprocess.CompletedProcess:
    """Runs it to its end, and keeps what it says."""
    return subprocess.run(words, capture_output=True, text=True)
