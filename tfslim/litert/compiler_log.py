"""What edgetpu_compiler says of a file, read from its output."""

import dataclasses
import re

MAPPED = "Mapped to Edge TPU"
# What edgetpu_compiler 16.0 gives as an operator's status; longer texts may follow on the line.
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


@dataclasses.dataclass(frozen=True)
class CompilerLog:
    """What edgetpu_compiler says of one file.

    Attributes:
        version: of the compiler, "" where it does not say.
        succeeded: whether it made a file.
        operators: (name, count, status) of each line of its operator table.
        figures: bytes and counts by name: "cached_bytes", "streamed_bytes", "on_edgetpu", ...; those it gives.
        failures: the lines that say why it made none.
    """

    version: str
    succeeded: bool
    operators: list[tuple[str, int, str]]
    figures: dict[str, int]
    failures: list[str]

    def mapped(self, name: str) -> int:
        """How many operators of a name are mapped to the Edge TPU."""
        return sum(count for kind, count, status in self.operators if kind == name and status.startswith(MAPPED))

    def to_dict(self) -> dict:
        """Plain values for JSON."""
        rows = [{"name": name, "count": count, "status": status} for name, count, status in self.operators]
        return {**dataclasses.asdict(self), "operators": rows}


def parse_compiler_log(text: str) -> CompilerLog:
    """Reads the output of `edgetpu_compiler -s`, or the log that it writes beside its file.

    Args:
        text: The output; lines that are not understood are passed over.

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


def _bytes(text: str) -> int | None:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMG]i)?B\s*", text)
    return round(float(match[1]) * _UNITS[f"{match[2] or ''}B"]) if match else None
