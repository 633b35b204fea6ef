"""One small model with every kind of branch, and its four files: converted once for all tests of this folder."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import tfslim.litert
from tests.export_checks import with_statistics
from tests.litert.made_once import made_once

QUANTIZATIONS = ("none", "float16", "dynamic", "int8")


def branching_model(policy: str = "float32") -> keras.Model:
    """Convolution, batch norm, depthwise, addition, concatenation, flattening, dense; 16x16 pixels, 5 logits.

    The last kernel has 3,840 weights: the dynamic range leaves tensors of fewer than 1,024 in float.
    """
    layers = keras.layers
    inputs = keras.Input((16, 16, 3), name="image")
    x = layers.Rescaling(1 / 127.5, -1.0, dtype=policy)(inputs)
    x = layers.Conv2D(8, 3, padding="same", use_bias=False, dtype=policy, name="stem")(x)
    x = layers.ReLU(dtype=policy)(layers.BatchNormalization(dtype=policy)(x))
    side = layers.DepthwiseConv2D(3, padding="same", use_bias=False, dtype=policy, name="depthwise")(x)
    side = layers.ReLU(6.0, dtype=policy)(layers.BatchNormalization(dtype=policy)(side))
    x = layers.Add(dtype=policy)([x, side])
    x = layers.Concatenate(dtype=policy)([x, layers.Conv2D(4, 1, activation="relu", dtype=policy, name="point")(side)])
    x = layers.Flatten(dtype=policy)(layers.MaxPooling2D(2, dtype=policy)(x))
    return keras.Model(inputs, layers.Dense(5, dtype="float32", name="logits")(x), name="branching")


@pytest.fixture(scope="session")
def pictures() -> np.ndarray:
    """48 different pictures of 16x16, each a smooth gradient under noise, uint8."""
    rng = np.random.default_rng(0)
    slope = np.linspace(0, 1, 16)[None, :, None, None] * rng.uniform(0, 180, (48, 1, 1, 3))
    return np.clip(slope + rng.uniform(0, 90, (48, 16, 16, 3)), 0, 255).astype("uint8")


@pytest.fixture(scope="session")
def branching() -> keras.Model:
    keras.utils.set_random_seed(0)
    return with_statistics(branching_model())


@pytest.fixture(scope="session")
def files(branching, pictures, tmp_path_factory) -> dict:
    """quantization -> (path, report); the float32 file is made from the same model in mixed precision."""

    def make(folder: Path) -> None:
        mixed = branching_model("mixed_float16")
        mixed.set_weights(branching.get_weights())
        reports = {}
        for quantization in QUANTIZATIONS:
            model = mixed if quantization == "none" else branching
            representative = pictures if quantization == "int8" else None
            path = folder / f"{quantization}.tflite"
            reports[quantization] = tfslim.litert.convert(model, path, quantization, representative=representative)
        (folder / "reports").write_bytes(pickle.dumps(reports))

    folder = made_once(tmp_path_factory, "branching", make)
    reports = pickle.loads((folder / "reports").read_bytes())
    return {quantization: (folder / f"{quantization}.tflite", report) for quantization, report in reports.items()}


@pytest.fixture(scope="session")
def edge_files(tmp_path_factory) -> Path:
    """The folder of all files of tests/litert/edge_models.py, NAME.tflite each, converted in one process."""

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "tests.litert.edge_models", str(folder)]
        quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        root = Path(__file__).resolve().parents[2]
        outcome = subprocess.run(command, cwd=root, env=quiet, capture_output=True, text=True, errors="replace")
        assert outcome.returncode == 0, outcome.stderr[-2000:]

    return made_once(tmp_path_factory, "edge", make)
