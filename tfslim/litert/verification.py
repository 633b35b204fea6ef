"""A .tflite file's answers beside those of the Keras model it was made from, on the same images."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from tfslim.litert.runner import Runner
from tfslim.report import Report

TASKS = ("attributes", "identities")


@dataclasses.dataclass
class Verification(Report):
    """The report of `verify`; `per_attribute` has the figures of each output, by its name (empty for identities)."""

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
        model: The Keras model, one input and one output of logits.
        path: The .tflite file.
        images: (N, H, W, C) uint8 or float, pixels in 0..255; N is 1 or more.
        labels: (N, A) of 0 and 1 for attributes, or (N,) class numbers in 0..A-1 for identities.
        task: "attributes" (each logit answers yes or no by itself) or "identities" (the largest logit answers); by
            default as `labels` say, without labels "attributes".
        thresholds: A logits above which an attribute is answered yes; by default 0.
        names: A attribute names for `per_attribute`; by default "output 0", "output 1" and so on.
        threads: CPU threads for the file, 1 or more.
        batch_size: Images the Keras model takes at a time.

    Returns:
        Largest and mean absolute logit error, the answers that differ ("flips": count, share, per attribute), and with
        labels the accuracy of both, as shares in 0..1.

    Raises:
        ModelFileError: If the file is missing, truncated or damaged.
        ValueError: If shapes do not fit, labels are out of range, the model ends in a sigmoid while `thresholds` is not
            given, or either side gives NaN or infinity.

    Example:
        >>> print(verify(model, "face-int8.tflite", images, attributes))  # doctest: +SKIP
    """
    task = task or ("identities" if labels is not None and np.ndim(labels) == 1 else "attributes")
    if task not in TASKS:
        raise ValueError(f"task={task!r}; expected one of {', '.join(map(repr, TASKS))}")
    if len(images) == 0:
        raise ValueError(f"no images to compare {path} on; give at least one")
    if task == "attributes" and thresholds is None and _ends_in_sigmoid(model):
        raise ValueError(
            f"model '{model.name}' ends in a sigmoid, whose outputs all lie above the default threshold 0 of a logit; "
            "pass thresholds=[0.5] * outputs"
        )
    runner = Runner(path, threads)
    expected = np.asarray(model.predict(images, batch_size=batch_size, verbose=0), "float32")
    found = runner.predict(images)
    if expected.ndim != 2 or expected.shape != found.shape:
        raise ValueError(
            f"model '{model.name}' gives {expected.shape}, {path} gives {found.shape}; expected the same (N, A)"
        )
    _check_finite(expected, f"model '{model.name}'")
    _check_finite(found, str(path))
    labels = None if labels is None else _checked_labels(np.asarray(labels), expected.shape, task)

    error = np.abs(found - expected)
    figures = {
        "images": len(images),
        "max_abs_logit_error": float(error.max()),
        "mean_abs_logit_error": float(error.mean()),
    }
    per_attribute = {}
    if task == "identities":
        before, after = expected.argmax(1), found.argmax(1)
    else:
        limits = _thresholds(thresholds, expected.shape[1])
        before, after = (expected > limits).astype("uint8"), (found > limits).astype("uint8")
        per_attribute = _per_attribute(before, after, labels, _names(names, expected.shape[1]))
    figures |= {
        "answers": before.size,
        "flips": int((before != after).sum()),
        "flip_share": float((before != after).mean()),
    }
    if task == "identities":
        figures["top1_agreement"] = float((before == after).mean())
    if labels is not None:
        figures |= {
            "accuracy_keras": float((before == labels).mean()),
            "accuracy_tflite": float((after == labels).mean()),
        }
    return Verification(
        step=f"verify {Path(path).name}",
        before=None,
        after=None,
        done=[f"{model.name} and {Path(path).name} on {len(images)} images, {task}"],
        skipped={},
        figures=figures,
        per_attribute=per_attribute,
    )


def _ends_in_sigmoid(model: keras.Model) -> bool:
    return getattr(model.layers[-1], "activation", None) is keras.activations.sigmoid


def _check_finite(logits: np.ndarray, whose: str) -> None:
    bad = np.argwhere(~np.isfinite(logits))
    if len(bad):
        image, output = bad[0]
        raise ValueError(
            f"{whose} gives NaN or infinity in {len(bad)} of {logits.size} outputs (first: image {image}, output "
            f"{output}); its weights are damaged or were lost"
        )


def _checked_labels(labels: np.ndarray, shape: tuple[int, int], task: str) -> np.ndarray:
    wanted = shape if task == "attributes" else shape[:1]
    if labels.shape != wanted:
        raise ValueError(f"labels of shape {labels.shape}; expected {wanted} for {task}")
    highest = 1 if task == "attributes" else shape[1] - 1
    if labels.min() < 0 or labels.max() > highest:
        raise ValueError(f"labels run from {labels.min()} to {labels.max()}; expected 0 to {highest} for {task}")
    return labels


def _thresholds(thresholds: Sequence[float] | None, outputs: int) -> np.ndarray:
    limits = np.zeros(outputs, "float32") if thresholds is None else np.asarray(thresholds, "float32")
    if limits.shape != (outputs,):
        raise ValueError(f"thresholds of shape {limits.shape}; expected one for each of the {outputs} outputs")
    return limits


def _names(names: Sequence[str] | None, outputs: int) -> list[str]:
    if names is None:
        return [f"output {number}" for number in range(outputs)]
    if len(names) != outputs:
        raise ValueError(f"{len(names)} names for {outputs} outputs")
    return list(names)


def _per_attribute(before: np.ndarray, after: np.ndarray, labels: np.ndarray | None, names: list[str]) -> dict:
    table = {}
    for column, name in enumerate(names):
        flips = before[:, column] != after[:, column]
        table[name] = {"flips": int(flips.sum()), "flip_share": float(flips.mean())}
        if labels is not None:
            table[name]["accuracy_keras"] = float((before[:, column] == labels[:, column]).mean())
            table[name]["accuracy_tflite"] = float((after[:, column] == labels[:, column]).mean())
    return table
