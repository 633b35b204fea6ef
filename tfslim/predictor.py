"""A model file made ready to answer: what size of image it takes, what its outputs are called, and its logits."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tfslim.data.names import Labels, read_labels
from tfslim.model_files import check_image_input, keras_outputs, load_keras_file, open_tflite, shown_shape

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
        input_shape, output_shape, logits = open_tflite(file, threads)
    else:
        input_shape, output_shape, logits = _open_keras(file, batch_size)
    check_image_input(file, input_shape)
    if len(output_shape) != 1:
        raise ValueError(f"{file}: gives outputs of shape {shown_shape(output_shape)}; expected one logit an attribute")
    return Predictor(file, input_shape[:2], read_labels(file, outputs=output_shape[0]), logits)


def _open_keras(file: Path, batch_size: int):
    model = load_keras_file(file)
    activation = getattr(getattr(model.layers[-1], "activation", None), "__name__", "linear")
    if activation in ("sigmoid", "softmax"):
        raise ValueError(f"{file}: its last layer, {model.layers[-1].name}, ends in {activation}; expected logits")
    return model.inputs[0].shape[1:], model.outputs[0].shape[1:], keras_outputs(model, batch_size)
