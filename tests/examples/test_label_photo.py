"""The example that labels a photo with three packages and no tfslim."""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import tfslim.litert
from tests.examples.conftest import NAMES

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "label_photo.py"


def test_it_needs_three_packages_and_is_short():
    tree = ast.parse(SCRIPT.read_text())
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    packages = {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names)
    assert packages == {"ai_edge_litert", "numpy", "PIL"}
    assert len(SCRIPT.read_text().splitlines()) <= 45


@pytest.mark.parametrize("place", [1, 2])
def test_answers_are_those_of_the_file(labelled_files, photo, wide_photo, place):
    spec = importlib.util.spec_from_file_location("label_photo", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = module.answers(str(labelled_files[place]), str(photo))
    logits = tfslim.litert.predict(labelled_files[place], np.asarray(Image.open(photo))[None])[0]
    expected = dict(zip(NAMES, 1 / (1 + np.exp(-logits)), strict=True))
    assert dict(found) == pytest.approx(expected, abs=1e-6)
    assert [share for _, share in found] == sorted(expected.values(), reverse=True)
    assert module.answers(str(labelled_files[place]), str(wide_photo)) == found


def test_program(labelled_files, photo):
    done = subprocess.run([sys.executable, SCRIPT, labelled_files[2], photo], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and {line.split()[1] for line in lines} == set(NAMES)
    assert all(line.split()[0].endswith("%") for line in lines)
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True)
    assert done.returncode == 1 and "python label_photo.py" in done.stderr
