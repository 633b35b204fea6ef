"""Options of a recipe.

They are those of data, network, training, distillation, pruning and quantization.
"""

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from tfslim.data.augmentation import Augmentation


@dataclass(frozen=True)
class Network:
    """A network by its name.

    Args:
        name: as `tfslim.models.list_models()` lists it, such as SlimNet.
        arguments: further arguments of its constructor, such as {alpha: 0.5}.
    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """Number of epochs at one image size.

    The last stage's size is the model's.

    Args:
        epochs: number of epochs.
        size: height and width in pixels.
    """

    epochs: int
    size: tuple[int, int]

    def __post_init__(self):
        if self.epochs < 1 or min(self.size) < 1:
            raise ValueError(f"a stage needs at least 1 epoch and 1x1 pixels, found {self}")


@dataclass(frozen=True)
class Head:
    """The classifier of people on a face's features.

    Args:
        kind: "plain" for the network's own classifier, "normalised" for one on L2-normalised features, "cosine" for one
            whose class weights have unit length too, as margins need.
        scale: length of the normalised features, or factor of the cosines.
        learned_scale: whether the scale is trained.
        angular_margin: ArcFace's margin in radians; 0.5 in that paper.
        additive_margin: CosFace's margin; 0.35 in that paper.
    """

    kind: Literal["plain", "normalised", "cosine"] = "plain"
    scale: float = 16.0
    learned_scale: bool = False
    angular_margin: float = 0.0
    additive_margin: float = 0.0

    def __post_init__(self):
        if (self.angular_margin or self.additive_margin) and (self.kind != "cosine" or self.learned_scale):
            raise ValueError(f"head: margins need kind cosine and a scale that is not learned, found {self}")
        if self.kind == "plain" and (self.scale != Head.scale or self.learned_scale):
            raise ValueError(f"head: kind plain has no scale; set kind to normalised or cosine, found {self}")


@dataclass(frozen=True)
class Optimization:
    """AdamW with linear warm-up and a cosine, and the loss.

    Args:
        batch_size: images per step.
        learning_rate: the highest learning rate.
        final_rate: the last learning rate, as a share of the highest.
        warmup_epochs: epochs until the highest learning rate.
        weight_decay: of kernels; biases, normalization and learned scales have none.
        average: momentum of the moving average of the weights that is validated and saved; 0 for none.
        loss: of attributes: "bce", or "balanced", in which each one's positives and negatives weigh the same.
        label_smoothing: label smoothing, from 0 to 1.
    """

    batch_size: int = 64
    learning_rate: float = 3e-3
    final_rate: float = 0.005
    warmup_epochs: float = 2.0
    weight_decay: float = 0.02
    average: float = 0.998
    loss: Literal["bce", "balanced"] = "bce"
    label_smoothing: float = 0.0

    def __post_init__(self):
        if self.batch_size < 1 or self.learning_rate <= 0 or self.warmup_epochs < 0:
            raise ValueError("batch_size and learning_rate must be above 0, warmup_epochs 0 or more")
        if self.weight_decay < 0 or not 0 <= self.final_rate <= 1:
            raise ValueError(
                f"weight_decay={self.weight_decay} must be 0 or more, final_rate={self.final_rate} between 0 and 1"
            )
        for name in ("average", "label_smoothing"):  # at 1 the average never moves, and all labels are alike
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be 0 or more and below 1")


# weight -> options of a distillation that have an effect only if it is not 0.
_USED_WITH = {
    "answers": ("temperature",),
    "features": ("distance", "student_layer", "teacher_layer"),
    "views": ("kept_dtype",),
}


@dataclass(frozen=True)
class Distillation:
    """The losses by which a student copies its teacher.

    Args:
        labels: weight of the loss on the labels.
        answers: weight of the divergence from the teacher's softened outputs: of a softmax for identities, of each
            attribute for attributes.
        temperature: of the softened outputs.
        features: weight of the distance of the L2-normalized features, averaged over the images.
        distance: of the features: "squared" or "cosine".
        student_layer: name of the layer with the student's features.
        teacher_layer: name of the layer with the teacher's features.
        views: run the teacher once on so many epochs, keep its outputs on disk, and repeat these epochs; 0 runs it in
            every step.
        kept_dtype: dtype of the outputs kept with views; float32 takes twice the bytes, and holds values above 65,504.
    """

    labels: float = 1.0
    answers: float = 1.0
    temperature: float = 4.0
    features: float = 0.0
    distance: Literal["squared", "cosine"] = "squared"
    student_layer: str = "embedding"
    teacher_layer: str = "embedding"
    views: int = 0
    kept_dtype: Literal["float16", "float32"] = "float16"

    def __post_init__(self):
        if min(self.labels, self.answers, self.features, self.views) < 0 or self.temperature <= 0:
            raise ValueError(f"distillation: weights and views must be 0 or more, the temperature above 0: {self}")
        if not self.answers and not self.features:
            raise ValueError("distillation: answers and features are both 0, so nothing is copied: set one above 0")
        for weight, options in _USED_WITH.items():
            given = [name for name in options if getattr(self, name) != getattr(Distillation, name)]
            if given and not getattr(self, weight):
                raise ValueError(f"distillation.{given[0]} has no effect while distillation.{weight} is 0")


@dataclass(frozen=True)
class Pruning:
    """Target, importance score and schedule of a pruning.

    Exactly one of `ratio`, `params`, `macs` and `bytes` sets the target.

    Args:
        ratio: share of the original filters to remove, above 0 and below 1.
        params: parameters to keep: a number, or above 0 and below 1 a share of the original's.
        macs: likewise multiply-accumulates.
        bytes: likewise bytes of the weights.
        importance: "taylor" scores filters while the network trains; the others use the weights alone.
        step: the share of the original's filters (or parameters, MACs, bytes) removed at once.
        every: training steps between two drops; 0 for an epoch.
        cut: the share after which dropped filters are cut out, and the model is saved and measured.
        round_to: layers keep a multiple of so many filters.
        min_filters: the least number of filters that a layer keeps.
        keep: names of layers that keep all filters.
    """

    ratio: float | None = None
    params: float | None = None
    macs: float | None = None
    bytes: float | None = None
    importance: Literal["taylor", "l1", "l2", "bn_scale", "random"] = "taylor"
    step: float = 0.01
    every: int = 0
    cut: float = 0.05
    round_to: int = 1
    min_filters: int = 1
    keep: list[str] = field(default_factory=list)

    def __post_init__(self):
        given = [name for name in ("ratio", "params", "macs", "bytes") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"pruning: give one of ratio, params, macs and bytes; found {', '.join(given) or 'none'}")
        if self.ratio is not None and not 0 < self.ratio < 1:
            raise ValueError(f"pruning.ratio={self.ratio} must be above 0 and below 1")
        if not 0 < self.step <= self.cut < 1:
            raise ValueError(f"pruning: step={self.step} and cut={self.cut}; expected 0 < step <= cut < 1")
        if self.every < 0 or self.round_to < 1 or self.min_filters < 1:
            raise ValueError("pruning: every must be 0 or more, round_to and min_filters 1 or more")


@dataclass(frozen=True)
class Quantization:
    """The codec and bits of stored weights.

    Args:
        codec: "log_min_max", "uniform", "kmeans", "ternary", "binary" or "float16".
        bits: of every quantized tensor; none for codecs with a fixed number.
        budget: in place of `bits`, the bytes of all weights, such as 300 kB: each tensor gets the bits that it needs.
        choices: the numbers of bits to choose from under a budget.
        images: validation images to choose a budget's bits by.
        scope: "kernels" of convolutions and dense layers, "convolutions", or "all".
        skip: names of layers to leave out.
        rest: dtype of the other tensors.
        entropy_coding: whether the packed file's codes are entropy-coded.
    """

    codec: Literal["log_min_max", "uniform", "kmeans", "ternary", "binary", "float16"] = "log_min_max"
    bits: int | None = None
    budget: str | None = None
    choices: list[int] = field(default_factory=lambda: list(range(2, 9)))
    images: int = 256
    scope: Literal["kernels", "convolutions", "all"] = "kernels"
    skip: list[str] = field(default_factory=list)
    rest: Literal["float32", "float16"] = "float32"
    entropy_coding: bool = False

    def __post_init__(self):
        if self.bits is not None and self.budget is not None:
            raise ValueError("quantization: found bits and budget; give one of them")
        if self.images < 1:
            raise ValueError(f"quantization.images={self.images}; expected 1 or more")


@dataclass(frozen=True)
class Recipe:
    """All options of a training.

    Args:
        data: folder with CelebA's label files and images.
        model: the network.
        stages: epochs and image sizes, in order.
        task: what to learn.
        head: the classifier, for identities.
        optimization: optimizer, schedule and loss.
        augmentation: random changes of the training images.
        split: the official partition file, 7:2:1 in file order, or 7:2:1 at random.
        split_seed: seed of the random split, and of the people held out.
        attributes: names of the attributes to learn; all by default.
        min_images: learn only people with at least so many images; 1 by default.
        hold_out: number of people to keep out of training, to verify with.
        crop: height and width in pixels of the center to take of each image; all by default.
        on_error: stop at a wrong label row or image, or skip, count and list it.
        precision: of the training step; the saved model is float32.
        strategy: tf.distribute strategy; the batch is divided among its devices.
        cache_gigabytes: largest size of a part's decoded images that are kept in memory.
        validate_every: epochs between two validations.
        seed: seed of weights, order and augmentation.
    """

    data: str
    model: Network
    stages: list[Stage]
    task: Literal["attributes", "identity"] = "attributes"
    head: Head = Head()
    optimization: Optimization = Optimization()
    augmentation: Augmentation = Augmentation()
    split: Literal["official", "7:2:1", "random"] = "official"
    split_seed: int = 0
    attributes: list[str] | None = None
    min_images: int | None = None
    hold_out: int = 0
    crop: tuple[int, int] | None = None
    on_error: Literal["raise", "skip"] = "raise"
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    strategy: Literal["none", "mirrored", "multi_worker_mirrored"] = "none"
    cache_gigabytes: float = 2.0
    validate_every: int = 1
    seed: int = 0

    def __post_init__(self):
        if not self.stages:
            raise ValueError("stages: found none; give at least one, with epochs and size")
        for name, least in (("validate_every", 1), ("cache_gigabytes", 0), ("seed", 0), ("split_seed", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name}={getattr(self, name)}; expected {least} or more")

    @property
    def epochs(self) -> int:
        """Return the number of epochs of all stages."""
        return sum(stage.epochs for stage in self.stages)

    def written(self) -> dict:
        """Return the recipe as plain values, for YAML."""
        return as_plain(dataclasses.asdict(self))


def as_plain(value: Any) -> Any:
    """Turn tuples into lists, recursively."""
    if isinstance(value, dict):
        return {key: as_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(item) for item in value]
    return value


@dataclass(frozen=True)
class Sparsity:
    """Training that turns small weights into zeros.

    Args:
        share: share of zeros in each kernel at the end, above 0 and below 1; 0.5 with pattern "2:4".
        schedule: "constant" for all at once, "polynomial" for ever slower until half of the training; pattern "2:4" is
            always all at once.
        pattern: "unstructured", or "2:4" for two zeros in each four neighboring input channels.
        depthwise: whether depthwise kernels are pruned as well.
        skip: names of layers that keep all weights.
    """

    share: float = 0.7
    schedule: Literal["constant", "polynomial"] = "polynomial"
    pattern: Literal["unstructured", "2:4"] = "unstructured"
    depthwise: bool = False
    skip: list[str] = field(default_factory=list)

    def __post_init__(self):
        if self.pattern == "2:4" and self.share != 0.5:
            raise ValueError(f"sparsity.share={self.share}: pattern 2:4 has 0.5: set share to that")


@dataclass(frozen=True)
class Clustering:
    """Training of kernels with few different values.

    Zeros of `sparsity` are kept.

    Args:
        clusters: number of values in each kernel.
        start: initial values: drawn by k-means++, evenly spaced, at equal shares of the weights, or random.
        depthwise: whether depthwise kernels are clustered as well.
        skip: names of layers to leave unchanged.
    """

    clusters: int = 16
    start: Literal["kmeans++", "linear", "density", "random"] = "kmeans++"
    depthwise: bool = False
    skip: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Int8:
    """Quantization-aware training for an int8 .tflite file.

    Zeros and clusters of the steps before are kept, unless `by` is "native".

    Args:
        by: "tfmot" for TF-MOT's wrappers, at the best validated epoch, including the start (which, without zeros and
            clusters to keep, is the post-training int8 file); "native" for Keras 3's own layers without TF-MOT, at the
            best validated epoch, which keep neither zeros nor clusters.
        io: dtype of the file's inputs and outputs.
        representative: number of training images, drawn by the seed, to measure the first ranges on.
    """

    by: Literal["tfmot", "native"] = "tfmot"
    io: Literal["int8", "uint8", "float32"] = "int8"
    representative: int = 200

    def __post_init__(self):
        if self.representative < 20:
            raise ValueError(f"int8.representative={self.representative}; expected 20 or more")
