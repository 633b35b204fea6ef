"""A model file made ready to answer: what size of image it takes, what its outputs are called, and its logits."""

import dataclasses
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfslim.data.names import Labels, read_labels

SUFFIXES = (".keras", ".tflite")


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A model file that has been opened.

    Attributes:
        path: the file.
        size: (height, width) of the images it takes, in pixels.
        labels: name and threshold (on the logit) of each output.
        logits: (N, height, width, 3) uint8 pixels -> (N, A) float32 logits.
    """

    path: Path
    size: tuple[int, int]
    labels: Labels
    logits: Callable[[np.ndarray], np.ndarray]


def model_file(path: str | os.PathLike) -> Path:
    """Finds the model file that a user means by a path; looks at names only, so it is quick.

    Args:
        path: a `.keras` or `.tflite` file, or a run folder, which stands for its `model.keras`.

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
        raise FileNotFoundError(f"{path}: no such file; give a .keras or .tflite file, or a run folder")
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path}: not a model by its name; expected {' or '.join(SUFFIXES)}")
    return path


def load_predictor(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Predictor:
    """Opens a model file; a `.keras` file in Keras' safe mode, a `.tflite` file without loading Keras or TensorFlow.

    Args:
        path: as for `model_file`.
        batch_size: images a `.keras` model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no model, is damaged, takes no (height, width, 3) image, does not end in logits, or its
            number of outputs does not fit its `labels.json`.

    Example:
        >>> predictor = load_predictor("runs/slimnet")
        >>> predictor.logits(np.zeros((1, *predictor.size, 3), "uint8")).shape
        (1, 40)
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be 1 or more, found {batch_size}")
    file = model_file(path)
    if file.suffix == ".tflite":
        input_shape, output_shape, logits = _open_tflite(file, threads or os.cpu_count() or 1)
    else:
        input_shape, output_shape, logits = _open_keras(file, batch_size)
    if len(input_shape) != 3 or input_shape[2] != 3 or None in input_shape:
        raise ValueError(f"{file}: takes inputs of shape {_shape(input_shape)}; expected one fixed (height, width, 3)")
    if len(output_shape) != 1:
        raise ValueError(f"{file}: gives outputs of shape {_shape(output_shape)}; expected one logit an attribute")
    return Predictor(file, input_shape[:2], read_labels(file, outputs=output_shape[0]), logits)


def _open_tflite(file: Path, threads: int):
    from tfslim.litert import Runner

    runner = Runner(file, threads)
    blank = np.zeros((1, *runner.input_shape), "uint8")
    return runner.input_shape, runner.predict(blank).shape[1:], runner.predict


def _open_keras(file: Path, batch_size: int):
    _check_whole(file)
    import keras  # only now: it takes seconds, and its TensorFlow notes would bury the error

    import tfslim.layers  # noqa: F401  registers our layers, for a person's own model that uses them

    try:
        model = keras.models.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # a damaged config ends in whatever exception the first layer to read it meets
        raise ValueError(f"{file}: Keras can't load it: {type(error).__name__}: {error}") from error
    for what, tensors in (("inputs", model.inputs), ("outputs", model.outputs)):
        if len(tensors) != 1:
            raise ValueError(f"{file}: has {len(tensors)} {what}; expected one")
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "linear")
    if activation in ("sigmoid", "softmax"):
        raise ValueError(f"{file}: its last layer, {model.layers[-1].name}, ends in {activation}; expected logits")

    def logits(images: np.ndarray) -> np.ndarray:
        # predict() would set up a pipeline a call, which takes longer than a small batch.
        starts = range(0, len(images), batch_size)
        batches = [model.predict_on_batch(images[start : start + batch_size]) for start in starts]
        return np.concatenate(batches or [np.zeros((0, *model.outputs[0].shape[1:]))]).astype("float32")

    return model.inputs[0].shape[1:], model.outputs[0].shape[1:], logits


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


def _shape(shape: tuple) -> str:
    return f"({', '.join('any' if size is None else str(size) for size in shape)})"
