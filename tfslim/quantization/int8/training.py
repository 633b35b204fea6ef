"""`tfslim.quantization.quantize_aware`: training with the roundings of int8 on Keras 3, without TF-MOT."""

from collections.abc import Iterable

import keras

from tfslim.graph.layer_copier import LayerCopier, new_inputs
from tfslim.graph.rebuilding import model_like, rebuild
from tfslim.graph.traversal import LayerCall
from tfslim.quantization.int8.calibration import measure_ranges
from tfslim.quantization.int8.fake_quantize import FakeQuantize, QuantizedKernel
from tfslim.quantization.int8.layout import rewrite_for_int8
from tfslim.quantization.int8.report import int8_report
from tfslim.quantization.int8.scheme import int8_scheme
from tfslim.quantization.int8.unit_norm import Int8UnitNormalization
from tfslim.report import Report

RANGE_SUFFIX = "_int8"
_IN_PLACE_OF = {keras.layers.UnitNormalization: Int8UnitNormalization}


def quantize_aware(model: keras.Model, representative: Iterable | None = None) -> tuple[keras.Model, Report]:
    """Makes a Keras 3 model that computes as its int8 file will, and can be trained so, on any backend.

    Every kernel is rounded as it is used, and a layer `FakeQuantize` ("conv_int8" after "conv") rounds each output for
    which TFLite needs a range. What TFLite has no single int8 operator for is written in ones that it has.

    `tfslim.tfmot.convert` needs TensorFlow. A model that was trained on JAX or PyTorch is saved there with
    `training.save("trained.keras")`; a process with KERAS_BACKEND=tensorflow that imports `tfslim.quantization` before
    `keras.models.load_model("trained.keras")` converts it.

    Args:
        model: a functional or a built Sequential model, trained; it is not changed.
        representative: (N, ...) array of inputs, or batches of inputs or (inputs, targets), that the ranges are first
            measured on, of several inputs lists or dictionaries of arrays; without them the first training batches set
            the ranges.

    Returns:
        A functional model to compile, fit and save as any other, and a report: what is quantised, what stays in float
        and why.

    Raises:
        TypeError: the model is subclassed.
        UnsupportedLayer: an operation of `keras.ops` in it can't be written as a layer, or a layer makes the
            converter refuse the model.
        ValueError: `representative` holds nothing, NaN or infinity, or other inputs than the model's.

    Warns:
        UserWarning: `representative` seems to hold pixels on 0..1 where the model takes 0..255.

    Example:
        >>> training, report = tfslim.quantization.quantize_aware(model, images[:200])
        >>> training.compile("adam", "mse")
        >>> training.fit(images, targets)
        >>> report = tfslim.tfmot.convert(training, "face.tflite")

    Source: Jacob and others, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
        Inference", CVPR 2018.
    """
    arranged = rewrite_for_int8(model)
    plan, skipped = int8_scheme(arranged)
    copies, inputs = LayerCopier(), new_inputs(arranged)
    ranges: dict[str, FakeQuantize] = {}
    wrapped: dict[str, QuantizedKernel] = {}

    def place(call: LayerCall, args: tuple, kwargs: dict):
        name, part = call.operation.name, plan[call.operation.name]
        if part.weight is None:
            result = copies.of(call.operation, _IN_PLACE_OF.get(type(call.operation)))(*args, **kwargs)
        else:
            layer = wrapped.get(name) or QuantizedKernel(
                copies.of(call.operation),
                part.scaling,
                part.rescaling,
                name=name,
                trainable=call.operation.trainable,
                dtype="float32",
            )
            wrapped[name] = layer
            result = layer(*args)
        if not part.output:
            return result
        ranges.setdefault(name, FakeQuantize(name=f"{name}{RANGE_SUFFIX}", dtype="float32"))
        return ranges[name](result)

    training = model_like(arranged, inputs, rebuild(arranged, inputs, place))
    copies.take_weights(training)
    if representative is not None:
        for name, (least, largest) in measure_ranges(arranged, ranges, representative, model).items():
            ranges[name].set_range(least, largest)
    return training, int8_report(model, len(wrapped), len(ranges), skipped)
