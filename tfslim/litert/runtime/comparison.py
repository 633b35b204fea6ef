"""A .tflite file's outputs beside those of the Keras model it was made from, on the same images."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

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
from tfslim.report import Report

TASKS = ("attributes", "identities", "embeddings", "outputs")


@dataclasses.dataclass
class Verification(Report):
    """The report of `verify`.

    Attributes:
        per_attribute: for attributes the figures of each, by its name.
        per_label: for identities with labels the figures of each class that has an image, by its name.
        per_output: for the task "outputs" the figures of each output, by its name.
    """

    per_attribute: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    per_label: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)
    per_output: dict[str, dict[str, float]] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict:
        """Returns the report as plain values for JSON."""
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
    """Compares a .tflite file with the Keras model it was made from.

    Args:
        model: The Keras model: one input and one output of logits or embeddings; for "outputs" any.
        path: The .tflite file.
        images: (N, H, W, C) uint8 or float, pixels in 0..255; N is 1 or more. For several inputs a dictionary of such
            arrays by the inputs' names.
        labels: (N, A) of 0 and 1 for attributes, or (N,) class numbers in 0..A-1 for identities.
        task: "attributes" (each logit answers yes or no by itself), "identities" (the largest logit answers),
            "embeddings" (the outputs are compared as vectors) or "outputs" (as numbers, each output by itself); by
            default as `labels` say, without labels "attributes", and "outputs" for several inputs or outputs or one
            that is no row of numbers.
        thresholds: For attributes: A logits above which an attribute is answered yes; by default 0.
        names: A names for `per_attribute` or `per_label`; by default "output 0", "output 1" and so on.
        threads: CPU threads for the file, 1 or more.
        batch_size: Images the Keras model takes at a time.

    Returns:
        Largest and mean absolute logit error, the answers that differ ("flips": count, share, per attribute), and with
        labels the accuracy of both, as shares in 0..1. For embeddings: lowest and mean cosine between the model's and
        the file's, largest and mean absolute error. For outputs: of each its errors, signal-to-noise ratio, and how
        often the largest is the same.

    Raises:
        ModelFileError: If the file is missing, truncated or damaged.
        ValueError: If shapes do not fit, labels are out of range, an argument is not for the task, the model ends in a
            sigmoid while `thresholds` is not given, or either side gives NaN or infinity.

    Example:
        >>> print(verify(model, "face-int8.tflite", images, attributes))  # doctest: +SKIP
        >>> print(verify(embedding_model(model), "face-int8.tflite", images, task="embeddings"))  # doctest: +SKIP
    """
    task = task or _task_of(model, labels)
    count = _count(images)
    _check_arguments(model, path, count, labels, task, thresholds, names)
    if task == "outputs":
        return _verify_outputs(model, path, images, threads, batch_size)
    runner = Runner(path, threads)
    expected = np.asarray(model.predict(images, batch_size=batch_size, verbose=0), "float32")
    found = runner.predict(images)
    if expected.ndim != 2 or expected.shape != found.shape:
        raise ValueError(
            f"model '{model.name}' gives {expected.shape}, {path} gives {found.shape}; expected the same (N, A)"
        )
    _check_finite(expected, f"model '{model.name}'")
    _check_finite(found, str(path))

    figures, per_attribute, per_label = {"images": len(images)}, {}, {}
    if task == "embeddings":
        figures |= embedding_changes(expected, found)
    else:
        error = np.abs(found - expected)
        figures |= {"max_abs_logit_error": float(error.max()), "mean_abs_logit_error": float(error.mean())}
        if task == "identities":
            changes = identity_changes(expected, found, labels)
            per_label = label_changes(expected, found, labels, names)
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
        per_label=per_label,
    )


def _task_of(model: keras.Model, labels: np.ndarray | None) -> str:
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
    given = [images[tensor.name] for tensor in model.inputs if tensor.name in images]
    if len(given) != len(model.inputs) or len(images) != len(given):
        raise ValueError(
            f"values for {', '.join(images)}; model '{model.name}' takes {', '.join(x.name for x in model.inputs)}"
        )
    counts = sorted({len(values) for values in given})
    if len(counts) > 1:
        raise ValueError(f"{' and '.join(map(str, counts))} examples; expected as many for each input")
    if len(runner.inputs) != len(given) or len(runner.outputs) != len(names):
        raise ValueError(
            f"model '{model.name}' has {len(given)} inputs and {len(names)} outputs, {path} has {len(runner.inputs)} "
            f"and {len(runner.outputs)}"
        )
    # A file of another converter may have other names; its order is then taken to be the model's.
    inputs = runner.inputs if set(runner.inputs) != set(images) else [tensor.name for tensor in model.inputs]
    outputs = runner.outputs if set(runner.outputs) != set(names) else names
    bare = keras.Model(model.inputs, model.outputs)
    expected = keras.tree.flatten(bare.predict(given, batch_size=batch_size, verbose=0))
    found = runner.run(dict(zip(inputs, given, strict=True)))
    per_output = {}
    for name, own, value in zip(names, outputs, expected, strict=True):
        if value.shape != found[own].shape:
            raise ValueError(f"output {name}: '{model.name}' gives {value.shape}, {path} gives {found[own].shape}")
        _check_finite(value, f"output {name} of model '{model.name}'")
        _check_finite(found[own], f"output {own} of {path}")
        per_output[name] = output_changes(value, found[own])
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
        raise ValueError(f"no images to compare {path} on; give at least one")
    for name, given, tasks in (
        ("labels", labels, ("attributes", "identities")),
        ("thresholds", thresholds, ("attributes",)),
        ("names", names, ("attributes", "identities")),
    ):
        if given is not None and task not in tasks:
            raise ValueError(f"{name} are for {' or '.join(tasks)}; the task is {task}: leave them out")
    if task == "attributes" and thresholds is None and (found := find_output_activation(model)):
        raise ValueError(
            f"model '{model.name}' gives probabilities ({found}), which all lie above the default threshold 0 of a "
            "logit; pass thresholds=[0.5] * outputs"
        )


def _check_finite(outputs: np.ndarray, whose: str) -> None:
    bad = np.argwhere(~np.isfinite(outputs))
    if len(bad):
        image, *place = bad[0]
        raise ValueError(
            f"{whose} gives NaN or infinity in {len(bad)} of {outputs.size} outputs (first: image {image}, output "
            f"{', '.join(map(str, place))}); its weights are damaged or were lost"
        )
