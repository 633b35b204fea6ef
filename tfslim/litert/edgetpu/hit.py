"""What a rule's check finds."""

import dataclasses

from tfslim.litert.flatbuffer.graph import Graph, Operator, Tensor


@dataclasses.dataclass(frozen=True)
class Hit:
    """One place where a file breaks a rule; `cure` is there where the rule's own does not say enough."""

    found: str
    graph: Graph | None = None
    operator: Operator | None = None
    tensor: Tensor | None = None
    cure: str = ""


def effective_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without its leading ones.

    Example:
        >>> effective_shape((1, 1, 7, 7))
        (7, 7)
    """
    start = 0
    while start < len(shape) and shape[start] == 1:
        start += 1
    return shape[start:]


def shown(shape: tuple[int, ...]) -> str:
    """A shape in a message: "1x16x16x3"."""
    return "x".join(map(str, shape)) or "scalar"
