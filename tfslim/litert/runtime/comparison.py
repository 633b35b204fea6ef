"""Comparison of a .tflite file's outputs with its Keras model's."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from tfslim.graph.checks import check_graph_model
from tfslim.graph.outputs import find_output_activation, output_names
from tfslim.litert.runtime.output_differences import (
    attribute_changes,
    embedding_changes,
    identity_changes,
    label_changes,
    output_changes,
)
from tfslim.litert.runtime.runner import Runner
from tfslim.litert.runtime.signature_runner import SignatureRunner
from tfslim.report import Figure, Report

__all__ = ["TASKS", "Verification", "verify"]

TASKS = ("attributes", "identities", "embeddings", "outputs")


@dataclasses.dataclass
class Verification(Report):
    """The report of `verify`.

    Attributes:
        per_attribute: for attributes, the figures of each by name.
        per_label: for identities with labels, the figures of each class that has an image, by name.
        per_output: for the task "outputs", the figures of each output by name.
    """

    per_attribute: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    per_label: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    per_output: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict:
        """Return the report as plain values for JSON."""
        per = {"per_attribute": self.per_attribute, "per_label": self.per_label, "per_output": self.per_output}
        return {**super().to_dict(), **per}


def verify(
    model: keras.Model,
    path: str | Path,
    images: np.ndarray | Mapping[str, np.ndarray],
    labels: np.ndarray | None = None,
    *,
    task: str | None = None,
    thresholds: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
    threads: int = 1,
    batch_size: int = 32,
) -> Verification:
    """Compare a .tflite file with its Keras model.

    Args:
        model: The Keras model: one input and one output of logits or embeddings; for "outputs" any.
        path: The .tflite file.
        images: (N, H, W, C) uint8 or float, pixels in 0..255; N is 1 or more. For several inputs, a dictionary of such
            arrays by input name.
        labels: (N, A) of 0 and 1 for attributes, or (N,) class numbers in 0..A-1 for identities.
        task: "attributes" (each logit is a yes or no of its own), "identities" (the largest logit is the class),
            "embeddings" (the outputs are compared as vectors) or "outputs" (as numbers, each output by itself). By
            default it follows from `labels`; without labels it is "attributes", and "outputs" for several inputs or
            outputs, or an output that is not of shape (N, A).
        thresholds: For attributes: A logits above which an attribute is predicted; by default 0.
        names: A names for `per_attribute` or `per_label`; by default "output 0", "output 1" and so on.
        threads: CPU threads for the file, 1 or more.
        batch_size: Batch size of the Keras model.

    Returns:
        Largest and mean absolute logit error, the predictions that differ ("flips": count, share, per attribute), and
        with labels the accuracy of both, as shares in 0..1. For embeddings: lowest and mean cosine between the model's
        and the file's, largest and mean absolute error. For outputs: errors, signal-to-noise ratio and top-1 agreement
        of each.

    Raises:
        ModelFileError: If the file is missing, truncated or damaged.
        TypeError: If model and path are swapped, the model is a Keras 2 model (tf_keras), or its graph can't be
            read.
        ValueError: If shapes do not fit, labels are out of range, an argument does not belong to the task, the model
            ends in a sigmoid and `thresholds` is None, or either side returns NaN or infinity.

    Example:
        >>> print(verify(model, "face-int8.tflite", images, attributes))  # doctest: +SKIP
        >>> print(verify(embedding_model(model), "face-int8.tflite", images, task="embeddings"))  # doctest: +SKIP
    """
    _check_model(model)
    task = task or _default_task(model, labels)
    count = _count(images)
    _check_arguments(model, path, count, labels, task, thresholds, names)
    if task == "outputs":
        return _verify_outputs(model, path, images, threads, batch_size)
    runner = Runner(path, threads)
    expected = np.asarray(model.predict(images, batch_size=batch_size, verbose=0), "float32")
    actual = runner.predict(np.asarray(images))
    if expected.ndim != 2 or expected.shape != actual.shape:
        raise ValueError(
            f"model '{model.name}' returns outputs of shape {expected.shape}, {path} of shape {actual.shape}; expected "
            "the same shape (N, A)"
        )
    _check_finite(expected, f"model '{model.name}'")
    _check_finite(actual, str(path))

    figures: dict[str, Figure] = {"images": len(images)}
    per_attribute, per_label = {}, {}
    if task == "embeddings":
        figures |= embedding_changes(expected, actual)
    else:
        error = np.abs(actual - expected)
        figures |= {"max_abs_logit_error": float(error.max()), "mean_abs_logit_error": float(error.mean())}
        if task == "identities":
            changes = identity_changes(expected, actual, labels)
            per_label = label_changes(expected, actual, labels, names)
        else:
            changes, per_attribute = attribute_changes(expected, actual, labels, thresholds, names)
        figures |= changes
    return Verification(
        step=f"verify {Path(path).name}",
        before=None,
        after=None,
        done=[f"{model.name} and {Path(path).name} on {len(images)} images, {task}"],
        skipped={},
        figures=figures,
        per_attribute=per_attribute,
        per_label=per_label,
    )


def _check_model(model: object) -> None:
    if isinstance(model, (str, Path)):
        raise TypeError(f"verify takes the model first, then the path; got a path as model: {str(model)!r}")
    check_graph_model(model)


def _default_task(model: keras.Model, labels: np.ndarray | None) -> str:
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.outputs[0].shape) != 2:
        return "outputs"
    return "identities" if labels is not None and np.ndim(labels) == 1 else "attributes"


def _count(images: np.ndarray | Mapping[str, np.ndarray]) -> int:
    arrays = list(images.values()) if isinstance(images, Mapping) else [images]
    return min((len(array) for array in arrays), default=0)


def _verify_outputs(
    model: keras.Model, path: str | Path, images: np.ndarray | Mapping[str, np.ndarray], threads: int, batch_size: int
) -> Verification:
    runner = SignatureRunner(path, threads)
    names = output_names(model)
    if not isinstance(images, Mapping):
        images = {model.inputs[0].name: images}
    values = [images[tensor.name] for tensor in model.inputs if tensor.name in images]
    if len(values) != len(model.inputs) or len(images) != len(values):
        raise ValueError(
            f"got values for {', '.join(images)}; model '{model.name}' takes {', '.join(x.name for x in model.inputs)}"
        )
    counts = sorted({len(array) for array in values})
    if len(counts) > 1:
        raise ValueError(f"got {' and '.join(map(str, counts))} examples; expected the same number for each input")
    if len(runner.inputs) != len(values) or len(runner.outputs) != len(names):
        raise ValueError(
            f"model '{model.name}' has {len(values)} inputs and {len(names)} outputs, {path} has "
            f"{len(runner.inputs)} and {len(runner.outputs)}; pass the model that the file was made from"
        )
    # A file of another converter may have other names; its order is then taken to be the model's.
    inputs = runner.inputs if set(runner.inputs) != set(images) else [tensor.name for tensor in model.inputs]
    outputs = runner.outputs if set(runner.outputs) != set(names) else names
    bare = keras.Model(model.inputs, model.outputs)
    expected = keras.tree.flatten(bare.predict(values, batch_size=batch_size, verbose=0))
    actual = runner.run(dict(zip(inputs, values, strict=True)))
    per_output = {}
    for name, file_name, array in zip(names, outputs, expected, strict=True):
        other = actual[file_name]
        if array.shape != other.shape:
            raise ValueError(
                f"output {name}: model '{model.name}' returns shape {array.shape}, {path} shape {other.shape}; pass "
                "the model that the file was made from"
            )
        _check_finite(array, f"output {name} of model '{model.name}'")
        _check_finite(other, f"output {file_name} of {path}")
        per_output[name] = output_changes(array, other)
    worst = min(per_output.values(), key=lambda figures: figures["snr_db"])
    return Verification(
        step=f"verify {Path(path).name}",
        done=[f"{model.name} and {Path(path).name} on {_count(images)} images, {len(names)} outputs"],
        figures={"images": _count(images), **worst},
        per_output=per_output,
    )


def _check_arguments(model: keras.Model, path: str | Path, count: int, labels, task: str, thresholds, names):
    if task not in TASKS:
        raise ValueError(f"task={task!r}; expected one of {', '.join(map(repr, TASKS))}")
    if count == 0:
        raise ValueError(f"no images to compare {path} on; pass at least one")
    for name, value, tasks in (
        ("labels", labels, ("attributes", "identities")),
        ("thresholds", thresholds, ("attributes",)),
        ("names", names, ("attributes", "identities")),
    ):
        if value is not None and task not in tasks:
            raise ValueError(f"{name} are for {' or '.join(tasks)}; the task is {task}; leave them out")
    if task == "attributes" and thresholds is None and (activation := find_output_activation(model)):
        raise ValueError(
            f"model '{model.name}' returns probabilities ({activation}), which all lie above the default threshold 0 "
            "of a logit; pass thresholds=[0.5] * outputs"
        )


def _check_finite(outputs: np.ndarray, source: str) -> None:
    bad = np.argwhere(~np.isfinite(outputs))
    if len(bad):
        image, *position = bad[0]
        raise ValueError(
            f"{source} returns NaN or infinity in {len(bad)} of {outputs.size} outputs (first: image {image}, output "
            f"{', '.join(map(str, position))}); its weights are damaged or were lost"
        )
