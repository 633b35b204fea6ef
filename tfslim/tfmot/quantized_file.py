"""`tfslim.tfmot.convert`: the int8 .tflite file of a quantization-aware trained model."""

import gzip
import tempfile
from pathlib import Path
from typing import Any, Literal

import keras

from tfslim._support.child_process import crash_signal, run_child
from tfslim._support.files import replacing
from tfslim.litert.conversion.converter import ConversionError
from tfslim.litert.flatbuffer.model_file import float_operators
from tfslim.report import Report
from tfslim.tfmot.conversion_worker import ERROR_MARK
from tfslim.tfmot.kernel_statistics import file_kernels
from tfslim.tfmot.trained_model import Trained, legacy_trained, native_trained

__all__ = ["convert", "convert_trained"]


def convert_trained(model: Any, path: str | Path, io: Literal["int8", "uint8", "float32"] = "int8") -> Report:
    """Convert a quantization-aware trained model to int8 .tflite, batch 1.

    The ranges are those trained; `tfslim.litert.convert` takes a model in float and measures them after training. The
    converter runs in a separate process, and the file gets its name once it is complete.

    Args:
        model: the trained model, of `tfslim.tfmot.quantize_aware` or `tfslim.quantization.quantize_aware`, all sizes
            except the batch fixed.
        path: the file to write; its folder must exist.
        io: type of the file's inputs and outputs.

    Returns:
        A report: bytes and gzipped bytes; for each kernel in the file its share of zeros and the most distinct values
        in a filter, by the tensor's name if the layer is unknown; in `skipped` every operator that stayed in float.

    Raises:
        ValueError: the ranges were never measured, a size is open, `io` is unknown, or Keras runs on another backend
            than TensorFlow.
        TypeError: the model has no quantization wrappers.
        FileNotFoundError: the folder does not exist.
        ConversionError: the converter refuses the model or crashes.

    Example:
        >>> model = tfslim.models.SlimNet((64, 64, 3))
        >>> images = np.random.default_rng(0).uniform(0, 255, (8, 64, 64, 3))
        >>> training, _ = tfslim.tfmot.quantize_aware(model, images)
        >>> report = tfslim.tfmot.convert(training, "face.tflite")
        >>> report.skipped
        {}
    """
    path = Path(path)
    if io not in ("int8", "uint8", "float32"):
        raise ValueError(f"io={io!r}; expected 'int8', 'uint8' or 'float32'")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: its folder does not exist; create it first")
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"convert needs Keras on the TensorFlow backend, found {keras.backend.backend()!r}; save the model to "
            ".keras and convert it in a process with KERAS_BACKEND=tensorflow that has imported tfslim.quantization"
        )
    trained = native_trained(model) if isinstance(model, keras.Model) else legacy_trained(model)
    _check(model, trained)
    with tempfile.TemporaryDirectory(prefix="tfslim-tfmot-") as folder:
        trained.export(Path(folder) / "model")
        content = _converted(Path(folder), io, model.name)
        with replacing(path) as beside:
            Path(beside).write_bytes(content)
    found = file_kernels(path, [*trained.kernels, *trained.rescalings])
    kernels = [kernel for kernel in found if kernel.name not in trained.rescalings]
    return Report(
        f"convert to {path.name}",
        done=[str(kernel) for kernel in kernels],
        skipped={tensor: f"{operator} stays in float32" for tensor, operator in float_operators(path).items()},
        figures={
            "quantization": "int8, trained",
            "io": io,
            "bytes": len(content),
            "gzipped": len(gzip.compress(content, 9, mtime=0)),
            "kernels": len(kernels),
        },
    )


def _check(model: Any, trained: Trained) -> None:
    if not trained.quantized:
        raise TypeError(f"{model.name} has no quantized layer; pass the model that quantize_aware returned")
    for name in trained.unmeasured:
        raise ValueError(
            f"layer {name!r}: its output's range was never measured; train the model, or pass quantize_aware "
            "representative inputs"
        )
    for name, shape in trained.inputs.items():
        if None in shape[1:]:
            raise ValueError(
                f"input {name!r} of {model.name} has the open shape {shape}; build the model with "
                "all sizes but the batch fixed, as an int8 file needs them"
            )


def _converted(folder: Path, io: str, name: str) -> bytes:
    outcome = run_child(Path(__file__).with_name("conversion_worker.py"), folder, io)
    if outcome.returncode:
        name_of_signal = crash_signal(outcome)
        failure = f"crashed with {name_of_signal}" if name_of_signal else "refuses"
        last = (outcome.stderr.strip().splitlines() or ["no message"])[-1].removeprefix(ERROR_MARK)
        raise ConversionError(
            f"TensorFlow's converter {failure} on the quantized {name!r}; no file was written: {last}"
        )
    return (folder / "result.tflite").read_bytes()


convert = convert_trained  # its name until 0.1
