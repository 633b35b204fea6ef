"""The codecs by name."""

import dataclasses
import difflib
from collections.abc import Mapping

from tfslim.quantization.codecs.binary import Binary
from tfslim.quantization.codecs.floats import Float16, Float32
from tfslim.quantization.codecs.kmeans import KMeans
from tfslim.quantization.codecs.log_min_max import LogMinMax
from tfslim.quantization.codecs.ternary import Ternary
from tfslim.quantization.codecs.uniform import Uniform

__all__ = ["CODECS", "Codec", "codec_of"]

Codec = LogMinMax | Uniform | KMeans | Ternary | Binary | Float16 | Float32
CODECS: dict[str, type] = {
    codec.name: codec for codec in (LogMinMax, Uniform, KMeans, Ternary, Binary, Float16, Float32)
}


def codec_of(name: str, config: Mapping | None = None) -> Codec:
    """Create a codec by name.

    Args:
        name: one of `CODECS`.
        config: its arguments, as returned by `dataclasses.asdict`.

    Raises:
        ValueError: the name or an argument is unknown, or a value is out of range.

    Example:
        >>> codec_of("uniform", {"bits": 8, "per_filter": True})
        Uniform(bits=8, symmetric=True, per_filter=True)
    """
    config = dict(config or {})
    if name not in CODECS:
        near = difflib.get_close_matches(name, CODECS, n=1)
        raise ValueError(
            f"codec {name!r} is unknown; expected one of {', '.join(CODECS)}"
            + (f"; did you mean {near[0]!r}?" if near else "")
        )
    known = {field.name: field for field in dataclasses.fields(CODECS[name])}
    unknown = sorted(config.keys() - known)
    if unknown:
        raise ValueError(f"codec {name!r} has no argument {unknown[0]!r}; it has {', '.join(known) or 'none'}")
    if "bits" in known and config.get("bits") is None:
        raise ValueError(f"codec {name!r} needs bits")
    return CODECS[name](**config)


def takes_bits(name: str) -> bool:
    """Return whether a codec of that name has adjustable bits."""
    return name in CODECS and any(field.name == "bits" for field in dataclasses.fields(CODECS[name]))
