"""Compact face networks on Keras for phones and Edge TPUs.

Names are resolved on first use, so reading labels loads neither Keras nor TensorFlow. A model saved with the layers of
`tfslim.layers` loads once that module is imported, which `import tfslim` after `import keras` does by itself.
"""

import importlib
import sys

__version__ = "0.1.0"

_ROOMS = (
    "data",
    "distillation",
    "identity",
    "inference",
    "layers",
    "litert",
    "losses",
    "metrics",
    "models",
    "plots",
    "pruning",
    "quantization",
    "tfmot",
    "verification",
)
_FUNCTIONS = {
    "flatten": "tfslim.graph.flattening",
    "load_packed": "tfslim.quantization.packed.model",
    "measure": "tfslim.cost",
    "prune_filters": "tfslim.pruning.prune",
    "quantize_weights": "tfslim.quantization.weights",
    "Report": "tfslim.report",
    "save_packed": "tfslim.quantization.packed.writer",
}

__all__ = ["__version__", *_ROOMS, *_FUNCTIONS]


def __getattr__(name: str):
    if name in _FUNCTIONS:
        return getattr(importlib.import_module(_FUNCTIONS[name]), name)
    if name in _ROOMS:
        return importlib.import_module(f"tfslim.{name}")
    raise AttributeError(f"module 'tfslim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


if sys.modules.get("keras"):
    # If Keras is already loaded, a saved model with our layers should load after a bare `import tfslim`.
    importlib.import_module("tfslim.layers")
