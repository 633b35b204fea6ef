"""Linter of Keras models for the Edge TPU, before conversion."""

import dataclasses

import keras

from tfslim._support.text import text_table
from tfslim.graph.checks import check_graph_model
from tfslim.graph.traversal import iter_layer_calls
from tfslim.litert.edgetpu.keras_checks import find_violations
from tfslim.litert.edgetpu.rules import RULES, LintRule

__all__ = ["Diagnosis", "LayerFinding", "diagnose"]

_BY_PREPARATION, _BY_CONVERSION = "prepare_for_edgetpu", "convert"
_COMPUTES_SHAPE = ("Flatten", "Reshape", "Permute", "Conv1DTranspose", "Conv2DTranspose")


@dataclasses.dataclass(frozen=True)
class LayerFinding:
    """One layer that breaks a rule.

    Attributes:
        layer: the path of its names through nested models; "" for the whole model.
        rule: the rule, with its id, why it matters and its source.
        found: what was found there.
        cure: what to do.
        cured_by: "prepare_for_edgetpu" or "convert" if that function of `tfslim.litert` does it; else "".
    """

    layer: str
    rule: LintRule
    found: str
    cure: str
    cured_by: str = ""

    @property
    def blocks(self) -> bool:
        """Return whether no function of `tfslim.litert` cures it."""
        return not self.cured_by

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        return {
            "layer": self.layer,
            "rule": self.rule.id,
            "title": self.rule.title,
            "found": self.found,
            "why": self.rule.why,
            "cure": self.cure,
            "cured_by": self.cured_by,
        }


@dataclasses.dataclass(frozen=True)
class Diagnosis:
    """Result of `diagnose`; `print` shows it as text.

    Attributes:
        model: the model's name.
        findings: the findings in the order of the layers.
        unread: layers whose own code can't be read, so that they were not checked.
    """

    model: str
    findings: list[LayerFinding]
    unread: list[str]

    @property
    def ok(self) -> bool:
        """Return whether the model passes.

        It does if all layers were checked and `cured_by` covers all findings.
        """
        return not self.unread and not any(finding.blocks for finding in self.findings)

    def to_dict(self) -> dict:
        """Return plain values for JSON."""
        findings = [finding.to_dict() for finding in self.findings]
        return {"model": self.model, "ok": self.ok, "findings": findings, "unread": self.unread}

    def __str__(self) -> str:
        blocking = sum(finding.blocks for finding in self.findings)
        counts = f"{len(self.findings)} findings, {blocking} of them to be cured by hand"
        lines = [f"{self.model}: {counts if self.findings else 'no findings for the Edge TPU'}"]
        if self.findings:
            rows = [[finding.layer, finding.rule.id, finding.found, finding.cured_by] for finding in self.findings]
            lines.append(text_table(rows, align="<<<<", head=["layer", "rule", "found", "cured by"]))
        for rule in dict.fromkeys(finding.rule for finding in self.findings):
            lines.append(f"{rule.id} {rule.title}: {rule.why}")
            cures = dict.fromkeys(finding.cure for finding in self.findings if finding.rule == rule and finding.blocks)
            lines += [f"    cure: {cure}" for cure in cures]
        lines += [f"{layer}: its code can't be read; convert the model and lint the file" for layer in self.unread]
        return "\n".join(lines)


def diagnose(model: keras.Model) -> Diagnosis:
    """Check a Keras model against the Edge TPU compiler's rules.

    The model is not converted. The rules are those of `tfslim.litert.lint`, which checks the converted file and is
    decisive.

    Args:
        model: A functional or a built Sequential model.

    Returns:
        Findings with their cures, and which of them `prepare_for_edgetpu` and `convert(target="edgetpu")` cure.

    Raises:
        TypeError: If it is a Keras 2 model (tf_keras), or its graph of layers can't be read.

    Example:
        >>> print(tfslim.litert.diagnose(keras.applications.MobileNetV3Small(weights=None)))  # doctest: +SKIP
    """
    check_graph_model(model)
    findings, unread, computing_shape = [], [], []
    # The tensors of a graph with fixed sizes are new; they are kept alive so that their ids are not reused.
    kept = []
    inputs = [keras.KerasTensor((1, *tensor.shape[1:]), tensor.dtype) for tensor in model.inputs]
    source: dict[int, keras.Operation] = {}
    for call in iter_layer_calls(model, inputs):
        kept += call.outputs
        source.update((id(output), call.operation) for output in call.outputs)
        if call.composite:
            continue
        if call.opaque:
            unread.append(call.path)
            continue
        before = source.get(id(call.args[0])) if call.args else None
        for rule, found, cure, exact in find_violations(call, before):
            cured_by = _BY_PREPARATION if exact else ""
            finding = LayerFinding(call.path, RULES[rule], found, cure or RULES[rule].cure, cured_by)
            if finding not in findings:
                findings.append(finding)
        if type(call.operation).__name__ in _COMPUTES_SHAPE:
            computing_shape.append(call.path)
    if computing_shape and any(tensor.shape[0] is None for tensor in model.inputs):
        found = f"the batch is open, so that {', '.join(computing_shape[:3])} compute their shape at run time"
        findings.insert(0, LayerFinding("", RULES["E7"], found, RULES["E7"].cure, _BY_CONVERSION))
    return Diagnosis(model.name, findings, unread)
