"""CelebA's files to records, arrays and batches.

Names are resolved on first use, so that reading labels loads neither TensorFlow nor Keras.
"""

from tfslim.lazy_names import lazy_names

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
__getattr__, __dir__ = lazy_names(__name__, _HOMES)
