"""TF-MOT's steps for Keras 3 models: quantisation-aware training, sparsity, clustering, all of them together.

The only room that knows tf_keras and TF-MOT, which are loaded when a step is first used.
"""

import importlib

# No module may be called like what it offers: importing it would put the module in the place of the function.
_HOMES = {
    "UnsupportedLayer": "tfslim.spelled_out",
    "KernelContent": "tfslim.tfmot.kernel_contents",
    "cluster": "tfslim.tfmot.clustered_training",
    "convert": "tfslim.tfmot.quantized_file",
    "file_kernels": "tfslim.tfmot.kernel_contents",
    "from_tf_keras": "tfslim.tfmot.bridge",
    "load_quantize_aware": "tfslim.tfmot.training_state",
    "model_kernels": "tfslim.tfmot.kernel_contents",
    "pruning_callbacks": "tfslim.tfmot.sparse_training",
    "quantize_aware": "tfslim.tfmot.quantize_aware_training",
    "restore_training": "tfslim.tfmot.training_state",
    "save_training": "tfslim.tfmot.training_state",
    "sparsify": "tfslim.tfmot.sparse_training",
    "strip": "tfslim.tfmot.stripping",
    "to_tf_keras": "tfslim.tfmot.bridge",
}
__all__ = sorted(_HOMES)


def __getattr__(name: str):
    if name not in _HOMES:
        raise AttributeError(f"module 'tfslim.tfmot' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
