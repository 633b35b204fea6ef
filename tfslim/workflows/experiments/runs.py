"""Runs of many trainings, each in its own process.

They run one after another or a few at once, and can be resumed.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

from tfslim._support.files import replacing
from tfslim.distillation.teacher_manifest import is_whole
from tfslim.training.run_folder import differences

COMMAND = (sys.executable, "-m", "tfslim")


@dataclass(frozen=True, eq=False)
class Run:
    """One training.

    Args:
        folder: its run folder.
        program: the subcommand of `tfslim`: "train", "distill" or "quantize".
        options: the content of its `--config`.
        row: the table's row that it belongs to.
        seed: of the training.
        taught: whether a teacher takes part.
        needs: the run that must be done before.
        last: the file that is written last, which shows that the run is done.
    """

    folder: Path
    program: str
    options: dict
    row: str
    seed: int
    taught: bool = False
    needs: "Run | None" = None
    last: str = "report.json"

    @property
    def done(self) -> bool:
        return (self.folder / self.last).is_file()

    def check(self) -> None:
        """Check that the folder has no run of another recipe.

        Weights are not compared.

        Raises:
            ValueError: it does.
        """
        if not (self.folder / "recipe.yaml").is_file():
            return
        changed = set(differences(self.folder, self.options)) - {"teacher_weights", "teacher_outputs", "trained"}
        if changed:
            raise ValueError(
                f"{self.folder}: was begun with another {', '.join(sorted(changed))}; name another folder with --out"
            )

    @property
    def shared(self) -> str | None:
        """Return the folder of teacher outputs to write into.

        None is returned if the run may not write into one.
        """
        return self.options.get("teacher_outputs")

    def start(self) -> subprocess.Popen:
        """Start or resume the run.

        Its output goes to a log beside its folder.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        config = self.folder.with_name(self.folder.name + ".yaml")
        with replacing(config) as path, open(path, "w") as file:
            yaml.safe_dump(self.options, file, sort_keys=False)
        command = [*COMMAND, self.program, "--config", str(config), "--out", str(self.folder)]
        if (self.folder / "recipe.yaml").is_file():
            command.append("--resume")
        with open(self.log, "a") as log:
            return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)

    @property
    def log(self) -> Path:
        return self.folder.with_name(self.folder.name + ".log")


def list_runs(runs: Iterable[Run]) -> None:
    """Print each run's folder, and whether it is done."""
    for run in runs:
        print(f"{'done' if run.done else 'to do':6} {run.folder}")


def run_all(runs: list[Run], jobs: int) -> int:
    """Do the runs that are not done, `jobs` at once.

    A run whose need failed is not begun. Of those that share a teacher's outputs one makes them, and the others are
    begun when these are whole. Ctrl-C stops all; the next call resumes them.

    Args:
        runs: the runs, in the order in which they can be done.
        jobs: how many at once.

    Returns:
        The number that failed or could not be begun.

    Raises:
        ValueError: `jobs` is below 1.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, found {jobs}")
    waiting = [run for run in runs if not run.done]
    print(f"{len(runs) - len(waiting)} of {len(runs)} runs are done already")
    going: dict[Run, tuple[subprocess.Popen, float]] = {}
    failed = 0
    stops = (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM))
    before = {stop: signal.signal(stop, _interrupt) for stop in stops}  # or the trainings would outlive this program
    try:
        while waiting or going:
            for run in [run for run in waiting if _ready(run, going)][: jobs - len(going)]:
                if not _ready(run, going):  # one begun in this round shares its folder
                    continue
                waiting.remove(run)
                going[run] = run.start(), time.monotonic()
                print(f"begun  {run.folder.name}", flush=True)
            if not going:
                break
            time.sleep(1)
            for run, (process, began) in list(going.items()):
                if process.poll() is None:
                    continue
                del going[run]
                minutes = (time.monotonic() - began) / 60
                if process.returncode == 0:
                    print(f"done   {run.folder.name} in {minutes:.1f} minutes; {len(waiting)} to begin", flush=True)
                else:
                    failed += 1
                    print(f"failed {run.folder.name} with {process.returncode}: see {run.log}", flush=True)
    finally:
        for process, _ in going.values():
            process.terminate()
        for process, _ in going.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
        for stop, handler in before.items():
            signal.signal(stop, handler)
    for run in waiting:
        print(f"not begun, as it needs another: {run.folder.name}")
    return failed + len(waiting)


def _ready(run: Run, going: dict) -> bool:
    if run.needs is not None and not run.needs.done:
        return False
    if run.shared is None or all(other.shared != run.shared for other in going):
        return True
    return is_whole(Path(run.shared))


def _interrupt(number, frame):
    raise KeyboardInterrupt
