"""Low-bit weights: codecs, plans, training and the packed file.

Codebooks and budgets are here too. Names are resolved on first use, so that `read_packed` and the codecs load numpy
alone.
"""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.quantization.bit_allocation import (
        allocate_bits as allocate_bits,
        output_distance as output_distance,
    )
    from tfslim.quantization.codecs.binary import Binary as Binary
    from tfslim.quantization.codecs.detection import (
        detect_codec as detect_codec,
        recognise as recognise,
    )
    from tfslim.quantization.codecs.encoded import Encoded as Encoded
    from tfslim.quantization.codecs.floats import (
        Float16 as Float16,
        Float32 as Float32,
    )
    from tfslim.quantization.codecs.kmeans import KMeans as KMeans
    from tfslim.quantization.codecs.log_min_max import LogMinMax as LogMinMax
    from tfslim.quantization.codecs.registry import (
        CODECS as CODECS,
        Codec as Codec,
        codec_of as codec_of,
    )
    from tfslim.quantization.codecs.ternary import Ternary as Ternary
    from tfslim.quantization.codecs.uniform import Uniform as Uniform
    from tfslim.quantization.int8.training import quantize_aware as quantize_aware
    from tfslim.quantization.packed.model import load_packed as load_packed
    from tfslim.quantization.packed.reader import (
        PackedFile as PackedFile,
        PackedTensor as PackedTensor,
        read_packed as read_packed,
    )
    from tfslim.quantization.packed.writer import save_packed as save_packed
    from tfslim.quantization.plan import plan_codecs as plan_codecs
    from tfslim.quantization.quantizing_optimizer import QuantizingOptimizer as QuantizingOptimizer
    from tfslim.quantization.weights import quantize_weights as quantize_weights

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
