"""How one output of a file differs from that of the Keras model, whatever it means."""

import numpy as np


def output_changes(expected: np.ndarray, found: np.ndarray) -> dict[str, float]:
    """Compares two arrays.

    Args:
        expected: (N, ...) output of the Keras model.
        found: (N, ...) output of the file.

    Returns:
        Figures: largest and mean absolute error, the signal-to-noise ratio in dB (infinity where they are equal), and
        the share of places where the largest of the last axis is the same, where that has more than one.

    Example:
        >>> output_changes(np.array([[3.0, 4.0]]), np.array([[3.0, 4.5]]))["snr_db"]
        20.0
    """
    error = found.astype("float64") - expected.astype("float64")
    noise, signal = float((error**2).sum()), float((expected.astype("float64") ** 2).sum())
    ratio = 10 * np.log10(signal / noise) if noise and signal else (np.inf if not noise else -np.inf)
    figures = {
        "max_abs_error": float(np.abs(error).max()),
        "mean_abs_error": float(np.abs(error).mean()),
        "snr_db": float(ratio),
    }
    if expected.ndim > 1 and expected.shape[-1] > 1:
        figures["top1_agreement"] = float((expected.argmax(-1) == found.argmax(-1)).mean())
    return figures
