"""Face data sets as records, arrays and batches.

Names are resolved on first use, so reading labels loads neither TensorFlow nor Keras.
"""

from typing import TYPE_CHECKING

from tfslim._support.lazy import lazy_names

if TYPE_CHECKING:  # for type checkers and editors, which do not run lazy_names
    from tfslim.data.augmentation import Augmentation as Augmentation
    from tfslim.data.celeba.attributes import (
        ATTRIBUTES as ATTRIBUTES,
        read_labels as read_labels,
        write_labels as write_labels,
    )
    from tfslim.data.celeba.dataset import CelebA as CelebA
    from tfslim.data.celeba.label_files import LabelError as LabelError
    from tfslim.data.celeba.people import (
        People as People,
        read_people as read_people,
        write_people as write_people,
    )
    from tfslim.data.celeba.records import Records as Records
    from tfslim.data.drawn_faces.dataset import draw_faces as draw_faces
    from tfslim.data.images import ImageError as ImageError
    from tfslim.data.pipeline import (
        evaluation_batches as evaluation_batches,
        training_batches as training_batches,
    )
    from tfslim.data.verification.lfw_file import (
        read_pairs as read_pairs,
        write_pairs as write_pairs,
    )
    from tfslim.data.verification.pairs import (
        Pairs as Pairs,
        pairs as pairs,
    )
    from tfslim.data.verification.people_folder import (
        PeopleFolder as PeopleFolder,
        people_folder as people_folder,
    )

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
