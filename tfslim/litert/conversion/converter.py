"""Conversion of a Keras model to a .tflite file."""

import gzip
import tempfile
import warnings
from pathlib import Path

import keras

from tfslim._support.files import replacing
from tfslim.cost.model_cost import measure
from tfslim.graph.checks import as_functional
from tfslim.graph.outputs import output_names
from tfslim.graph.pixel_range import scale_warning
from tfslim.litert.conversion.converter_process import ConversionError, full_disk_named, run_converter
from tfslim.litert.conversion.metadata import Metadata, with_metadata
from tfslim.litert.conversion.representative import Representative, representative_samples
from tfslim.litert.edgetpu.preparation import prepare_for_edgetpu
from tfslim.litert.fixed_model import fixed_float32
from tfslim.litert.flatbuffer.model_file import float_operators
from tfslim.report import Report

__all__ = ["ConversionError", "convert"]

# quantization -> dtypes that its files may have at inputs and outputs, the default first
IO_TYPES = {
    "none": ("float32",),
    "float16": ("float32",),
    "dynamic": ("float32",),
    "int8": ("int8", "uint8", "float32"),
    "int16x8": ("float32", "int16"),
}
TARGETS = ("mobile", "edgetpu")


def convert(
    model: keras.Model,
    path: str | Path,
    quantization: str = "none",
    representative: Representative = None,
    target: str = "mobile",
    io: str | None = None,
    metadata: Metadata | None = None,
) -> Report:
    """Convert a Keras model to a .tflite file.

    The model is in float; with `quantization` its weights and activations are rounded after training. For a model made
    by a `quantize_aware`, which was trained with its roundings, use `tfslim.tfmot.convert`.

    The file has batch 1. The model may have been trained in mixed precision; its file computes in float32 or in
    integers. The converter runs in a process of its own, and the file appears under its name once it is complete. Its
    signature "serving_default" names the inputs as the model does, and each output after its layer.

    Args:
        model: A functional or Sequential model on the TensorFlow backend, all sizes but the batch fixed.
        path: The file to write, in an existing folder.
        quantization: "none" (float32), "float16" (weights stored in 16 bits), "dynamic" (weights in int8, activations
            in float32), "int8" (weights and activations), or "int16x8" (weights in int8, activations in int16).
        representative: For "int8" and "int16x8": (N, H, W, C) array, or an iterable or tf.data.Dataset of images or
            batches, in the model's pixel range, or the path of a folder of images; at least 20 different images, of
            which at most 500 are used. For several inputs, a dictionary of arrays by input name.
        target: "mobile" keeps the form that XNNPACK runs fastest: a scale for each filter, signed 8 bits, no QUANTIZE
            at inputs and outputs. "edgetpu" (int8 only) also makes every choice that the Edge TPU compiler needs: the
            rewrites of `prepare_for_edgetpu`, and one scale for each dense layer.
        io: Dtype of the file's inputs and outputs: for int8 "int8" (default), "uint8" or "float32"; for int16x8
            "float32" (default) or "int16"; else "float32".
        metadata: Labels, normalization, licence and so on, which Android's tools read from the file. MediaPipe and the
            Task Library take files of uint8 or float32.

    Returns:
        A report: bytes and gzipped bytes of the file; in `done` also the rewrites for the Edge TPU; in `skipped` every
        operator of an int8 file that stayed in float.

    Raises:
        ValueError: If an argument has an unknown value, the model has an open size or a duplicate output, or the
            representative images are missing, too few, constant or of another shape.
        TypeError: If it is a Keras 2 model (tf_keras), or its graph of layers can't be read.
        ConversionError: If the converter fails or crashes; the message names the model and the signal.
        OSError: If the file cannot be written; nothing is left under its name.

    Example:
        >>> report = convert(model, "face.tflite", "int8", representative=images)  # doctest: +SKIP
        >>> report.figures["bytes"]  # doctest: +SKIP
        642312
    """
    path = Path(path)
    _check_choices(path, quantization, target, io)
    io = io or IO_TYPES[quantization][0]
    model = as_functional(model)
    copy = fixed_float32(model)
    _check_distinct_outputs(model)
    samples = representative_samples(representative, copy) if quantization in ("int8", "int16x8") else None
    if samples and (warning := scale_warning(samples, copy)):
        warnings.warn(warning, stacklevel=2)
    rewrites = []
    if target == "edgetpu":
        copy, preparation = prepare_for_edgetpu(copy)
        rewrites = preparation.done
    job = {"quantization": quantization, "target": target, "io": io}
    with full_disk_named(path), tempfile.TemporaryDirectory(prefix="tfslim-convert-") as folder:
        _export(copy, output_names(model), Path(folder) / "model")
        content = run_converter(Path(folder), job, samples, model.name)
        if metadata:
            content = with_metadata(content, metadata)
        with replacing(path) as beside:
            Path(beside).write_bytes(content)
    still_float = float_operators(path) if samples else {}
    figures = {
        **job,
        "bytes": len(content),
        "gzipped": len(gzip.compress(content, 9, mtime=0)),
        "params": model.count_params(),
    }
    if samples:
        figures["representative_images"] = len(next(iter(samples.values())))
    return Report(
        step=f"convert to {path.name}",
        before=measure(model),
        after=None,
        done=[f"{model.name} -> {path.name}, quantization {quantization}, target {target}, {io} inputs and outputs"]
        + rewrites,
        skipped={tensor: f"{operator} stays in float32" for tensor, operator in still_float.items()},
        figures=figures,
    )


def _export(model: keras.Model, outputs: list[str], folder: Path) -> None:
    named = keras.Model(model.input, dict(zip(outputs, model.outputs, strict=True)), name=model.name)
    signature = keras.tree.map_structure(
        lambda tensor: keras.InputSpec(shape=tensor.shape, dtype=tensor.dtype, name=tensor.name), model.input
    )
    # Some ways from Keras 3 to the converter silently lose the weights; this one keeps them.
    named.export(str(folder), format="tf_saved_model", input_signature=[signature], verbose=False)


def _check_distinct_outputs(model: keras.Model) -> None:
    seen: dict[int, str] = {}
    for name, tensor in zip(output_names(model), model.outputs, strict=True):
        if id(tensor) in seen:
            raise ValueError(
                f"{model.name}: output {name!r} is the same tensor as {seen[id(tensor)]!r}, and the converter would "
                "write only one of them; build the model with each output once"
            )
        seen[id(tensor)] = name


def _check_choices(path: Path, quantization: str, target: str, io: str | None) -> None:
    for name, value, choices in (
        ("quantization", quantization, IO_TYPES),
        ("target", target, TARGETS),
        ("io", io or "float32", ("float32", "int8", "uint8", "int16")),
    ):
        if value not in choices:
            raise ValueError(f"{name}={value!r}; expected one of {', '.join(map(repr, choices))}")
    if target == "edgetpu" and quantization != "int8":
        raise ValueError(
            f'target="edgetpu" runs int8 only, got quantization={quantization!r}; pass quantization="int8"'
        )
    if io and io not in IO_TYPES[quantization]:
        needed = '"int16x8"' if io == "int16" else '"int8"'
        raise ValueError(f"io={io!r} needs quantization={needed}, got {quantization!r}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; expected the name of a file to write")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder does not exist; create it first")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"convert needs Keras on the TensorFlow backend, this process runs {keras.backend.backend()!r}; save the "
            "model to .keras and convert it in a process with KERAS_BACKEND=tensorflow"
        )
