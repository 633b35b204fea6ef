"""Sizes as people write them."""

import re

UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "KiB": 2**10, "MiB": 2**20}


def byte_size(text: str | float) -> int:
    """Bytes in "1.13MB", "300 kB", "2 MiB" or 250000.

    Raises:
        ValueError: the text is none of these, or not above 0.

    Example:
        >>> byte_size("1.13MB")
        1130000
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([A-Za-z]*)\s*", str(text))
    if not found or found[2] not in UNITS:
        raise ValueError(f"{text!r} is no size; write bytes, or a number with {', '.join(filter(None, UNITS))}")
    size = round(float(found[1]) * UNITS[found[2]])
    if size < 1:
        raise ValueError(f"{text!r} is less than a byte")
    return size
