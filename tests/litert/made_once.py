"""Files that take long to make, made by the first of several test workers for all of them."""

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(temporary: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """The folder of this name of a test run, which `make` fills if no other worker of pytest-xdist has done so.

    Args:
        temporary: the fixture `tmp_path_factory`.
        name: the same in all workers, and of no other folder.
        make: writes the files into the folder it is given.
    """
    base = temporary.getbasetemp()
    base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # each worker has a folder in the run's
    folder, made = base / name, base / f"{name}-made"
    with open(base / f"{name}-lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            folder.mkdir(exist_ok=True)
            make(folder)
            made.touch()
    return folder
