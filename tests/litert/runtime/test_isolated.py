"""Files run in processes of their own, and in one of the Edge TPU compiler's age."""

import os
import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.litert import flat_edit
from tfslim.litert import lint, predict, slim_file
from tfslim.litert.flatbuffer.model_file import open_file
from tfslim.litert.runtime.isolated import CannotRun, compare_files, largest_difference, random_inputs, run_isolated
from tfslim.litert.runtime.old_loader import MAX_STEPS, make_environment, run_old

# Not int8: the compiler takes none of these, and TensorFlow 2.6 says nothing of it.
FLOAT = {"float32", "float16", "volume", "lstm", "loop", "two_signatures", "sparse", "variables", "flex", "int16x8"}
FLOAT |= {"cast", "long_numbers", "outside"}
# Converted above all to be large, and rules of size that no loader has.
LARGE = {"parameters", "large_map", "large_output"}


def test_outputs_are_those_of_this_process(edge_files):
    path = edge_files / "clean.tflite"
    inputs = random_inputs(open_file(path).graphs[0], runs=2)
    assert [array.dtype for (array,) in inputs] == ["int8", "int8"]
    assert inputs[0][0].min() == -128 and inputs[0][0].max() == 127
    found = run_isolated(path, inputs)
    graph = open_file(path).graphs[0]
    taken, given = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    for (stored,), (output,) in zip(inputs, found, strict=True):
        image = (stored.astype("float32") - taken.zero_points[0]) * taken.scales[0]
        expected = predict(path, image)
        np.testing.assert_allclose((output.astype("float32") - given.zero_points[0]) * given.scales[0], expected)
    assert not np.array_equal(found[0][0], found[1][0])
    assert compare_files(path, path) == 0


def test_files_that_answer_otherwise(edge_files, tmp_path):
    def shift(model):
        bias = flat_edit.buffer(model, "CONV_2D", 2)
        bias["data"] = np.frombuffer((np.frombuffer(bias["data"].tobytes(), "<i4") + 500).tobytes(), "u1")

    other = flat_edit.edited(edge_files / "clean.tflite", tmp_path / "other.tflite", shift)
    assert compare_files(edge_files / "clean.tflite", other) > 0


def test_differences_by_hand():
    one = [[np.array([1.0, np.nan], "f4")]]
    assert largest_difference(one, [[np.array([1.0, np.nan], "f4")]]) == 0
    assert largest_difference(one, [[np.array([1.0, 2.0], "f4")]]) == np.inf
    assert largest_difference(one, [[np.array([1.0, np.nan], "f8")]]) == np.inf
    assert largest_difference([[np.array([0.0], "f4")]], [[np.array([-0.0], "f4")]]) == np.inf
    assert largest_difference([[np.array([3, -4], "i1")]], [[np.array([5, 100], "i1")]]) == 104
    assert largest_difference([[np.zeros(2, "i1")]], [[np.zeros(2, "i1"), np.zeros(2, "i1")]]) == np.inf


def test_refusals_and_crashes_are_told(edge_files, tmp_path):
    path = edge_files / "clean.tflite"
    inputs = random_inputs(open_file(path).graphs[0], runs=1)
    with pytest.raises(CannotRun, match="refuses it: .*[Ff]lex"):
        run_isolated(edge_files / "flex.tflite", [[np.zeros((1, 16, 16, 3), "f4")]])
    for name, body, message in (
        ("crash", "kill -SEGV $$", "crashes with SIGSEGV"),
        ("mute", "exit 3", "it printed no error"),
        ("loud", "echo no answer; echo because >&2; exit 3", "because"),
    ):
        script = tmp_path / name
        script.write_text(f"#!/bin/sh\n{body}\n")
        script.chmod(0o755)
        with pytest.raises(CannotRun, match=message):
            run_isolated(path, inputs, python=script)


def test_inputs_that_cannot_be_drawn(edge_files, tmp_path):
    def enlarge(model):
        graph = model["subgraphs"][0]
        graph["tensors"][graph["inputs"][0]]["shape"] = np.array([2**30, 2**30, 16, 3], "i4")

    large = flat_edit.edited(edge_files / "clean.tflite", tmp_path / "large.tflite", enlarge)
    with pytest.raises(CannotRun, match="too large"):
        compare_files(large, large)

    def resource(model):
        graph = model["subgraphs"][0]
        graph["tensors"][graph["inputs"][0]]["type"] = 13

    other = flat_edit.edited(edge_files / "clean.tflite", tmp_path / "resource.tflite", resource)
    with pytest.raises(CannotRun, match="RESOURCE"):
        random_inputs(open_file(other).graphs[0], runs=1)


def test_an_environment_needs_python_3_9(tmp_path):
    with pytest.raises(RuntimeError, match="needs Python 3.9"):
        make_environment(tmp_path / "environment", sys.executable)
    with pytest.raises(RuntimeError, match="cannot be run"):
        make_environment(tmp_path / "environment", str(tmp_path / "python3.9"))
    assert list(tmp_path.iterdir()) == []


def python39() -> str:
    """An interpreter of Python 3.9, on the PATH or of pyenv; "python3.9" where there is none."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    found = [str(path) for path in sorted(pyenv.glob("versions/3.9.*/bin/python"))]
    return found[-1] if found else shutil.which("python3.9") or "python3.9"


@pytest.fixture(scope="module")
def old_python(tmp_path_factory) -> Path:
    """TensorFlow 2.6's interpreter; TFSLIM_OLD_LOADER names a folder in which it is kept between runs."""
    folder = os.environ.get("TFSLIM_OLD_LOADER") or tmp_path_factory.mktemp("old") / "environment"
    try:
        return make_environment(folder, python39())
    except RuntimeError as error:
        pytest.skip(f"no TensorFlow 2.6: {error}")


@pytest.mark.slow
def test_old_loader_agrees_with_the_linter(edge_files, old_python):
    ran = {}
    for path in sorted(edge_files.glob("*.tflite")):
        if path.stem not in FLOAT | LARGE:
            ran[path.stem] = lint(path), run_old(path, old_python, runs=2)
    for name, (linted, old) in ran.items():
        assert not linted.ok or old.agrees, (name, old)
        assert not old.error or not linted.ok, (name, old)
    refused = {name for name, (_, old) in ran.items() if old.error}
    assert refused >= {"grouped", "gelu", "softplus", "upsampling"}
    passed = [old.steps for linted, old in ran.values() if linted.ok]
    assert len(passed) >= 7 and max(passed) <= MAX_STEPS
    # The dense layer of one scale a unit loads, and answers a constant.
    assert not ran["dense"][1].error and ran["dense"][1].steps > MAX_STEPS


@pytest.mark.slow
def test_old_loader_takes_slimmed_files(edge_files, old_python, tmp_path, monkeypatch, capsys):
    slim_file(edge_files / "clean.tflite", tmp_path / "slim.tflite")
    graph = open_file(edge_files / "clean.tflite").graphs[0]
    inputs = random_inputs(graph, runs=2)
    before, after = (
        run_isolated(path, inputs, old_python) for path in (edge_files / "clean.tflite", tmp_path / "slim.tflite")
    )
    assert largest_difference(before, after) == 0
    program = Path(__file__).resolve().parents[3] / "export" / "old_loader.py"
    arguments = [tmp_path / "slim.tflite", edge_files / "gelu.tflite", "--environment", old_python.parents[1]]
    monkeypatch.setattr(sys, "argv", [str(program), *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(program), run_name="__main__")
    assert caught.value.code == 0
    shown = capsys.readouterr().out
    assert "passes" in shown and "E4" in shown and "out of range" in shown
