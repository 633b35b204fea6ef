"""Where each operator would run: a simulation of how the Edge TPU compiler cuts a graph."""

import dataclasses
from collections.abc import Mapping

from tfslim.litert.edgetpu_rules import RULES
from tfslim.litert.edgetpu_tensor_checks import is_float_end
from tfslim.litert.tflite_graph import Graph, Operator

MAPPED, CPU, STRANDED = "Edge TPU", "CPU", "CPU, stranded"


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where one operator would run: `place` is "Edge TPU", "CPU" or "CPU, stranded", `why` names rules or operators."""

    operator: Operator
    place: str
    why: str


def place_operators(graph: Graph, broken: Mapping[int, list[str]]) -> list[Placement]:
    """Says of each operator, in the order in which they run, whether the compiler would map it.

    There is one part on the Edge TPU: from the first operator that does not map, all that follow stay on the CPU, those
    of parallel branches too. A QUANTIZE behind a float input and a DEQUANTIZE before a float output run on the CPU
    without cutting anything off.

    Args:
        graph: The first graph of the file.
        broken: Number of an operator -> ids of the error rules that it breaks.

    Returns:
        One placement for each operator.
    """
    placements, first = [], None
    for operator in graph.operators:
        stopping = [rule for rule in broken.get(operator.index, []) if RULES[rule].effect != "wrong"]
        if is_float_end(graph, operator) and not stopping:
            placements.append(Placement(operator, CPU, "a float end of the file"))
        elif stopping:
            placements.append(Placement(operator, CPU, ", ".join(stopping)))
            first = operator if first is None else first
        elif first is not None:
            placements.append(Placement(operator, STRANDED, f"behind {first.name} (operator {first.index})"))
        else:
            wrong = broken.get(operator.index, [])
            placements.append(Placement(operator, MAPPED, f"wrong numbers: {', '.join(wrong)}" if wrong else ""))
    return placements
