"""Low-bit weights: codecs, codebooks, plans and budgets, training with them, and the packed file.

Names are resolved on first use, so that `read_packed` and the codecs load numpy alone.
"""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "CODECS": ".codecs.registry",
    "Binary": ".codecs.binary",
    "Codec": ".codecs.registry",
    "Encoded": ".codecs.encoded",
    "Float16": ".codecs.floats",
    "Float32": ".codecs.floats",
    "KMeans": ".codecs.kmeans",
    "LogMinMax": ".codecs.log_min_max",
    "PackedFile": ".packed.reader",
    "PackedTensor": ".packed.reader",
    "QuantizingOptimizer": ".quantizing_optimizer",
    "Ternary": ".codecs.ternary",
    "Uniform": ".codecs.uniform",
    "allocate_bits": ".bit_allocation",
    "codec_of": ".codecs.registry",
    "load_packed": ".packed.model",
    "output_distance": ".bit_allocation",
    "plan_codecs": ".plan",
    "quantize_aware": ".int8.training",
    "quantize_weights": ".weights",
    "read_packed": ".packed.reader",
    "detect_codec": ".codecs.detection",
    "recognise": ".codecs.detection",
    "save_packed": ".packed.writer",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
