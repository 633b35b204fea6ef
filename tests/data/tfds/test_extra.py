"""Without TensorFlow Datasets its users are told which extra to install."""

import importlib
import sys

import pytest


@pytest.mark.parametrize("module", ["builder", "reader"])
def test_the_extra_is_named(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    for name in ("builder", "reader"):
        monkeypatch.delitem(sys.modules, f"tfslim.data.tfds.{name}", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r'pip install "tfslim-edge\[tfds\]", or from a checkout'):
        importlib.import_module(f"tfslim.data.tfds.{module}")
