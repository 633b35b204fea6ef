"""Checks for every exported .tflite file: its numbers, its batch of one, its types."""

import tempfile
from pathlib import Path

import keras
import numpy as np

import tfslim.litert
from tests.generated_model import open_flatfile
from tfslim.report import Report


def run_export_test(
    model: keras.Model, images: np.ndarray, quantization: str, tolerance: float
) -> tuple[Report, tfslim.litert.Verification]:
    """Converts a model and asserts that the file is static, of the types asked for, and near the model on `images`.

    Args:
        model: One input of images, one output of logits.
        images: (N, H, W, C), both the representative set of int8 and what is compared on.
        quantization: "none", "float16", "dynamic" or "int8".
        tolerance: Largest absolute logit error allowed, as a share of the range (max - min) of the model's logits.

    Returns:
        The reports of the conversion and of the comparison.
    """
    before = [weights.copy() for weights in model.get_weights()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        representative = images if quantization == "int8" else None
        report = tfslim.litert.convert(model, path, quantization, representative=representative)
        assert_file(path, report, quantization)
        found = tfslim.litert.verify(model, path, images)
    logits = model.predict(images, verbose=0)
    assert np.ptp(logits) > 0, "a model whose logits are all alike shows nothing"
    assert found.figures["max_abs_logit_error"] <= tolerance * np.ptp(logits)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    return report, found


def assert_file(path: Path, report: Report, quantization: str) -> None:
    """Asserts that a file says of itself what the report says: sizes, a fixed batch of one, input and output types."""
    assert report.figures["bytes"] == path.stat().st_size
    assert report.figures["gzipped"] < report.figures["bytes"] + 64
    (graph,) = open_flatfile(path).subgraphs
    for tensor in graph.tensors:
        assert tensor.shapeSignature is None or -1 not in list(tensor.shapeSignature), tensor.name
    runner = tfslim.litert.Runner(path)
    assert runner.input_dtype == runner.output_dtype == ("int8" if quantization == "int8" else "float32")
    assert [entry.name for entry in path.parent.iterdir() if entry.name.startswith(".")] == []


def with_statistics(model: keras.Model, seed: int = 0) -> keras.Model:
    """Gives a fresh model the weights of a trained one's kind: batch norms and biases that are not 0 and 1."""
    rng = np.random.default_rng(seed)
    model.set_weights(
        [
            weights
            if weights.ndim > 1
            else (np.abs(weights) + rng.uniform(0.1, 0.9, weights.shape)).astype(weights.dtype)
            for weights in model.get_weights()
        ]
    )
    return model
