"""Differences of a file's outputs from its Keras model's.

They are measured by task.
"""

from collections.abc import Sequence

import numpy as np

from tfslim.metrics.similarity import cosine_similarity

__all__ = ["attribute_changes", "embedding_changes", "identity_changes", "label_changes", "output_changes"]


def attribute_changes(
    expected: np.ndarray,
    actual: np.ndarray,
    labels: np.ndarray | None = None,
    thresholds: Sequence[float] | None = None,
    names: Sequence[str] | None = None,
) -> tuple[dict[str, float], dict[str, dict[str, float]]]:
    """Compare logits of independent binary attributes.

    Args:
        expected: (N, A) logits of the Keras model.
        actual: (N, A) logits of the file.
        labels: (N, A) of 0 and 1.
        thresholds: A logits above which the attribute is predicted; by default 0.
        names: A attribute names; by default "output 0", "output 1" and so on.

    Returns:
        Figures over all predictions ("answers": their number, flips and their share, with labels the accuracy of both,
        as shares in 0..1), and the same for each attribute by name.

    Raises:
        ValueError: If the labels, thresholds or names do not fit the logits.

    Example:
        >>> attribute_changes(np.array([[0.1, 2.0]]), np.array([[-0.1, 2.1]]), names=["Bald", "Male"])[1]["Bald"]
        {'flips': 1, 'flip_share': 1.0}
    """
    outputs = expected.shape[1]
    labels = None if labels is None else _check_labels(np.asarray(labels), expected.shape, 1, "attributes")
    limits = np.zeros(outputs, "float32") if thresholds is None else np.asarray(thresholds, "float32")
    if limits.shape != (outputs,):
        raise ValueError(f"thresholds of shape {limits.shape}; expected one for each of the {outputs} outputs")
    names = _output_names(names, outputs)
    before, after = expected > limits, actual > limits
    per_attribute = {
        name: _flips(before[:, column], after[:, column], None if labels is None else labels[:, column])
        for column, name in enumerate(names)
    }
    return {"answers": before.size, **_flips(before, after, labels)}, per_attribute


def identity_changes(expected: np.ndarray, actual: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
    """Compare logits of mutually exclusive classes.

    Args:
        expected: (N, A) logits of the Keras model.
        actual: (N, A) logits of the file.
        labels: (N,) class numbers in 0..A-1.

    Returns:
        Figures: number of predictions ("answers"), flips and their share, top-1 agreement of the two, and with labels
        the accuracy of both, as shares in 0..1.

    Raises:
        ValueError: If the labels do not fit the logits.

    Example:
        >>> identity_changes(np.array([[3.0, 1.0], [0.0, 1.0]]), np.array([[1.0, 2.0], [0.0, 2.0]]))["top1_agreement"]
        0.5
    """
    if labels is not None:
        labels = _check_labels(np.asarray(labels), expected.shape[:1], expected.shape[1] - 1, "identities")
    before, after = expected.argmax(1), actual.argmax(1)
    figures = {"answers": before.size, **_flips(before, after, labels)}
    return figures | {"top1_agreement": float((before == after).mean())}


def label_changes(
    expected: np.ndarray, actual: np.ndarray, labels: np.ndarray | None, names: Sequence[str] | None = None
) -> dict[str, dict[str, float]]:
    """Compare class predictions on the images of each class.

    Args:
        expected: (N, A) logits of the Keras model.
        actual: (N, A) logits of the file.
        labels: (N,) class numbers in 0..A-1; with None the result is {}.
        names: A class names; by default "output 0", "output 1" and so on.

    Returns:
        Class name -> number of images, flips and their share, accuracy of both, for each class that has an image.

    Raises:
        ValueError: If the labels or names do not fit the logits.

    Example:
        >>> label_changes(np.array([[3.0, 1.0]]), np.array([[1.0, 2.0]]), np.array([0]))["output 0"]["flips"]
        1
    """
    outputs = expected.shape[1]
    names = _output_names(names, outputs)
    if labels is None:
        return {}
    labels = _check_labels(np.asarray(labels), expected.shape[:1], outputs - 1, "identities")
    before, after = expected.argmax(1), actual.argmax(1)
    return {
        names[label]: {"images": int(own.sum()), **_flips(before[own], after[own], labels[own])}
        for label in np.unique(labels)
        for own in [labels == label]
    }


def embedding_changes(expected: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """Compare two embeddings of each image.

    Args:
        expected: (N, D) embeddings of the Keras model, of any norm.
        actual: (N, D) embeddings of the file.

    Returns:
        Figures: lowest and mean cosine between the two (0 if one is all zeros), largest and mean absolute error of an
        element.

    Raises:
        ValueError: If an embedding is not finite.

    Example:
        >>> embedding_changes(np.array([[3.0, 4.0]]), np.array([[3.0, 0.0]]))["min_cosine"]
        0.6000000238418579
    """
    count = len(expected)
    cosines = cosine_similarity(np.concatenate([expected, actual]), np.arange(count), np.arange(count, 2 * count))
    error = np.abs(actual - expected)
    return {
        "min_cosine": float(cosines.min()),
        "mean_cosine": float(cosines.mean()),
        "max_abs_error": float(error.max()),
        "mean_abs_error": float(error.mean()),
    }


def output_changes(expected: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """Compare two outputs as numbers.

    Args:
        expected: (N, ...) output of the Keras model.
        actual: (N, ...) output of the file.

    Returns:
        Figures: largest and mean absolute error, the signal-to-noise ratio in dB (infinity if they are equal), and if
        the last axis is longer than 1, the share of positions at which its largest element is the same.

    Example:
        >>> output_changes(np.array([[3.0, 4.0]]), np.array([[3.0, 4.5]]))["snr_db"]
        20.0
    """
    error = actual.astype("float64") - expected.astype("float64")
    noise, signal = float((error**2).sum()), float((expected.astype("float64") ** 2).sum())
    ratio = 10 * np.log10(signal / noise) if noise and signal else (np.inf if not noise else -np.inf)
    figures = {
        "max_abs_error": float(np.abs(error).max()),
        "mean_abs_error": float(np.abs(error).mean()),
        "snr_db": float(ratio),
    }
    if expected.ndim > 1 and expected.shape[-1] > 1:
        figures["top1_agreement"] = float((expected.argmax(-1) == actual.argmax(-1)).mean())
    return figures


def _flips(before: np.ndarray, after: np.ndarray, labels: np.ndarray | None) -> dict[str, float]:
    flips = before != after
    figures = {"flips": int(flips.sum()), "flip_share": float(flips.mean())}
    if labels is not None:
        figures["accuracy_keras"] = float((before == labels).mean())
        figures["accuracy_tflite"] = float((after == labels).mean())
    return figures


def _check_labels(labels: np.ndarray, shape: tuple[int, ...], highest: int, task: str) -> np.ndarray:
    if labels.shape != shape:
        raise ValueError(f"labels of shape {labels.shape}; expected {shape} for {task}")
    if labels.min() < 0 or labels.max() > highest:
        raise ValueError(f"labels range from {labels.min()} to {labels.max()}; expected 0 to {highest} for {task}")
    return labels


def _output_names(names: Sequence[str] | None, outputs: int) -> list[str]:
    names = [f"output {number}" for number in range(outputs)] if names is None else list(names)
    if len(names) != outputs:
        raise ValueError(f"got {len(names)} names for {outputs} outputs; expected one for each output")
    return names
