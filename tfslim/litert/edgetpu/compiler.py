"""Runs of edgetpu_compiler, and comparison with the linter."""

import dataclasses
import re
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path

from tfslim._support.files import replacing
from tfslim._support.text import text_table
from tfslim.litert.edgetpu.linter import MAPPED as ON_EDGETPU, LintResult

__all__ = [
    "MAPPED",
    "STATUSES",
    "Compilation",
    "CompilerFailed",
    "CompilerLog",
    "Verdict",
    "compare",
    "comparison_table",
    "compiler_path",
    "parse_compiler_log",
    "run_compiler",
]

MAPPED = "Mapped to Edge TPU"
# Statuses of an operator in edgetpu_compiler 16.0; longer texts may follow on the line.
STATUSES = (
    MAPPED,
    "Operation is otherwise supported, but not mapped due to some unspecified limitation",
    "More than one subgraph is not supported",
    "Operation is working on an unsupported data type",
    "Operation not supported",
    "Operation version not supported",
    "Tensor has unsupported rank (up to 3 innermost dimensions mapped)",
    "Filter, bias, or other param is not constant at compile-time",
)
_PROGRAM = "edgetpu_compiler"
_TIMEOUT = 1800  # seconds; the compiler's own limit is 180
_UNITS = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_SIZES = {
    "Input size": "input_bytes",
    "Output size": "output_bytes",
    "On-chip memory used for caching model parameters": "cached_bytes",
    "On-chip memory remaining for caching model parameters": "cache_left_bytes",
    "Off-chip memory used for streaming uncached model parameters": "streamed_bytes",
}
_COUNTS = {
    "Number of Edge TPU subgraphs": "subgraphs",
    "Total number of operations": "operations",
    "Number of operations that will run on Edge TPU": "on_edgetpu",
    "Number of operations that will run on CPU": "on_cpu",
}
_FAILURES = (
    "Model not quantized",
    "Compilation failed",
    "Invalid model",
    "Internal compiler error",
    "Didn't find op for builtin opcode",
    "Op builtin_code out of range",
    "Model could not be parsed",
    "Attempting to use a delegate that only supports static-sized tensors",
)
_ROW = re.compile(r"^(?P<name>[A-Za-z][\w-]*)\s+(?P<count>\d+)\s+(?P<status>\S.*?)\s*$")


class CompilerFailed(RuntimeError):
    """Raised if edgetpu_compiler can't be run or does not end."""


@dataclasses.dataclass(frozen=True)
class CompilerLog:
    """Parsed output of edgetpu_compiler for one file.

    Attributes:
        version: the compiler's version, "" if it is not printed.
        succeeded: whether it wrote a file.
        operators: (name, count, status) of each line of its operator table.
        figures: the printed bytes and counts by name: "cached_bytes", "streamed_bytes", "on_edgetpu", ...
        failures: the lines that say why it wrote no file.
    """

    version: str
    succeeded: bool
    operators: list[tuple[str, int, str]]
    figures: dict[str, int]
    failures: list[str]

    def mapped(self, name: str) -> int:
        """Count the operators of a name that are mapped."""
        return sum(count for kind, count, status in self.operators if kind == name and status.startswith(MAPPED))

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        rows = [{"name": name, "count": count, "status": status} for name, count, status in self.operators]
        return {**dataclasses.asdict(self), "operators": rows}


@dataclasses.dataclass(frozen=True)
class Compilation:
    """Result of one run of the compiler.

    It has the log, the full output, and the compiled file or None.
    """

    log: CompilerLog
    output: str
    compiled: Path | None


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Verdicts of linter and compiler on operators of one name.

    Attributes:
        name: the operators' name.
        count: how many the file has.
        linter, compiler: how many each maps to the Edge TPU.
        statuses: the compiler's statuses and their counts.
    """

    name: str
    count: int
    linter: int
    compiler: int
    statuses: dict[str, int]

    @property
    def agree(self) -> bool:
        """Return whether both map the same number of operators."""
        return self.linter == self.compiler


def compiler_path() -> Path | None:
    """Find edgetpu_compiler on the PATH, else None."""
    path = shutil.which(_PROGRAM)
    return Path(path) if path else None


def run_compiler(path: str | Path, out: str | Path, compiler: Path | None = None) -> Compilation:
    """Run edgetpu_compiler on a .tflite file.

    Args:
        path: The file.
        out: Existing folder for the compiled file.
        compiler: The program; by default the one on the PATH.

    Returns:
        The compiler's log and output. If it succeeds, its file is kept as `<name>_edgetpu.tflite` in `out`.

    Raises:
        CompilerFailed: If the compiler is not installed, can't be started or does not end within half an hour.
        FileNotFoundError: If `out` does not exist.

    Example:
        >>> run_compiler("face-int8.tflite", "files").log.mapped("CONV_2D")  # doctest: +SKIP
        46
    """
    path, compiler = Path(path), compiler or compiler_path()
    if compiler is None:
        raise CompilerFailed(f"{_PROGRAM} is not on the PATH; install its Debian package from Google's Coral archive")
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
        written = Path(folder) / name
        compiled = Path(out) / name if outcome.returncode == 0 and written.exists() else None
        if compiled:
            with replacing(compiled) as beside:
                Path(beside).write_bytes(written.read_bytes())
    log = parse_compiler_log(outcome.stdout)
    if not compiled:
        failures = log.failures or [f"{_PROGRAM} ended with exit status {outcome.returncode} and wrote no file"]
        log = dataclasses.replace(log, succeeded=False, failures=failures)
    return Compilation(log, outcome.stdout, compiled)


def parse_compiler_log(text: str) -> CompilerLog:
    """Parse the output of `edgetpu_compiler -s`, or its log file.

    Args:
        text: The output; unknown lines are skipped.

    Example:
        >>> parse_compiler_log("CONV_2D   36   Mapped to Edge TPU").mapped("CONV_2D")
        36
    """
    operators, figures, failures, version, in_table = [], {}, [], "", False
    for line in text.splitlines():
        line = line.strip()
        title, _, value = line.partition(":")
        if match := re.search(r"Edge TPU Compiler version ([\d.]+)", line):
            version = match[1]
        elif title in _SIZES and (size := _bytes(value)) is not None:
            figures[_SIZES[title]] = size
        elif title in _COUNTS and value.strip().isdigit():
            figures[_COUNTS[title]] = int(value)
        elif any(failure in line for failure in _FAILURES):
            failures.append(line)
        elif line.split() == ["Operator", "Count", "Status"]:
            in_table = True
        elif (match := _ROW.match(line)) and (in_table or match["status"].startswith(STATUSES)):
            operators.append((match["name"], int(match["count"]), match["status"]))
    succeeded = "Model compiled successfully" in text or "Model successfully compiled" in text
    return CompilerLog(version, succeeded and not failures, operators, figures, failures)


def compare(linted: LintResult, log: CompilerLog) -> list[Verdict]:
    """Compare the linter's verdict with the compiler's by operator name.

    The compiler reports counts by name, not by operator.

    Args:
        linted: The linter's result for the file.
        log: The compiler's log of the same file.

    Returns:
        One verdict for each name in the order of the graph, then for names that only the compiler reports.
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
    """Format the verdicts of `compare` as a text table."""
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
    head = ["operator", "count", "linter", "compiler", "", "compiler's reasons"]
    return text_table(rows, align="<>>><<", head=head)


def _bytes(text: str) -> int | None:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i)?B\s*", text)
    return round(float(match[1]) * _UNITS[f"{match[2] or ''}B"]) if match else None
