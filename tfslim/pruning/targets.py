"""What a pruning is asked for, as a number of what may be left."""

import numpy as np

from tfslim.pruning.budget import Budget
from tfslim.pruning.channel_graph import ChannelGraph
from tfslim.pruning.selection import Left


def target(
    graph: ChannelGraph,
    ratio: float | None = None,
    params: float | None = None,
    macs: float | None = None,
    bytes: float | None = None,
) -> tuple[Left, float]:
    """What is counted, and how much of it may be left.

    Args:
        graph: the model's channel graph.
        ratio: share of the filters to remove, above 0 and below 1.
        params: parameters to be left: a number, or above 0 and below 1 a share of the model's.
        macs: likewise multiply-accumulates.
        bytes: likewise bytes of the weights.

    Returns:
        A function, which units go -> what is left, and the most that may be left.

    Raises:
        ValueError: none or several are given, one is out of its range, or MACs are asked of a model whose images' size
            is open.

    Example:
        >>> left, limit = target(graph, macs=0.5)
    """
    asked = {"ratio": ratio, "params": params, "macs": macs, "bytes": bytes}
    given = {name: value for name, value in asked.items() if value is not None}
    if len(given) != 1:
        raise ValueError(f"give one of ratio, params, macs and bytes; found {', '.join(given) or 'none'}")
    ((name, value),) = given.items()
    budget = Budget(graph)
    if name == "ratio":
        if not 0 < value < 1:
            raise ValueError(f"ratio={value}: the share of filters to remove lies above 0 and below 1")
        return budget.filters, graph.filter_count * (1 - value)
    if not value > 0:
        raise ValueError(f"{name}={value}: what is to be left is above 0")
    left = getattr(budget, name)
    try:
        whole = left(np.zeros(graph.unit_count, bool))
    except ValueError as error:
        raise ValueError(
            f"{name}={value}: the {name} of {graph.model.name} depend on a size that its inputs leave open; ask for "
            "ratio, params or bytes, or build the model with inputs of a fixed size"
        ) from error
    if value > whole:
        raise ValueError(f"{name}={value:,}: more than the {whole:,} that {graph.model.name} has")
    return left, value * whole if value < 1 else value
