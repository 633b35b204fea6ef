"""Model files opened safely: a `.keras` or `.tfslim` file as a Keras model, a `.tflite` file as its runner."""

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

SUFFIXES = (".keras", ".tflite", ".tfslim")


@dataclasses.dataclass(frozen=True)
class OpenedModel:
    """A model file that has been opened.

    Attributes:
        file: the file.
        size: (height, width) of the images it takes, in pixels.
        output_shape: of its output for one image.
        outputs: (N, height, width, 3) uint8 pixels -> (N, ...) float32.
    """

    file: Path
    size: tuple[int, int]
    output_shape: tuple[int | None, ...]
    outputs: Callable[[np.ndarray], np.ndarray]


def model_file(path: str | os.PathLike) -> Path:
    """Finds the model file that a user means by a path; looks at names only, so it is quick.

    Args:
        path: a `.keras`, `.tflite` or `.tfslim` file, or a run folder, which stands for its `model.keras`.

    Raises:
        FileNotFoundError: there is nothing of that name, or the folder holds no `model.keras`.
        ValueError: the file has another suffix.

    Example:
        >>> model_file("runs/slimnet")
        PosixPath('runs/slimnet/model.keras')
    """
    path = Path(path)
    if path.is_dir():
        file = path / "model.keras"
        if not file.is_file():
            raise FileNotFoundError(f"{path}: this folder holds no model.keras; give a run folder or a model file")
        return file
    if not path.exists():
        raise FileNotFoundError(f"{path}: no such file; give a .keras, .tflite or .tfslim file, or a run folder")
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: not a model by its name; expected {', '.join(SUFFIXES)}")
    return path


def open_model(
    path: str | os.PathLike,
    batch_size: int = 64,
    threads: int | None = None,
    prepare: Callable[["keras.Model"], "keras.Model"] = lambda model: model,
) -> OpenedModel:
    """Opens a model file; a `.tflite` file without loading Keras or TensorFlow.

    Args:
        path: as for `model_file`.
        batch_size: images a Keras model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.
        prepare: gives what is to be run of a Keras model; its ValueErrors get the file's name.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no model, is damaged or takes no (height, width, 3) image, or `prepare` refuses it.

    Example:
        >>> open_model("runs/slimnet").output_shape
        (40,)
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, found {batch_size}")
    file = model_file(path)
    if file.suffix == ".tflite":
        input_shape, output_shape, outputs = open_tflite(file, threads)
    else:
        model = load_keras_file(file, prepare)
        input_shape, output_shape = model.inputs[0].shape[1:], model.outputs[0].shape[1:]
        outputs = keras_outputs(model, batch_size)
    check_image_input(file, input_shape)
    return OpenedModel(file, tuple(input_shape[:2]), tuple(output_shape), outputs)


def load_keras_file(
    file: Path, prepare: Callable[["keras.Model"], "keras.Model"] = lambda model: model
) -> "keras.Model":
    """Loads a `.keras` or `.tfslim` file of one input and one output safely, once its checksums are seen to fit.

    Args:
        file: the file.
        prepare: gives what is wanted of the model; its ValueErrors get the file's name.

    Raises:
        ValueError: the file is no model, is damaged or cut short, holds code, or has several inputs or outputs.

    Example:
        >>> load_keras_file(Path("runs/slimnet/model.keras")).output.shape
        (None, 40)
    """
    packed = file.suffix == ".tfslim"
    if not packed:
        _check_whole(file)
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
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            raise ValueError(f"{file}: has {len(tensors)} {what}; expected one")
    try:
        return prepare(model)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error


def keras_outputs(model: "keras.Model", batch_size: int) -> Callable[[np.ndarray], np.ndarray]:
    """Gives a function of (N, H, W, 3) uint8 images to (N, ...) float32 outputs, `batch_size` images at a time."""

    def outputs(images: np.ndarray) -> np.ndarray:
        # predict() would set up a pipeline a call, which takes longer than a small batch.
        starts = range(0, len(images), batch_size)
        batches = [model.predict_on_batch(images[start : start + batch_size]) for start in starts]
        return np.concatenate(batches or [np.zeros((0, *model.outputs[0].shape[1:]))]).astype("float32")

    return outputs


def open_tflite(
    file: Path, threads: int | None = None
) -> tuple[tuple[int, ...], tuple[int, ...], Callable[[np.ndarray], np.ndarray]]:
    """Opens a `.tflite` file without loading Keras or TensorFlow.

    Args:
        file: the file.
        threads: CPU threads; None for as many as the machine has cores.

    Returns:
        The shapes of one input and of one output, and a function of (N, H, W, 3) images to (N, ...) float32 outputs.

    Raises:
        ValueError: the file is missing, no model, or damaged.
    """
    from tfslim.litert import Runner

    runner = Runner(file, threads or os.cpu_count() or 1)
    blank = np.zeros((1, *runner.input_shape), "uint8")
    return runner.input_shape, runner.predict(blank).shape[1:], runner.predict


def check_image_input(file: Path, shape: tuple) -> None:
    """Raises a ValueError unless a model's input has one fixed (height, width, 3)."""
    if len(shape) != 3 or shape[2] != 3 or None in shape:
        raise ValueError(f"{file}: takes inputs of shape {shown_shape(shape)}; expected one fixed (height, width, 3)")


def shown_shape(shape: tuple) -> str:
    """A shape as text, with "any" for a size that is open."""
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"


def _check_whole(file: Path) -> None:
    """Finds a file cut short or damaged, which Keras would report as whatever part it misses first."""
    try:
        with zipfile.ZipFile(file) as archive:
            damaged = archive.testzip()
    except (zipfile.BadZipFile, EOFError, RuntimeError) as error:
        size = file.stat().st_size
        raise ValueError(f"{file}: no .keras file, or one cut short ({size} bytes): {error}") from error
    if damaged:
        raise ValueError(f"{file}: a damaged .keras file: {damaged} does not fit its checksum")
