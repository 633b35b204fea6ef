"""A training killed in its middle, as by `kill -9` or a power cut."""

import signal
import subprocess
import time
from pathlib import Path


def kill_after_an_epoch(command: list[str], folder: Path) -> None:
    """Starts a training and kills it as soon as its first epoch's state is in the run folder."""
    kill_when_there_is(folder / "state.npz", command)


def kill_when_there_is(file: Path, command: list[str]) -> None:
    """Starts a training and kills it as soon as it has written a file."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not file.exists():
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
