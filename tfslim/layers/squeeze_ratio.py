"""How many channels a squeeze leaves."""


def squeezed(filters: int, ratio: float, layer: str) -> int:
    """Returns the squeeze channels of a module with `filters` output channels, rounded down as the papers do.

    Args:
        filters: channels of the module's output, an even number.
        ratio: squeeze channels as a share of `filters`, above 0 and at most 1.
        layer: name of the layer, for the error.

    Raises:
        ValueError: if `filters` can't be halved between two expansions or no channel is left.
    """
    if filters < 2 or filters % 2:
        raise ValueError(f"{layer}: filters={filters} is shared by two expansions; give an even number of 2 or more")
    if not 0 < ratio <= 1:
        raise ValueError(f"{layer}: squeeze_ratio={ratio}; give a share of the filters, above 0 and at most 1")
    if int(ratio * filters) < 1:
        raise ValueError(
            f"{layer}: squeeze_ratio={ratio} of {filters} filters leaves no channel; give at least {1 / filters:.3g}"
        )
    return int(ratio * filters)
