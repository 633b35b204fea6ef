"""Face data sets as records, arrays and batches.

Names are resolved on first use, so reading labels loads neither TensorFlow nor Keras.
"""

from tfslim._support.lazy import lazy_names

_HOMES = {
    "ATTRIBUTES": ".celeba.attributes",
    "Augmentation": ".augmentation",
    "CelebA": ".celeba.dataset",
    "ImageError": ".images",
    "LabelError": ".celeba.label_files",
    "Pairs": ".verification.pairs",
    "People": ".celeba.people",
    "PeopleFolder": ".verification.people_folder",
    "Records": ".celeba.records",
    "draw_faces": ".drawn_faces.dataset",
    "evaluation_batches": ".pipeline",
    "pairs": ".verification.pairs",
    "people_folder": ".verification.people_folder",
    "read_labels": ".celeba.attributes",
    "read_pairs": ".verification.lfw_file",
    "read_people": ".celeba.people",
    "training_batches": ".pipeline",
    "write_labels": ".celeba.attributes",
    "write_pairs": ".verification.lfw_file",
    "write_people": ".celeba.people",
}

__all__ = [*_HOMES]
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
