"""Weights in few bits: codecs, codebooks, plans and budgets, training with them, and the packed file.

Names are resolved on first use, so that `read_packed` and the codecs load numpy alone.
"""

from tfslim.lazy_names import lazy_names

_HOMES = {
    "CODECS": "codecs",
    "Binary": "binary",
    "Codec": "codecs",
    "Encoded": "encoded",
    "Float16": "floats",
    "Float32": "floats",
    "KMeans": "kmeans",
    "LogMinMax": "log_min_max",
    "PackedFile": "packed_file",
    "PackedTensor": "packed_file",
    "QuantizingOptimizer": "quantizing_optimizer",
    "Ternary": "ternary",
    "Uniform": "uniform",
    "allocate_bits": "bit_allocation",
    "codec_of": "codecs",
    "load_packed": "packed_model",
    "output_distance": "bit_allocation",
    "plan_codecs": "plan",
    "quantize_aware": "int8_training",
    "quantize_weights": "quantizing",
    "read_packed": "packed_file",
    "recognise": "recognition",
    "save_packed": "packed_writer",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
