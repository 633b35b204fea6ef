"""edgetpu_compiler run on a file, where there is one, and its verdict beside the linter's."""

import dataclasses
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from tfslim.atomic import replacing
from tfslim.litert.compiler_log import MAPPED, CompilerLog, parse_compiler_log
from tfslim.litert.edgetpu_mapping import MAPPED as ON_EDGETPU
from tfslim.litert.linting import LintResult
from tfslim.text_table import text_table

PROGRAM = "edgetpu_compiler"
_TIMEOUT = 1800  # seconds; the compiler's own limit is 180


class CompilerFailed(RuntimeError):
    """edgetpu_compiler could not be run, or did not end."""


@dataclasses.dataclass(frozen=True)
class Compilation:
    """One run of the compiler: what it said, its output in full, and the file it made, if any."""

    log: CompilerLog
    output: str
    compiled: Path | None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What linter and compiler say of all operators of one name: how many they map, and the compiler's statuses."""

    name: str
    count: int
    linter: int
    compiler: int
    statuses: dict[str, int]

    @property
    def agree(self) -> bool:
        """Whether both map as many."""
        return self.linter == self.compiler


def compiler_path() -> Path | None:
    """Where edgetpu_compiler is on the PATH; None where it is not installed."""
    found = shutil.which(PROGRAM)
    return Path(found) if found else None


def run_compiler(path: str | Path, out: str | Path, compiler: Path | None = None) -> Compilation:
    """Runs edgetpu_compiler on a .tflite file.

    Args:
        path: The file.
        out: Folder for its `_edgetpu.tflite`; it exists.
        compiler: The program; by default the one on the PATH.

    Returns:
        What the compiler said. Its file is kept as `<name>_edgetpu.tflite` in `out`, if it made one.

    Raises:
        CompilerFailed: If there is no compiler, or it can't be started or does not end within half an hour.
        FileNotFoundError: If `out` does not exist.

    Example:
        >>> run_compiler("face-int8.tflite", "files").log.mapped("CONV_2D")  # doctest: +SKIP
        46
    """
    path, compiler = Path(path), compiler or compiler_path()
    if compiler is None:
        raise CompilerFailed(f"{PROGRAM} is not on the PATH; it comes as a Debian package from Google's Coral archive")
    name = f"{path.stem}_edgetpu.tflite"
    with tempfile.TemporaryDirectory(prefix="tfslim-edgetpu-") as folder:
        command = [str(compiler), "-s", "-o", folder, str(path)]
        try:
            outcome = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                timeout=_TIMEOUT,
            )
        except OSError as error:
            raise CompilerFailed(f"{compiler} cannot be run ({error.strerror})") from error
        except subprocess.TimeoutExpired:
            raise CompilerFailed(f"{compiler} did not finish {path} within {_TIMEOUT} s") from None
        made = Path(folder) / name
        compiled = Path(out) / name if outcome.returncode == 0 and made.exists() else None
        if compiled:
            with replacing(compiled) as beside:
                Path(beside).write_bytes(made.read_bytes())
    log = parse_compiler_log(outcome.stdout)
    if not compiled:
        failures = log.failures or [f"it ended with exit status {outcome.returncode} and made no file"]
        log = dataclasses.replace(log, succeeded=False, failures=failures)
    return Compilation(log, outcome.stdout, compiled)


def compare(linted: LintResult, log: CompilerLog) -> list[Verdict]:
    """The compiler's verdict beside the linter's, for each name of an operator; the compiler does not tell more apart.

    Args:
        linted: What the linter says of the file.
        log: What the compiler says of it.

    Returns:
        One row a name, in the order of the graph; then names that only the compiler has.
    """
    counts = Counter(row.operator.name for row in linted.placements)
    mapped = Counter(row.operator.name for row in linted.placements if row.place == ON_EDGETPU and not linted.refused)
    statuses: dict[str, dict[str, int]] = {}
    for name, count, status in log.operators:
        statuses.setdefault(name, Counter())[status] += count
    return [
        Verdict(name, counts[name], mapped[name], log.mapped(name), dict(statuses.get(name, {})))
        for name in dict.fromkeys([*counts, *statuses])
    ]


def comparison_table(verdicts: list[Verdict]) -> str:
    """The rows of `compare` as a text table."""
    rows = [
        [
            row.name,
            f"{row.count:,}",
            f"{row.linter:,}",
            f"{row.compiler:,}",
            "" if row.agree else "differ",
            "; ".join(f"{count} {status}" for status, count in row.statuses.items() if not status.startswith(MAPPED)),
        ]
        for row in verdicts
    ]
    head = ["operator", "count", "linter maps", "compiler maps", "", "compiler's reasons"]
    return text_table(rows, align="<>>><<", head=head)
