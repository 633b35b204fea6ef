"""Estimates of cache use and latency on the Edge TPU.

The estimates for the USB device come from a published fit; nothing here was measured on an Edge TPU.
"""

import dataclasses

from tfslim.litert.flatbuffer.graph import Graph

__all__ = ["CACHE_BYTES", "Estimates", "estimate"]

# Compilers report 7.7 to 7.9 of the 8 MiB as free for parameters; the activations take a share of that.
CACHE_BYTES = int(7.5 * 2**20)
_MIB = 2**20
# int8-pruning-pipeline, docs/PRUNING_HAZARDS.md: fit over 30 models, Coral USB, compiler 16.0, R2 0.996.
_STREAMED_MS, _CACHED_MS, _BASE_MS = 2.256, 0.915, 0.852


@dataclasses.dataclass(frozen=True)
class Estimates:
    """Estimates for a file that the Edge TPU runs whole.

    Attributes:
        parameter_bytes: bytes of all constants.
        cached_bytes: bytes of parameters that would stay in the chip's memory.
        streamed_bytes: bytes of parameters that would be sent over USB at every inference.
        latency_ms: latency of one inference, by a published fit over 30 models that ignores the kinds of layers.
    """

    parameter_bytes: int
    cached_bytes: int
    streamed_bytes: int
    latency_ms: float


def estimate(graph: Graph) -> Estimates:
    """Estimate cache use and latency from a graph's constant bytes.

    Example:
        >>> estimate(graph).latency_ms  # doctest: +SKIP
        1.37
    """
    buffers = {tensor.buffer: tensor.data.size for tensor in graph.tensors if tensor.data is not None}
    total = int(sum(buffers.values()))
    cached = min(total, CACHE_BYTES)
    latency = _STREAMED_MS * (total - cached) / _MIB + _CACHED_MS * cached / _MIB + _BASE_MS
    return Estimates(total, cached, total - cached, latency)
