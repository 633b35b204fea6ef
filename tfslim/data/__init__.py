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
    "Pairs": "verification_pairs",
    "People": "people",
    "PeopleFolder": "people_folders",
    "Records": "records",
    "draw_faces": "drawn_faces",
    "evaluation_batches": "pipeline",
    "pairs": "verification_pairs",
    "people_folder": "people_folders",
    "read_labels": "names",
    "read_pairs": "pairs_file",
    "read_people": "people",
    "training_batches": "pipeline",
    "write_labels": "names",
    "write_pairs": "pairs_file",
    "write_people": "people",
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
