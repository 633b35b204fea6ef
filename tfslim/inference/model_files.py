"""Model files, opened safely.

A `.keras` or `.tfslim` file is opened as a Keras model, a `.tflite` file in its interpreter.
"""

import dataclasses
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfslim._support.extras import naming_extra
from tfslim._support.files import check_path

if TYPE_CHECKING:
    import keras

    from tfslim.litert import Metadata
    from tfslim.litert.flatbuffer.model_file import OpenFile

SUFFIXES = (".keras", ".tflite", ".tfslim")
_PROBABILITIES = ("LOGISTIC", "SOFTMAX")
_SAME_VALUES = ("QUANTIZE", "DEQUANTIZE", "RESHAPE")


@dataclasses.dataclass(frozen=True)
class OpenedModel:
    """A model file that is ready to run.

    Attributes:
        file: the file.
        size: (height, width) of the images it takes, in pixels.
        output_shape: shape of its output for one image.
        outputs: (N, height, width, 3) uint8 pixels -> (N, ...) float32.
        metadata: the metadata of a `.tflite` file; None if it has none, and for other files.
        output_names: names of a `.tflite` file's outputs in its signatures.
        output_activation: the operator that makes probabilities of a `.tflite` file's outputs, such as "LOGISTIC".
    """

    file: Path
    size: tuple[int, int]
    output_shape: tuple[int | None, ...]
    outputs: Callable[[np.ndarray], np.ndarray]
    metadata: "Metadata | None" = None
    output_names: tuple[str, ...] = ()
    output_activation: str | None = None


def model_file(path: str | os.PathLike) -> Path:
    """Find the model file that a path stands for.

    It is found by name alone; the file is not opened.

    Args:
        path: a `.keras`, `.tflite` or `.tfslim` file, or a run folder, which stands for its `model.keras`.

    Raises:
        TypeError: `path` is not a path.
        FileNotFoundError: the path does not exist, or is a folder without a `model.keras`.
        ValueError: the file has another suffix.

    Example:
        >>> model_file("runs/slimnet")
        PosixPath('runs/slimnet/model.keras')
    """
    check_path(path, "a model file or a run folder", "save it first: model.save('model.keras')")
    path = Path(path)
    if path.is_dir():
        file = path / "model.keras"
        if not file.is_file():
            raise FileNotFoundError(f"{path}: this folder holds no model.keras; pass a run folder or a model file")
        return file
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; pass a .keras, .tflite or .tfslim file, or a run folder")
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: not a model by its name; expected {', '.join(SUFFIXES)}")
    return path


def open_model(
    path: str | os.PathLike,
    batch_size: int = 64,
    threads: int | None = None,
    prepare: Callable[["keras.Model"], "keras.Model"] = lambda model: model,
) -> OpenedModel:
    """Open a model file.

    A `.tflite` file is opened without loading Keras or TensorFlow.

    Warns by the file's name if it seems to expect another pixel range than 0..255, when it is opened and when it is
    run.

    Args:
        path: as for `model_file`.
        batch_size: images a Keras model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.
        prepare: Keras model -> the model to run; its ValueErrors are raised again with the file's name.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: the file is not a model, is damaged or does not take (height, width, 3) images, or `prepare`
            refuses it.

    Example:
        >>> open_model("runs/slimnet").output_shape
        (40,)
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, found {batch_size}")
    file = model_file(path)
    if file.suffix == ".tflite":
        return _open_tflite(file, threads or os.cpu_count() or 1)
    model = load_keras_file(file, prepare)
    input_shape, output_shape = model.inputs[0].shape[1:], model.outputs[0].shape[1:]
    check_image_input(file, input_shape)
    outputs = _warning_if_constant(file, keras_outputs(model, batch_size))
    return OpenedModel(file, tuple(input_shape[:2]), tuple(output_shape), outputs)


def load_keras_file(
    file: Path, prepare: Callable[["keras.Model"], "keras.Model"] = lambda model: model
) -> "keras.Model":
    """Load a `.keras` or `.tfslim` file in safe mode.

    The model has one input and one output.

    Args:
        file: the file; its checksums are compared before Keras reads it.
        prepare: loaded model -> the model to return; its ValueErrors are raised again with the file's name.

    Raises:
        ValueError: the file is not a model, is damaged or cut short, holds code, or has several inputs or outputs.

    Example:
        >>> load_keras_file(Path("runs/slimnet/model.keras")).output.shape
        (None, 40)
    """
    packed = file.suffix == ".tfslim"
    if not packed:
        _check_whole(file)
    with naming_extra(f"{file}: opening a {file.suffix} file"):
        import keras  # only now: it takes seconds, and its TensorFlow notes would bury the error

    import tfslim.layers  # noqa: F401  registers our layers, for a person's own model that uses them

    if packed:
        model = tfslim.load_packed(file)
    else:
        try:
            model = keras.models.load_model(file, compile=False, safe_mode=True)
        except Exception as error:  # a damaged config ends in whatever exception the first layer to read it meets
            raise ValueError(f"{file}: Keras can't load it: {type(error).__name__}: {error}") from error
    if not getattr(model, "inputs", None):  # a Sequential one that was saved before it was built, say
        from tfslim.graph.checks import check_graph_model

        try:
            check_graph_model(model)
        except TypeError as error:
            raise ValueError(f"{file}: {error}") from error
    for end, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            raise ValueError(f"{file}: has {len(tensors)} {end}; expected one")
    try:
        return prepare(model)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def keras_outputs(model: "keras.Model", batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that computes a model's outputs.

    It takes (N, H, W, 3) uint8 images and returns (N, ...) float32 outputs.

    Args:
        model: a model of one input and one output.
        batch_size: images it takes at once.
    """

    def outputs(images: np.ndarray) -> np.ndarray:
        # predict() would set up a pipeline per call, which takes longer than a small batch.
        starts = range(0, len(images), batch_size)
        batches = [model.predict_on_batch(images[start : start + batch_size]) for start in starts]
        return np.concatenate(batches or [np.zeros((0, *model.outputs[0].shape[1:]))]).astype("float32")

    return outputs


def _open_tflite(file: Path, threads: int) -> OpenedModel:
    from tfslim.inference.pixel_range import normalization_warning, normalize, quantization_warning
    from tfslim.litert import Runner
    from tfslim.litert.conversion.metadata import metadata_of
    from tfslim.litert.flatbuffer.model_file import open_file

    opened = open_file(file)
    try:
        metadata = metadata_of(opened)
    except ValueError as error:
        warnings.warn(f"{error}. The model is run without it", stacklevel=4)
        metadata = None
    runner = Runner(file, threads)
    check_image_input(file, runner.input_shape)
    for warning in (metadata and normalization_warning(metadata), quantization_warning(runner.input_range, metadata)):
        if warning:
            warnings.warn(f"{file}: {warning}", stacklevel=4)
    outputs = runner.predict
    if metadata and metadata.normalizes:
        if len(metadata.mean) not in (1, 3):
            raise ValueError(
                f"{file}: its metadata has mean and std of {len(metadata.mean)} values; expected one, or one for each "
                "of 3 channels"
            )
        outputs = lambda images: runner.predict(normalize(images, metadata))  # noqa: E731
    output_shape = outputs(np.zeros((1, *runner.input_shape), "uint8")).shape[1:]
    signatures = opened.model["signature_defs"] or ()
    names = tuple(item["name"].decode("utf-8", "replace") for each in signatures for item in each["outputs"] or ())
    checked = _warning_if_constant(file, outputs)
    height, width = runner.input_shape[:2]
    return OpenedModel(file, (height, width), output_shape, checked, metadata, names, _activation(opened))


def _activation(opened: "OpenFile") -> str | None:
    """Return the operator that makes the first output's probabilities.

    None is returned if there is no such operator.
    """
    graph = opened.graphs[0]
    makers = {index: operator for operator in graph.operators for index in operator.outputs}
    operator = makers.get(graph.outputs[0])
    for _ in graph.operators:  # not for ever: a damaged file may have a circle
        if operator is None or operator.name not in _SAME_VALUES or not operator.inputs:
            break
        operator = makers.get(operator.inputs[0])
    return operator.name if operator is not None and operator.name in _PROBABILITIES else None


def _warning_if_constant(file: Path, outputs: Callable[[np.ndarray], np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """Return `outputs` with a warning if they are constant.

    The warning names the file if all images of a call have the same outputs.
    """
    from tfslim.inference.pixel_range import constant_warning

    def checked(images: np.ndarray) -> np.ndarray:
        values = outputs(images)
        if warning := constant_warning(images, values):
            warnings.warn(f"{file}: {warning}", stacklevel=2)
        return values

    return checked


def check_image_input(file: Path, shape: tuple[int | None, ...]) -> None:
    """Raise a ValueError unless the input is one fixed image.

    Its shape is (height, width, 3).
    """
    if len(shape) != 3 or shape[2] != 3 or None in shape:
        raise ValueError(f"{file}: takes inputs of shape {format_shape(shape)}; expected one fixed (height, width, 3)")


def format_shape(shape: tuple[int | None, ...]) -> str:
    """Format a shape, with "any" for an open size."""
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _check_whole(file: Path) -> None:
    """Raise a ValueError if a file is truncated or damaged.

    Keras reports such a file as whatever part it misses first.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        size = file.stat().st_size
        raise ValueError(f"{file}: not a .keras file, or one cut short ({size} bytes): {error}") from error
    if damaged:
        raise ValueError(f"{file}: a damaged .keras file: {damaged} does not match its checksum")
