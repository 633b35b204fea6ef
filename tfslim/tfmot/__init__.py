"""TF-MOT for Keras 3 models: quantization-aware training, sparsity, clustering, and all of them together.

This is the only room that uses tf_keras and TF-MOT, which are loaded when a step is first used.
"""

from tfslim._support.lazy import lazy_names

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
