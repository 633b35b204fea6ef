"""A place where a file breaks a rule."""

import dataclasses

from tfslim.litert.flatbuffer.graph import Graph, Operator, Tensor

__all__ = ["Hit", "effective_shape", "shape_text"]


@dataclasses.dataclass(frozen=True)
class Hit:
    """A place where a file breaks a rule.

    Attributes:
        found: what was found there.
        graph, operator, tensor: where; None if it concerns the whole file.
        cure: a more specific cure than the rule's own, else "".
    """

    found: str
    graph: Graph | None = None
    operator: Operator | None = None
    tensor: Tensor | None = None
    cure: str = ""


def effective_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return a shape without its leading ones.

    Example:
        >>> effective_shape((1, 1, 7, 7))
        (7, 7)
    """
    start = 0
    while start < len(shape) and shape[start] == 1:
        start += 1
    return shape[start:]


def shape_text(shape: tuple[int, ...]) -> str:
    """Format a shape for a message: "1x16x16x3"."""
    return "x".join(map(str, shape)) or "scalar"
