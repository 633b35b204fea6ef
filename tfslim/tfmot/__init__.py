"""TF-MOT for Keras 3 models.

The results are models of quantization-aware training, sparsity, clustering, or all of them together. This is the only
room that uses tf_keras and TF-MOT, which are loaded when a step is first used.
"""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.graph.decomposition import UnsupportedLayer as UnsupportedLayer
    from tfslim.tfmot.bridge import (
        from_tf_keras as from_tf_keras,
        to_tf_keras as to_tf_keras,
    )
    from tfslim.tfmot.clustered_training import cluster as cluster
    from tfslim.tfmot.kernel_statistics import (
        KernelContent as KernelContent,
        file_kernels as file_kernels,
        model_kernels as model_kernels,
    )
    from tfslim.tfmot.quantize_aware_training import (
        quantize_aware as quantize_aware,
        wrap_quantize_aware as wrap_quantize_aware,
    )
    from tfslim.tfmot.quantized_file import (
        convert as convert,
        convert_trained as convert_trained,
    )
    from tfslim.tfmot.sparse_training import (
        pruning_callbacks as pruning_callbacks,
        sparsify as sparsify,
    )
    from tfslim.tfmot.stripping import strip as strip
    from tfslim.tfmot.training_state import (
        load_quantize_aware as load_quantize_aware,
        restore_training as restore_training,
        save_training as save_training,
    )

_HOMES = {
    "UnsupportedLayer": "tfslim.graph.decomposition",
    "KernelContent": ".kernel_statistics",
    "cluster": ".clustered_training",
    "convert": ".quantized_file",
    "convert_trained": ".quantized_file",
    "file_kernels": ".kernel_statistics",
    "from_tf_keras": ".bridge",
    "load_quantize_aware": ".training_state",
    "model_kernels": ".kernel_statistics",
    "pruning_callbacks": ".sparse_training",
    "quantize_aware": ".quantize_aware_training",
    "restore_training": ".training_state",
    "save_training": ".training_state",
    "sparsify": ".sparse_training",
    "strip": ".stripping",
    "to_tf_keras": ".bridge",
    "wrap_quantize_aware": ".quantize_aware_training",
}
__all__ = sorted(_HOMES)
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
