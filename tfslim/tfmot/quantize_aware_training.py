"""`tfslim.tfmot.quantize_aware`: a tf_keras model that trains with int8 roundings."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import keras
import numpy as np

from tfslim.quantization.int8.calibration import measure_ranges
from tfslim.quantization.int8.layout import rewrite_for_int8
from tfslim.quantization.int8.report import int8_report
from tfslim.quantization.int8.scheme import QuantizedStep, int8_scheme
from tfslim.report import Report
from tfslim.tfmot.bridge import to_tf_keras
from tfslim.tfmot.layer_translation import check_activity, legacy_weight
from tfslim.tfmot.packages import tf_keras
from tfslim.tfmot.weight_quantizers import Int8Config, Int8Wrapper, cluster_members, filters_of

__all__ = ["quantize_aware", "wrap_quantize_aware"]

Kept = Literal["zeros", "clusters"]
_MOST_CLUSTERS = 255  # distinct values that int8 has per filter


def wrap_quantize_aware(
    model: keras.Model, representative: Iterable | None = None, keep: Sequence[Kept] = ()
) -> tuple[Any, Report]:
    """Make a tf_keras model that trains with int8 roundings.

    It computes as its int8 file will, by TF-MOT's wrappers; `tfslim.quantization.quantize_aware` makes a Keras 3 model
    that does so on any backend, without TF-MOT. Layers that TFLite has no single int8 operator for are rewritten: a
    batch normalization after an addition, a rescaling, an average, a separable convolution, hard_swish. The rest stays
    in float, with its reason in the report. Distillation works through targets that carry the teacher's outputs beside
    the labels.

    Args:
        model: a functional or a built Sequential Keras 3 model, trained; it is not changed.
        representative: inputs to measure the initial ranges on: (N, ...) array, or batches of inputs or (inputs,
            targets); for several inputs lists or dictionaries of arrays. By default the first training batches set the
            ranges.
        keep: "zeros" keeps weights that are 0 at 0, "clusters" keeps equal weights equal, in every kernel that has any.

    Returns:
        A `tf_keras.Model` to compile and fit, layers named as in `model`, and a report: what is quantized, what keeps
        zeros and clusters, what stays in float and why.

    Raises:
        UnsupportedLayer: a layer can't be expressed in tf_keras, or the converter refuses models with it; the message
            names it and the reason.
        TypeError: the model is subclassed.
        ValueError: `keep` has another name, or `representative` is empty, has NaN or infinity, or inputs that the model
            doesn't take.
        ImportError: TF-MOT is not installed; the message says what to install.

    Warns:
        UserWarning: `representative` seems to hold pixels on 0..1 while the model takes 0..255.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3), classes=2)
        >>> images, labels = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)), np.arange(8) % 2
        >>> training, report = tfslim.tfmot.quantize_aware(model, images)
        >>> training.compile("adam", tf_keras().losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> history = training.fit(images, labels, verbose=0)
        >>> report = tfslim.tfmot.convert(training, "face.tflite")

    Source: Jacob and others, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", CVPR 2018.
    """
    if isinstance(keep, str):
        raise ValueError(f"keep must be a list of names, got the string {keep!r}; pass keep=[{keep!r}]")
    unknown = sorted(set(keep) - {"zeros", "clusters"})
    if unknown:
        raise ValueError(f"keep={tuple(keep)}: {unknown[0]!r} is unknown; expected 'zeros' and 'clusters'")
    arranged = rewrite_for_int8(model)
    plan, skipped = int8_scheme(arranged)
    legacy = to_tf_keras(arranged)
    configs = {layer.name: _config(layer, plan[layer.name], keep) for layer in legacy.layers if layer.name in plan}
    ranges = None
    if representative is not None:
        ranges = measure_ranges(arranged, _with_outputs(configs), representative, model)

    def wrapped(layer: Any) -> Any:
        config = configs.get(layer.name)
        if config is None or not (config.weight or config.output):
            return layer
        check_activity(layer)
        return Int8Wrapper(layer, config, name=layer.name)

    training = tf_keras().models.clone_model(legacy, clone_function=wrapped)
    for name, (least, largest) in (ranges or {}).items():
        set_range(training.get_layer(name), least, largest)
    kernels = sum(config.weight is not None for config in configs.values())
    return training, int8_report(model, kernels, len(_with_outputs(configs)), skipped, _kept(configs))


def set_range(wrapper: Any, least: float, largest: float) -> None:
    """Set an output's range, as if measured on one batch."""
    for variable in wrapper.variables:
        for ending, value in (("output_least", least), ("output_largest", largest), ("output_batches", 1.0)):
            if variable.name.split(":")[0].endswith(ending):
                variable.assign(value)


def _config(layer: Any, part: QuantizedStep, keep: Sequence[Kept]) -> Int8Config:
    if part.weight is None or part.scaling is None:
        return Int8Config(None, None, part.output)
    attribute = legacy_weight(type(layer).__name__, part.weight)
    kernel = getattr(layer, attribute).numpy()
    zeros = "zeros" in keep and layer.trainable and bool((kernel == 0).any())
    clusters = 0
    if "clusters" in keep and layer.trainable:
        members = cluster_members(kernel, part.scaling)
        most = max(len(np.unique(members[place])) for place in filters_of(kernel.shape, part.scaling))
        clusters = members.max() + 1 if most <= _MOST_CLUSTERS and members.max() + 1 < kernel.size else 0
    return Int8Config(attribute, part.scaling, part.output, zeros, int(clusters), part.rescaling)


def _with_outputs(configs: dict[str, Int8Config]) -> list[str]:
    return [name for name, config in configs.items() if config.output]


def _kept(configs: dict[str, Int8Config]) -> list[str]:
    return [
        f"{name}: keeps "
        + " and ".join(["zeros"] * config.zeros + [f"{config.clusters} values"] * bool(config.clusters))
        for name, config in configs.items()
        if config.zeros or config.clusters
    ]


quantize_aware = wrap_quantize_aware  # its name until 0.1
