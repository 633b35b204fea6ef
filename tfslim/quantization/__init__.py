"""Weights in few bits: codecs, codebooks, plans and budgets, training with them, and the packed file.

Importing it loads Keras and numpy.
"""

from tfslim.quantization.allocate_bits import allocate_bits, output_distance
from tfslim.quantization.binary import Binary
from tfslim.quantization.codecs import CODECS, Codec, codec_of
from tfslim.quantization.encoded import Encoded
from tfslim.quantization.floats import Float16, Float32
from tfslim.quantization.kmeans import KMeans
from tfslim.quantization.log_min_max import LogMinMax
from tfslim.quantization.plan import plan_codecs
from tfslim.quantization.quantize_weights import quantize_weights
from tfslim.quantization.quantizing_optimizer import QuantizingOptimizer
from tfslim.quantization.ternary import Ternary
from tfslim.quantization.uniform import Uniform

__all__ = [
    "CODECS",
    "Binary",
    "Codec",
    "Encoded",
    "Float16",
    "Float32",
    "KMeans",
    "LogMinMax",
    "QuantizingOptimizer",
    "Ternary",
    "Uniform",
    "allocate_bits",
    "codec_of",
    "output_distance",
    "plan_codecs",
    "quantize_weights",
]
