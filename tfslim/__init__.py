"""Compact face networks on Keras for phones and Edge TPUs.

Names are resolved on first use, so reading labels loads neither Keras nor TensorFlow. A model saved with the layers of
`tfslim.layers` loads once that module is imported, which `import tfslim` after `import keras` does by itself.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # for type checkers and editors, which do not run __getattr__
    from tfslim import (
        data as data,
        distillation as distillation,
        identity as identity,
        inference as inference,
        layers as layers,
        litert as litert,
        losses as losses,
        metrics as metrics,
        models as models,
        plots as plots,
        pruning as pruning,
        quantization as quantization,
        tfmot as tfmot,
        verification as verification,
    )
    from tfslim.cost.model_cost import measure as measure
    from tfslim.graph.flattening import flatten as flatten
    from tfslim.pruning.prune import prune_filters as prune_filters
    from tfslim.quantization.packed.model import load_packed as load_packed
    from tfslim.quantization.packed.writer import save_packed as save_packed
    from tfslim.quantization.weights import quantize_weights as quantize_weights
    from tfslim.report import Report as Report

__version__ = "0.2.0"

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
    try:
        if name in _FUNCTIONS:
            return getattr(importlib.import_module(_FUNCTIONS[name]), name)
        if name in _ROOMS:
            return importlib.import_module(f"tfslim.{name}")
    except ModuleNotFoundError as error:
        from tfslim._support.extras import name_extra

        raise name_extra(error, f"tfslim.{name}") from error
    raise AttributeError(f"module 'tfslim' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__


if sys.modules.get("keras"):
    # If Keras is already loaded, a saved model with our layers should load after a bare `import tfslim`.
    importlib.import_module("tfslim.layers")
