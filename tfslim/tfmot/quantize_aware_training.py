"""`tfslim.tfmot.quantize_aware`: a model of tf_keras that trains with the roundings of int8."""

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

Kept = Literal["zeros", "clusters"]
_MOST_CLUSTERS = 255  # values a filter that int8 can tell apart


def wrap_quantize_aware(
    model: keras.Model, representative: Iterable | None = None, keep: Sequence[Kept] = ()
) -> tuple[Any, Report]:
    """Makes a model of tf_keras that computes as its int8 file will, and can be trained so, with TF-MOT's wrappers.

    What TFLite has no single int8 operator for is written in ones that it has: a batch normalisation after an addition,
    a rescaling, an average, a separable convolution, hard_swish. What can't be helped is left in float, with its reason
    in the report. Distillation works through targets that carry the teacher's outputs beside the labels.

    Args:
        model: a functional or a built Sequential Keras 3 model, trained; it is not changed.
        representative: (N, ...) array of inputs, or batches of inputs or (inputs, targets), that the ranges are first
            measured on, of several inputs lists or dictionaries of arrays; without them the first training batches set
            the ranges.
        keep: "zeros" for weights that are 0 to stay 0, "clusters" for weights that are equal to stay equal, in every
            kernel where there are any.

    Returns:
        A `tf_keras.Model` to compile and fit, layers named as in `model`, and a report: what is quantised, what keeps
        zeros and clusters, what stays in float and why.

    Raises:
        UnsupportedLayer: a layer can't be expressed in tf_keras, or makes the converter refuse the model; it is named
            with the reason.
        TypeError: the model is subclassed.
        ValueError: `keep` has another name, or `representative` holds nothing, NaN or infinity, or other inputs than
            the model's.
        ImportError: TF-MOT is not installed, saying what to install.

    Warns:
        UserWarning: `representative` seems to hold pixels on 0..1 where the model takes 0..255.

    Example:
        >>> training, report = tfslim.tfmot.quantize_aware(model, images[:200])
        >>> training.compile("adam", tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        >>> training.fit(images, labels)
        >>> report = tfslim.tfmot.convert(training, "face.tflite")

    Source: Jacob and others, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", CVPR 2018.
    """
    if isinstance(keep, str):
        raise ValueError(f"keep={keep!r} is a string; give a list of names: keep=[{keep!r}]")
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
    """Gives an output its range, as if one batch had been seen."""
    for variable in wrapper.variables:
        for ending, value in (("output_least", least), ("output_largest", largest), ("output_batches", 1.0)):
            if variable.name.split(":")[0].endswith(ending):
                variable.assign(value)


def _config(layer: Any, part: QuantizedStep, keep: Sequence[Kept]) -> Int8Config:
    if part.weight is None:
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
