"""A .tflite file's outputs beside those of the Keras model it was made from, on the same images."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfslim.litert.answer_changes import attribute_changes, identity_changes
from tfslim.litert.embedding_changes import embedding_changes
from tfslim.litert.runner import Runner
from tfslim.report import Report

TASKS = ("attributes", "identities", "embeddings")


@dataclasses.dataclass
class Verification(Report):
    """The report of `verify`; `per_attribute` has the figures of each output, by its name (empty for other tasks)."""

    per_attribute: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict:
        """Returns the report as plain values for JSON."""
        return {**super().to_dict(), "per_attribute": self.per_attribute}


def verify(
    model: keras.Model,
    path: str | Path,
    images: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    task: str | None = None,
    thresholds: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    threads: int = 1,
    batch_size: int = 32,
) -> Verification:
    """Compares a .tflite file with the Keras model it was made from.

    Args:
        model: The Keras model, one input and one output, of logits or of embeddings.
        path: The .tflite file.
        images: (N, H, W, C) uint8 or float, pixels in 0..255; N is 1 or more.
        labels: (N, A) of 0 and 1 for attributes, or (N,) class numbers in 0..A-1 for identities.
        task: "attributes" (each logit answers yes or no by itself), "identities" (the largest logit answers) or
            "embeddings" (the outputs are compared as vectors); by default as `labels` say, without labels "attributes".
        thresholds: For attributes: A logits above which an attribute is answered yes; by default 0.
        names: For attributes: A names for `per_attribute`; by default "output 0", "output 1" and so on.
        threads: CPU threads for the file, 1 or more.
        batch_size: Images the Keras model takes at a time.

    Returns:
        Largest and mean absolute logit error, the answers that differ ("flips": count, share, per attribute), and with
        labels the accuracy of both, as shares in 0..1. For embeddings: lowest and mean cosine between the model's and
        the file's, largest and mean absolute error.

    Raises:
        ModelFileError: If the file is missing, truncated or damaged.
        ValueError: If shapes do not fit, labels are out of range, an argument is not for the task, the model ends in a
            sigmoid while `thresholds` is not given, or either side gives NaN or infinity.

    Example:
        >>> print(verify(model, "face-int8.tflite", images, attributes))  # doctest: +SKIP
        >>> print(verify(embedding_model(model), "face-int8.tflite", images, task="embeddings"))  # doctest: +SKIP
    """
    task = task or ("identities" if labels is not None and np.ndim(labels) == 1 else "attributes")
    _check_arguments(model, path, images, labels, task, thresholds, names)
    runner = Runner(path, threads)
    expected = np.asarray(model.predict(images, batch_size=batch_size, verbose=0), "float32")
    found = runner.predict(images)
    if expected.ndim != 2 or expected.shape != found.shape:
        raise ValueError(
            f"model '{model.name}' gives {expected.shape}, {path} gives {found.shape}; expected the same (N, A)"
        )
    _check_finite(expected, f"model '{model.name}'")
    _check_finite(found, str(path))

    figures, per_attribute = {"images": len(images)}, {}
    if task == "embeddings":
        figures |= embedding_changes(expected, found)
    else:
        error = np.abs(found - expected)
        figures |= {"max_abs_logit_error": float(error.max()), "mean_abs_logit_error": float(error.mean())}
        if task == "identities":
            changes = identity_changes(expected, found, labels)
        else:
            changes, per_attribute = attribute_changes(expected, found, labels, thresholds, names)
        figures |= changes
    return Verification(
        step=f"verify {Path(path).name}",
        before=None,
        after=None,
        done=[f"{model.name} and {Path(path).name} on {len(images)} images, {task}"],
        skipped={},
        figures=figures,
        per_attribute=per_attribute,
    )


def _check_arguments(model: keras.Model, path: str | Path, images: np.ndarray, labels, task: str, thresholds, names):
    if task not in TASKS:
        raise ValueError(f"task={task!r}; expected one of {', '.join(map(repr, TASKS))}")
    if len(images) == 0:
        raise ValueError(f"no images to compare {path} on; give at least one")
    for name, given, tasks in (
        ("labels", labels, ("attributes", "identities")),
        ("thresholds", thresholds, ("attributes",)),
        ("names", names, ("attributes",)),
    ):
        if given is not None and task not in tasks:
            raise ValueError(f"{name} are for {' or '.join(tasks)}; the task is {task}: leave them out")
    if task == "attributes" and thresholds is None and _ends_in_sigmoid(model):
        raise ValueError(
            f"model '{model.name}' ends in a sigmoid, whose outputs all lie above the default threshold 0 of a logit; "
            "pass thresholds=[0.5] * outputs"
        )


def _ends_in_sigmoid(model: keras.Model) -> bool:
    return getattr(model.layers[-1], "activation", None) is keras.activations.sigmoid


def _check_finite(outputs: np.ndarray, whose: str) -> None:
    bad = np.argwhere(~np.isfinite(outputs))
    if len(bad):
        image, output = bad[0]
        raise ValueError(
            f"{whose} gives NaN or infinity in {len(bad)} of {outputs.size} outputs (first: image {image}, output "
            f"{output}); its weights are damaged or were lost"
        )
