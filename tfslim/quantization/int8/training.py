"""`tfslim.quantization.quantize_aware`: int8 quantization-aware training on Keras 3, without TF-MOT."""

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

__all__ = ["quantize_aware"]

RANGE_SUFFIX = "_int8"
_IN_PLACE_OF = {keras.layers.UnitNormalization: Int8UnitNormalization}


def quantize_aware(model: keras.Model, representative: Iterable | None = None) -> tuple[keras.Model, Report]:
    """Make a trainable model that computes as its int8 file.

    The result is a Keras 3 model that trains on any backend; `tfslim.tfmot.quantize_aware` makes a tf_keras model with
    TF-MOT's wrappers, which can also keep zeros and clusters. Every kernel is rounded as it is used, and a layer
    `FakeQuantize` ("conv_int8" after "conv") rounds each output for which TFLite needs a range. Layers that TFLite has
    no single int8 operator for are rewritten.

    `tfslim.tfmot.convert` writes the int8 file with the trained ranges, for models of `tfslim.tfmot.quantize_aware` as
    well; it needs TensorFlow. Save a model that was trained on JAX or PyTorch there with
    `training.save("trained.keras")`; a process with KERAS_BACKEND=tensorflow that imports `tfslim.quantization` before
    `keras.models.load_model("trained.keras")` converts it.

    Args:
        model: a functional or a built Sequential model, trained; it is not changed.
        representative: inputs to measure the initial ranges on: (N, ...) array, or batches of inputs or (inputs,
            targets); for several inputs lists or dictionaries of arrays. By default the first training batches set the
            ranges.

    Returns:
        A functional model to compile, fit and save as any other, and a report: what is quantized, what stays in float
        and why.

    Raises:
        TypeError: the model is subclassed.
        UnsupportedLayer: an operation of `keras.ops` in it can't be written as a layer, or TFLite's converter
            refuses a layer.
        ValueError: `representative` is empty, has NaN or infinity, or inputs that the model doesn't take.

    Warns:
        UserWarning: `representative` seems to hold pixels on 0..1 while the model takes 0..255.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3), classes=2)
        >>> images, targets = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3)), np.ones((8, 2))
        >>> training, report = tfslim.quantization.quantize_aware(model, images)
        >>> training.compile("adam", "mse")
        >>> history = training.fit(images, targets, verbose=0)
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
        if part.weight is None or part.scaling is None:
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
