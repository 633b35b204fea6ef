"""The list of the models."""

import dataclasses

__all__ = ["CATALOG", "list_models"]


@dataclasses.dataclass(frozen=True)
class Entry:
    """What a model is, at the default arguments of its constructor.

    Args:
        name: name of the constructor in `tfslim.models`.
        task: what the outputs are.
        size: (height, width) of the image, in pixels.
        trainable_params: number of trainable parameters.
        source: paper that the model comes from.
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
    """Returns the names of the constructors in `tfslim.models`, in alphabetical order.

    Args:
        containing: text that the name must contain, in any case.

    Example:
        >>> tfslim.models.list_models("net")
        ['MobileNet', 'ResNet18', 'SlimNet', 'SqueezeNet']
    """
    return [entry.name for entry in CATALOG if containing.lower() in entry.name.lower()]
