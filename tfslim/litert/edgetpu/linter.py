"""Linter of .tflite files: operators that an Edge TPU runs."""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfslim._support.text import text_table
from tfslim.litert.edgetpu.estimates import Estimates, estimate
from tfslim.litert.edgetpu.file_checks import FILE_CHECKS
from tfslim.litert.edgetpu.hit import Hit
from tfslim.litert.edgetpu.operator_checks import OPERATOR_CHECKS
from tfslim.litert.edgetpu.rules import RULES, LintRule
from tfslim.litert.edgetpu.tensor_checks import TENSOR_CHECKS, is_float_end
from tfslim.litert.flatbuffer.graph import Graph, Operator
from tfslim.litert.flatbuffer.summary import FileSummary, read

__all__ = ["Finding", "LintResult", "MAPPED", "Placement", "lint", "lint_summary", "place_operators"]

MAPPED, CPU, STRANDED = "Edge TPU", "CPU", "CPU, stranded"
_MAX_SHOWN = 5  # findings of one rule
_MAX_NAME = 60  # characters


@dataclasses.dataclass(frozen=True)
class Placement:
    """Expected place of one operator: Edge TPU or CPU.

    Attributes:
        operator: the operator.
        place: "Edge TPU", "CPU" or "CPU, stranded" (behind an operator on the CPU).
        why: the rules or the operator that keep it off the Edge TPU, else "".
    """

    operator: Operator
    place: str
    why: str


@dataclasses.dataclass(frozen=True)
class Finding:
    """One place where a file breaks a rule.

    Attributes:
        rule: the rule, with its id, why it matters and its source.
        found: what was found there.
        cure: what to do.
        graph, operator, tensor: their numbers in the file; None if the finding concerns the whole file.
        operator_name, tensor_name: their names, "" without one.
    """

    rule: LintRule
    found: str
    cure: str
    graph: int | None = None
    operator: int | None = None
    operator_name: str = ""
    tensor: int | None = None
    tensor_name: str = ""

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        rule = {"rule": self.rule.id, "title": self.rule.title, "severity": self.rule.severity}
        rule |= {"effect": self.rule.effect, "why": self.rule.why, "source": self.rule.source}
        places = {field.name: getattr(self, field.name) for field in dataclasses.fields(self) if field.name != "rule"}
        return rule | places


@dataclasses.dataclass(frozen=True)
class LintResult:
    """Result of `lint`; `print` shows it as text.

    Attributes:
        path: the file.
        findings: errors first, then warnings, then information.
        placements: where each operator of the first graph would run, in order of execution.
        estimates: cache use and latency by a published fit if the file has no errors; else None.
    """

    path: Path
    findings: list[Finding]
    placements: list[Placement]
    estimates: Estimates | None

    @property
    def errors(self) -> list[Finding]:
        """Return findings that are errors.

        These keep operators off the Edge TPU or make them wrong.
        """
        return [finding for finding in self.findings if finding.rule.severity == "error"]

    @property
    def ok(self) -> bool:
        """Return whether all operators should map and compute correctly."""
        return not self.errors

    @property
    def refused(self) -> bool:
        """Return whether the compiler is expected to refuse the file."""
        return any(finding.rule.effect == "refused" for finding in self.errors)

    @property
    def exit_code(self) -> int:
        """Return 0, or 1 if the file has errors."""
        return 0 if self.ok else 1

    @property
    def mapped(self) -> int:
        """Return how many operators should run on the Edge TPU."""
        return 0 if self.refused else sum(placement.place == MAPPED for placement in self.placements)

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        return {
            "path": str(self.path),
            "ok": self.ok,
            "refused": self.refused,
            "operators": len(self.placements),
            "mapped": self.mapped,
            "findings": [finding.to_dict() for finding in self.findings],
            "placements": [
                {"operator": row.operator.index, "name": row.operator.name, "place": row.place, "why": row.why}
                for row in self.placements
            ],
            "estimates": dataclasses.asdict(self.estimates) if self.estimates else None,
        }

    def __str__(self) -> str:
        parts = [_verdict(self)]
        by_rule: dict[str, list[Finding]] = {}
        for finding in self.findings:
            by_rule.setdefault(finding.rule.id, []).append(finding)
        parts += [_rule_text(RULES[rule], findings) for rule, findings in by_rule.items()]
        return "\n".join(parts)

    def table(self) -> str:
        """Format a table of where each operator would run.

        Returns:
            The text, with one row for each operator.
        """
        rows = [
            [str(row.operator.index), f"{row.operator.name} v{row.operator.version}", row.place, row.why]
            for row in self.placements
        ]
        return text_table(rows, align="><<<", head=["", "operator", "runs on", "why"])


def lint(path: str | Path) -> LintResult:
    """Check a .tflite file against the Edge TPU compiler's rules.

    Neither the compiler (version 16.0) nor a device is needed. The rules are `tfslim.litert.edgetpu.rules.RULES`. They
    come from the compiler's documentation, its users' reports and loaders of its age; a file without errors is expected
    to map completely, which only the compiler itself can confirm.

    Args:
        path: The file, made by any converter.

    Returns:
        Findings with their cures, where each operator would run, and estimates of cache use and latency.

    Raises:
        ModelFileError: If the file is missing, not a .tflite file, truncated or damaged.

    Example:
        >>> result = tfslim.litert.lint("face-int8.tflite")  # doctest: +SKIP
        >>> result.ok, result.mapped  # doctest: +SKIP
        (True, 64)
    """
    return lint_summary(read(path))


def lint_summary(summary: FileSummary) -> LintResult:
    """Check a file that has been read already; see `lint`."""
    findings, broken = [], {}
    for rule, hit in _hits(summary):
        findings.append(_finding(rule, hit))
        if rule.severity == "error" and hit.graph is summary.graphs[0] and hit.operator is not None:
            rules = broken.setdefault(hit.operator.index, [])
            if rule.id not in rules:
                rules.append(rule.id)
    graph = summary.graphs[0]
    placements = place_operators(graph, broken)
    stranded = [row for row in placements if row.place == STRANDED]
    errors = [finding.rule for finding in findings if finding.rule.severity == "error"]
    if stranded and not any(rule.effect == "refused" for rule in errors):
        found = f"{len(stranded)} of {len(placements)} operators that could map, {stranded[0].why}"
        findings.append(_finding(RULES["W1"], Hit(found, graph, stranded[0].operator)))
    order = list(RULES)
    findings.sort(key=lambda finding: order.index(finding.rule.id))
    return LintResult(summary.path, findings, placements, None if errors else estimate(graph))


def place_operators(graph: Graph, broken: Mapping[int, list[str]]) -> list[Placement]:
    """Predict for each operator whether the compiler would map it.

    The Edge TPU runs one part of the graph: after the first operator that does not map, all operators stay on the CPU,
    those of parallel branches too. A QUANTIZE after a float input and a DEQUANTIZE before a float output run on the CPU
    without this effect.

    Args:
        graph: The first graph of the file.
        broken: Number of an operator -> ids of the error rules that it breaks.

    Returns:
        One placement for each operator, in order of execution.
    """
    placements, first = [], None
    for operator in graph.operators:
        stopping = [rule for rule in broken.get(operator.index, []) if RULES[rule].effect != "wrong"]
        if is_float_end(graph, operator) and not stopping:
            placements.append(Placement(operator, CPU, "a float input or output of the file"))
        elif stopping:
            placements.append(Placement(operator, CPU, ", ".join(stopping)))
            first = operator if first is None else first
        elif first is not None:
            placements.append(Placement(operator, STRANDED, f"behind {first.name} (operator {first.index})"))
        else:
            wrong = broken.get(operator.index, [])
            placements.append(Placement(operator, MAPPED, f"wrong numbers: {', '.join(wrong)}" if wrong else ""))
    return placements


def _hits(summary: FileSummary) -> Iterator[tuple[LintRule, Hit]]:
    for rule, check in FILE_CHECKS.items():
        yield from ((RULES[rule], hit) for hit in check(summary))
    for rule, check in (OPERATOR_CHECKS | TENSOR_CHECKS).items():
        for graph in summary.graphs:
            for operator in graph.operators:
                yield from ((RULES[rule], hit) for hit in check(graph, operator))


def _finding(rule: LintRule, hit: Hit) -> Finding:
    operator, tensor = hit.operator, hit.tensor
    return Finding(
        rule=rule,
        found=hit.found,
        cure=hit.cure or rule.cure,
        graph=hit.graph.index if hit.graph else None,
        operator=operator.index if operator else None,
        operator_name=operator.name if operator else "",
        tensor=tensor.index if tensor else None,
        tensor_name=tensor.name if tensor else "",
    )


def _verdict(result: LintResult) -> str:
    total = len(result.placements)
    if result.refused:
        verdict = "the Edge TPU compiler would refuse it"
    else:
        verdict = f"{result.mapped} of {total} operators expected on the Edge TPU"
    errors = "1 error" if len(result.errors) == 1 else f"{len(result.errors)} errors"
    text = f"{result.path.name}: {verdict}, {errors}"
    if result.estimates:
        text += (
            f"\nestimates: {result.estimates.latency_ms:.2f} ms on a Coral USB (published fit over 30 models), "
            f"{result.estimates.parameter_bytes / 2**20:.2f} MiB of parameters, "
            f"{result.estimates.streamed_bytes / 2**20:.2f} MiB of them streamed at every inference"
        )
    return text


def _rule_text(rule: LintRule, findings: list[Finding]) -> str:
    if rule.severity == "information":
        return "\n".join(f"{rule.id} {rule.title}: {finding.found}" for finding in findings)
    lines = [f"{rule.id} {rule.title}: {rule.why}"]
    for finding in findings[:_MAX_SHOWN]:
        operator = f"operator {finding.operator} {finding.operator_name}: " if finding.operator is not None else ""
        name = _short_name(finding.tensor_name) or f"tensor {finding.tensor}"
        tensor = f" ({name})" if finding.tensor is not None else ""
        lines.append(f"    {operator}{finding.found}{tensor}")
    if len(findings) > _MAX_SHOWN:
        lines.append(f"    and {len(findings) - _MAX_SHOWN} more")
    lines += [f"    cure: {cure}" for cure in dict.fromkeys(finding.cure for finding in findings)]
    return "\n".join([*lines, f"    source: {rule.source}"])


def _short_name(name: str) -> str:
    # Converters join the names of all fused operations; the last is the tensor's own.
    name = name.rsplit(";", 1)[-1]
    return name if len(name) <= _MAX_NAME else "..." + name[3 - _MAX_NAME :]
