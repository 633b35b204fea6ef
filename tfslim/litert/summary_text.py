"""The text of a file's summary: tables of operators, inputs and outputs, and bytes."""

from collections import Counter
from typing import TYPE_CHECKING

from tfslim.litert.tflite_graph import Graph, Operator
from tfslim.litert.tflite_tensor import Tensor
from tfslim.text_table import text_table

if TYPE_CHECKING:
    from tfslim.litert.file_summary import FileSummary

_DEFAULTS = (0, False, "", "NONE", "DEFAULT", None)
_LONGEST = 60
# title, option of the height and of the width, what needs no mention
_PAIRS = (
    ("stride", "stride_h", "stride_w", 1),
    ("dilation", "dilation_h_factor", "dilation_w_factor", 1),
    ("window", "filter_height", "filter_width", 0),
)
_DULL = ("pot_scale_int16",)


def summary_text(summary: "FileSummary") -> str:
    """A file's summary as text."""
    parts = [f"{summary.path.name}  {summary.bytes:,} bytes{_origin(summary)}"]
    for graph in summary.graphs:
        parts.append(_graph_text(graph, summary))
    parts.append(_bytes_text(summary))
    for name, signature in summary.signatures.items():
        ends = [", ".join(signature[end]) or "nothing" for end in ("inputs", "outputs")]
        parts.append(f"signature {name!r}: {' -> '.join(ends)}")
    for title, sizes in (("metadata", summary.metadata), ("associated files", summary.associated_files)):
        if sizes:
            parts.append(f"{title}: " + ", ".join(f"{name} ({size:,} bytes)" for name, size in sizes.items()))
    unused = [f"{name} v{version}" for name, version, uses in summary.operator_codes if not uses]
    if unused:
        parts.append(f"operator codes that nobody uses: {', '.join(unused)}")
    return "\n\n".join(parts)


def tensor_text(tensor: Tensor) -> str:
    """A tensor's type, shape and scale in a few words: "INT8 1x16x16x3, scale 0.5 zero 3"."""
    shape = "x".join(str(size) for size in tensor.shape_signature or tensor.shape) or "scalar"
    text = f"{tensor.dtype} {shape}"
    if len(tensor.scales) == 1:
        zero = int(tensor.zero_points[0]) if len(tensor.zero_points) else 0
        return f"{text}, scale {tensor.scales[0]:.6g} zero {zero}"
    return f"{text}, {len(tensor.scales)} scales" if len(tensor.scales) else text


def _origin(summary: "FileSummary") -> str:
    said = [summary.producer, summary.description]
    if summary.min_runtime_version:
        said.append(f"asks for runtime {summary.min_runtime_version}")
    return "".join(f", {item}" for item in said if item)


def _graph_text(graph: Graph, summary: "FileSummary") -> str:
    title = f"graph {graph.index} {graph.name}".rstrip() if len(summary.graphs) > 1 else ""
    ends = [
        f"{end} {graph.tensors[index].name!r}: {tensor_text(graph.tensors[index])}"
        for end, indices in (("input", graph.inputs), ("output", graph.outputs))
        for index in indices
    ]
    rows = [
        [
            str(operator.index),
            f"{operator.custom_code or operator.name} v{operator.version}",
            _results_text(graph, operator),
            _operands_text(graph, operator),
            _options_text(operator),
            f"{sum(summary.bytes_by_operator.get((graph.index, operator.index), {}).values()):,}",
        ]
        for operator in graph.operators
    ]
    table = text_table(rows, align="><<<<>", head=["", "operator", "output", "constants", "options", "bytes"])
    return "\n".join([title, *ends, "", table] if title else [*ends, "", table])


def _results_text(graph: Graph, operator: Operator) -> str:
    return _short("; ".join(tensor_text(tensor) for tensor in graph.results(operator)))


def _operands_text(graph: Graph, operator: Operator) -> str:
    constants = [tensor for tensor in graph.operands(operator) if tensor is not None and tensor.constant]
    return _short("; ".join(tensor_text(tensor) for tensor in constants))


def _options_text(operator: Operator) -> str:
    left = dict(operator.options)
    words = [operator.activation or ""]
    for title, height, width, usual in _PAIRS:
        pair = left.pop(height, usual), left.pop(width, usual)
        if pair != (usual, usual):
            words.append(f"{title} {pair[0]}x{pair[1]}")
    words += [f"{name} {value}" for name, value in left.items() if value not in _DEFAULTS and name not in _DULL]
    return _short(", ".join(word for word in words if word))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _bytes_text(summary: "FileSummary") -> str:
    by_kind = [
        [kind, f"{count:,}", f"{count / summary.bytes:.1%}"] for kind, count in summary.bytes_by_kind.items() if count
    ]
    sums: Counter = Counter()
    for (graph, operator), counts in summary.bytes_by_operator.items():
        name = summary.graphs[graph].operators[operator].name if graph >= 0 else "no operator"
        sums[name] += sum(counts.values())
    by_name = [[name, f"{count:,}", f"{count / summary.bytes:.1%}"] for name, count in sums.most_common()]
    total = ["in all", f"{summary.bytes:,}", ""]
    return "\n\n".join(
        text_table(rows, align="<>>", head=[title, "bytes", ""], total=total)
        for title, rows in (("what", by_kind), ("operator", by_name))
    )
