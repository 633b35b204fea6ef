"""Code run on another backend, in a fresh process; on jax without TensorFlow and what needs it."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = ("tensorflow", "tf_keras", "tensorflow_model_optimization", "ai_edge_litert")
BLOCKED = f"""
import sys
class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(name + " is not to be had here", name=name)
sys.meta_path.insert(0, Blocked())
"""


def run_on_backend(backend: str, code: str) -> None:
    """Runs code that says the name of its backend and nothing else; skips the test where there is no such backend."""
    if importlib.util.find_spec(backend) is None:
        pytest.skip(f"{backend} is not installed")
    # torch itself looks whether TensorFlow is there.
    done = subprocess.run(
        [sys.executable, "-c", code if backend == "torch" else BLOCKED + code],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        env={**os.environ, "KERAS_BACKEND": backend},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [backend]
