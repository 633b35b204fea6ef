"""A model file made ready to answer: what size of image it takes, what its outputs are called, and its logits."""

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfslim.data.names import Labels, read_labels
from tfslim.model_files import model_file, open_model, shown_shape

if TYPE_CHECKING:
    import keras


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


def load_predictor(path: str | os.PathLike, batch_size: int = 64, threads: int | None = None) -> Predictor:
    """Opens a model file; a `.keras` file in Keras' safe mode, a `.tflite` file without loading Keras or TensorFlow.

    Args:
        path: as for `tfslim.model_files.model_file`.
        batch_size: images a `.keras` model takes at once; a `.tflite` file takes one after another.
        threads: CPU threads of a `.tflite` file; None for as many as the machine has cores.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is no model, is damaged, takes no (height, width, 3) image, does not end in logits, or its
            number of outputs does not fit its `labels.json`; or a `people.json` alone beside it says that it is of
            people.

    Example:
        >>> predictor = load_predictor("runs/slimnet")
        >>> predictor.logits(np.zeros((1, *predictor.size, 3), "uint8")).shape
        (1, 40)
    """
    file = model_file(path)
    if (file.parent / "people.json").is_file() and not (file.parent / "labels.json").is_file():
        raise ValueError(
            f"{file}: is of people, by the people.json beside it, and not of attributes: "
            "evaluate.py --task identity or verification is for it"
        )
    opened = open_model(file, batch_size, threads, _ending_in_logits)
    shape = opened.output_shape
    if len(shape) != 1:
        raise ValueError(f"{opened.file}: gives outputs of shape {shown_shape(shape)}; expected one logit an attribute")
    return Predictor(opened.file, opened.size, read_labels(opened.file, outputs=shape[0]), opened.outputs)


def _ending_in_logits(model: "keras.Model") -> "keras.Model":
    from tfslim.probability_at_end import probability_at_end  # loads Keras

    found = probability_at_end(model)
    if found:
        raise ValueError(f"its output is a probability ({found}); expected logits")
    return model
