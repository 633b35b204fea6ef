"""Estimates of what a file would cost on a Coral USB Edge TPU; nothing here was measured on one."""

import dataclasses

from tfslim.litert.flatbuffer.graph import Graph

# What compilers report as free for parameters is 7.7 to 7.9 MiB of the 8; the activations take a share of it.
CACHE_BYTES = int(7.5 * 2**20)
_MIB = 2**20
# int8-pruning-pipeline, docs/PRUNING_HAZARDS.md: fit over 30 models, Coral USB, compiler 16.0, R2 0.996.
_STREAMED_MS, _CACHED_MS, _BASE_MS = 2.256, 0.915, 0.852


@dataclasses.dataclass(frozen=True)
class Estimates:
    """Estimates for a file that runs on the Edge TPU from end to end.

    Attributes:
        parameter_bytes: bytes of all constants.
        cached_bytes: what would stay in the chip's memory.
        streamed_bytes: what would be sent over USB at every inference.
        latency_ms: of one inference, by a published fit over 30 models; it does not know the layers.
    """

    parameter_bytes: int
    cached_bytes: int
    streamed_bytes: int
    latency_ms: float


def estimate(graph: Graph) -> Estimates:
    """Estimates cache use and latency from the bytes of a graph's constants.

    Example:
        >>> estimate(graph).latency_ms  # doctest: +SKIP
        1.37
    """
    buffers = {tensor.buffer: tensor.data.size for tensor in graph.tensors if tensor.constant}
    total = int(sum(buffers.values()))
    cached = min(total, CACHE_BYTES)
    latency = _STREAMED_MS * (total - cached) / _MIB + _CACHED_MS * cached / _MIB + _BASE_MS
    return Estimates(total, cached, total - cached, latency)
