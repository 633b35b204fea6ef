"""Catalog of the models in `tfslim.models`."""

import dataclasses

__all__ = ["CATALOG", "list_models"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """Description of a model with its default arguments.

    Args:
        name: name of the constructor in `tfslim.models`.
        task: meaning of the outputs.
        size: (height, width) of the image, in pixels.
        trainable_params: number of trainable parameters.
        source: papers that define the model.
    """

    name: str
    task: str
    size: tuple[int, int]
    trainable_params: int
    source: str


CATALOG = (
    Entry("MobileNet", "40 attributes", (224, 224), 3_247_976, "arXiv 1704.04861"),
    Entry("ResNet18", "40 attributes", (224, 224), 11_509_992, "arXiv 1512.03385"),
    Entry("SlimNet", "40 attributes", (218, 178), 571_304, "arXiv 1907.02157"),
    Entry("SqueezeNet", "embedding of 1000", (113, 113), 1_243_384, "arXiv 1602.07360, 2307.10697"),
    Entry("VGG11", "2360 identities", (120, 120), 10_745_016, "arXiv 1409.1556, NTU DLCV 2018"),
)


def list_models(containing: str = "") -> list[str]:
    """Return the names of the model constructors, sorted.

    Args:
        containing: substring that the name must contain, ignoring case.

    Example:
        >>> tfslim.models.list_models("net")
        ['MobileNet', 'ResNet18', 'SlimNet', 'SqueezeNet']
    """
    return [entry.name for entry in CATALOG if containing.lower() in entry.name.lower()]
