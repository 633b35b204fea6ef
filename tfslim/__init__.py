"""Compact face networks on Keras: train, prune, quantise, and export them for phones and the Edge TPU.

Each name below loads what it needs when first used, so reading labels loads neither Keras nor TensorFlow. Models
saved with layers of ours open once `tfslim.layers` is loaded, which `import tfslim` after `import keras` does itself.
"""

import importlib
import sys

__version__ = "0.1.0"

_ROOMS = (
    "data",
    "distillation",
    "identity",
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
    # Where Keras is loaded already, a saved model with our layers should open after a bare `import tfslim`.
    importlib.import_module("tfslim.layers")
