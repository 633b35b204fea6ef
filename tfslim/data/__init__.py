"""CelebA's files to records, arrays and batches.

Names are resolved on first use, so that reading labels loads neither TensorFlow nor Keras.
"""

import importlib

_HOMES = {
    "ATTRIBUTES": "names",
    "Augmentation": "augmentation",
    "CelebA": "celeba",
    "ImageError": "images",
    "LabelError": "labels",
    "Records": "records",
    "draw_faces": "drawn_faces",
    "evaluation_batches": "pipeline",
    "read_labels": "names",
    "training_batches": "pipeline",
    "write_labels": "names",
}

__all__ = [*_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
