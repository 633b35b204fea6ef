"""What quantize.py's recipes say of int8, zeros and clusters."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Sparsity:
    """Small weights that become zeros while the network trains.

    Args:
        share: of each kernel's weights that are 0 in the end, above 0 and below 1; a half with pattern "2:4".
        schedule: all at once, or ever more slowly until half of the training; with "2:4" it is all at once.
        pattern: "unstructured", or "2:4" for two zeros in each four neighbouring input channels.
        depthwise: whether depthwise kernels lose weights as well.
        skip: names of layers that keep all weights.
    """

    share: float = 0.7
    schedule: Literal["constant", "polynomial"] = "polynomial"
    pattern: Literal["unstructured", "2:4"] = "unstructured"
    depthwise: bool = False
    skip: list[str] = field(default_factory=list)

    def __post_init__(self):
        if self.pattern == "2:4" and self.share != 0.5:
            raise ValueError(f"sparsity.share={self.share}: the pattern 2:4 makes a half: set share to 0.5")


@dataclass(frozen=True)
class Clustering:
    """Kernels of few different values; zeros stay where `sparsity` made some.

    Args:
        clusters: values in each kernel.
        start: the values to start from: drawn by k-means++, evenly spaced, at equal shares of the weights, or random.
        depthwise: whether depthwise kernels are clustered as well.
        skip: names of layers that stay as they are.
    """

    clusters: int = 16
    start: Literal["kmeans++", "linear", "density", "random"] = "kmeans++"
    depthwise: bool = False
    skip: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Int8:
    """Training with the roundings of int8, whose .tflite file computes alike; keeps the zeros and clusters made before.

    Args:
        by: "tfmot" for TF-MOT's wrappers, at the best validated epoch, the start among them (which, without zeros and
            clusters to keep, is the file of int8 after training); "native" for Keras 3's own layers without TF-MOT, at
            the best validated epoch, which keep neither zeros nor clusters.
        io: what the file takes and gives.
        representative: training images, drawn by the seed, that the first ranges are measured on.
    """

    by: Literal["tfmot", "native"] = "tfmot"
    io: Literal["int8", "uint8", "float32"] = "int8"
    representative: int = 200

    def __post_init__(self):
        if self.representative < 20:
            raise ValueError(f"int8.representative={self.representative}; expected 20 or more")
