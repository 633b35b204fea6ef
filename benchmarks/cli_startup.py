"""Time `tfslim --help` beside the help of an old revision's training program.

    python benchmarks/cli_startup.py
    python benchmarks/cli_startup.py --revision bb6808c --rounds 9

Each round runs every command once in a process of its own, so that a busy machine slows them alike. Prints the medians
and their ratio to the old revision's `python training/train.py --help`.
"""

import os
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
from io import BytesIO
from pathlib import Path

from tfslim._support.text import text_table
from tfslim.cli import app

ROOT = Path(__file__).parents[1]
OLD = "python training/train.py --help"


def unpack(revision: str, folder: Path) -> None:
    """Unpack the files of a revision."""
    archive = subprocess.run(["git", "archive", revision], cwd=ROOT, capture_output=True, check=True).stdout
    with tarfile.open(fileobj=BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")


def seconds(words: list[str], folder: Path) -> float:
    """Return the wall time of a command that must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    began = time.perf_counter()
    subprocess.run(words, cwd=folder, stdout=subprocess.DEVNULL, env=environment, check=True)
    return time.perf_counter() - began


def main(revision: str = "bb6808c", rounds: int = 7) -> None:
    """Time the commands.

    Args:
        revision: the old revision
        rounds: runs of each command
    """
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder)
        unpack(revision, old)
        commands = {
            f"{revision}: {OLD}": ([sys.executable, "training/train.py", "--help"], old),
            "tfslim --help": ([sys.executable, "-m", "tfslim", "--help"], ROOT),
            "tfslim train --help": ([sys.executable, "-m", "tfslim", "train", "--help"], ROOT),
        }
        for words, place in commands.values():  # compiles the modules
            seconds(words, place)
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(rounds):
            for name, (words, place) in commands.items():
                times[name].append(seconds(words, place))
    medians = {name: statistics.median(each) for name, each in times.items()}
    first = next(iter(medians.values()))
    rows = [[name, f"{1000 * median:.0f}", f"{median / first:.3f}"] for name, median in medians.items()]
    print(text_table(rows, "<>>", ["command", "median, ms", "ratio"]))


if __name__ == "__main__":
    app.run(main, __doc__)
